"""Downloads of one file, from a real server that misbehaves."""

import datetime
import ipaddress
import ssl
from pathlib import Path

import pytest
import servers
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from leakage.errors import LeakageError
from leakage.storage import downloads, files

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes: several chunks
PATH = "/a/file.bin"


@pytest.fixture(autouse=True)
def quick():
    with servers.quick_retries():
        yield


@pytest.fixture
def root(tmp_path):
    (tmp_path / "served" / "a").mkdir(parents=True)
    (tmp_path / "served" / PATH.lstrip("/")).write_bytes(CONTENT)
    return tmp_path / "served"


@pytest.fixture
def server(root):
    with servers.serving(root) as server:
        yield server


@pytest.fixture
def target(tmp_path):
    (tmp_path / "got").mkdir()
    return tmp_path / "got" / "file.bin"


def fetch(url, target, check=lambda path: None, retries=3, timeout=5.0, limit=1 << 20):
    for path in (target, files.checksum_path(target)):
        path.unlink(missing_ok=True)
    with downloads.Session(4, retries, timeout, "ask the host") as session:
        downloads.fetch(session, url, target, check, limit)


def refusal(url, target, **settings):
    """Return the message of a download that must fail and leave no file."""
    with pytest.raises(LeakageError) as caught:
        fetch(url, target, **settings)
    assert not list(target.parent.iterdir())
    message = str(caught.value)
    assert url in message and message.endswith("; ask the host") and "\n" not in message
    return message


def test_a_file_arrives_complete_with_its_checksum(server, target):
    fetch(server.url + PATH, target)
    assert target.read_bytes() == CONTENT
    assert files.check(target) == target
    assert sorted(path.name for path in target.parent.iterdir()) == ["file.bin", "file.bin.sha256"]


@pytest.mark.parametrize(
    "fault",
    [servers.cut(200_000), servers.cut(200_000, reset=True), servers.cut(100_000, stall=60)],
)
def test_an_interrupted_download_is_resumed_where_it_ended(server, target, fault):
    server.faults[PATH] = [fault]
    fetch(server.url + PATH, target, timeout=0.5)
    assert target.read_bytes() == CONTENT
    first, second = server.requests
    assert (first.status, second.status) == (200, 206)
    assert second.range.startswith("bytes=") and second.range != "bytes=0-"
    assert second.sent < len(CONTENT)


@pytest.mark.parametrize("change", ["ranges", "etags", "content"])
def test_a_download_that_cannot_be_resumed_starts_again(server, target, root, change):
    server.ranges, server.etags = change != "ranges", change != "etags"
    content = CONTENT[::-1] if change == "content" else CONTENT

    def cut_and_change(answer):
        servers.cut(100_000)(answer)
        (root / PATH.lstrip("/")).write_bytes(content)

    server.faults[PATH] = [cut_and_change]
    fetch(server.url + PATH, target)
    assert target.read_bytes() == content
    assert server.statuses(PATH) == [200, 200]


def test_a_part_from_another_place_is_not_used(server, target):
    def shifted(answer):
        answer.headers["Content-Range"] = f"bytes 7-{len(CONTENT) - 1}/{len(CONTENT)}"

    server.faults[PATH] = [servers.cut(100_000), shifted]
    fetch(server.url + PATH, target)
    assert target.read_bytes() == CONTENT
    assert server.statuses(PATH) == [200, 206, 200]
    # A folded header does not break the message into two lines.
    server.faults[PATH] = [servers.status(206, Content_Range="bytes 1-\r\n 2/3")] * 2
    assert "another part" in refusal(server.url + PATH, target, retries=1)


@pytest.mark.parametrize("code", [408, 429, 503])
def test_a_temporary_status_is_retried_soon_whatever_retry_after_says(server, target, code):
    server.faults[PATH] = [servers.status(code), servers.status(code, Retry_After="3600")]
    fetch(server.url + PATH, target)
    assert server.statuses(PATH) == [code, code, 200]


def test_a_final_status_is_one_message_and_not_retried(server, target):
    server.faults[PATH] = [servers.status(404)] * 5
    assert "404" in refusal(server.url + PATH, target)
    assert server.statuses(PATH) == [404]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (servers.status(503), ["503"]),
        (servers.cut(10), ["interrupted", "3 attempts"]),
        (servers.body(CONTENT[::-1]), ["MD5", "ETag"]),
        (servers.silent(60), ["timed out"]),
    ],
)
def test_a_fault_that_stays_is_one_message_after_all_attempts(server, target, fault, words):
    server.faults[PATH] = [fault] * 9
    message = refusal(server.url + PATH, target, retries=2, timeout=0.5)
    assert all(each in message for each in words)
    assert len(server.requests) == 3


def test_a_file_that_the_check_refuses_is_downloaded_again(server, target):
    server.etags = False
    server.faults[PATH] = [servers.cut(1000, announced=False)]

    def check(path: Path) -> str | None:
        return None if path.stat().st_size == len(CONTENT) else "it is too short"

    fetch(server.url + PATH, target, check=check)
    assert target.read_bytes() == CONTENT and len(server.requests) == 2
    message = refusal(server.url + PATH, target, check=lambda path: "it is too dull", retries=1)
    assert "it is too dull" in message and len(server.requests) == 4


def test_a_file_above_the_limit_and_a_closed_port_are_one_message(server, target):
    assert "more than 1000 bytes" in refusal(server.url + PATH, target, limit=1000, retries=0)
    url = f"http://127.0.0.1:{servers.closed_port()}/x"
    assert "Connection refused" in refusal(url, target, retries=1)


def test_a_redirect_is_followed_and_a_loop_is_one_message(server, target):
    server.faults["/old"] = [servers.redirect(PATH)]
    fetch(f"{server.url}/old", target)
    assert target.read_bytes() == CONTENT
    server.faults["/loop"] = [servers.redirect("/loop")] * 50
    assert "redirects" in refusal(f"{server.url}/loop", target)
    server.faults["/invalid"] = [servers.redirect("http://[x")]
    with pytest.raises(LeakageError, match=r"(?i)redirect"):
        fetch(f"{server.url}/invalid", target)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for 127.0.0.1 that only this test trusts, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + secret)
    return path


def test_an_untrusted_certificate_and_a_redirect_to_plain_http_are_refused(
    root, server, target, certificate, monkeypatch
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with servers.serving(root, tls=context) as tls_server:
        assert "certificate" in refusal(tls_server.url + PATH, target, retries=1)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
        fetch(tls_server.url + PATH, target)
        tls_server.faults[PATH] = [servers.redirect(server.url + PATH)]
        with pytest.raises(LeakageError, match="plain HTTP is refused"):
            fetch(tls_server.url + PATH, target)
    assert not server.requests
    server.faults[PATH] = [servers.redirect("http://localhost:1/file.bin")]
    assert "plain HTTP is refused" in refusal(server.url + PATH, target)
