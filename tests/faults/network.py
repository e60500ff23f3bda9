"""A web server on this machine misbehaves during the downloads of COCO.

Each draw lets a first run meet a bad server and a second run a healthy one. The first succeeds or
gives one message; the files that it keeps are right, and the second run asks only for the rest.
"""

import atexit
import contextlib
import functools
import hashlib
import io
import json
import random
import re
import shutil
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import bad_answers
import mirror
import servers
from leakage.datasets import coco
from leakage.errors import LeakageError
from PIL import Image

from faults import Fault

ZIP = "/annotations/annotations_trainval2017.zip"
LIST = "annotations/captions_val2017.json"  # in the zip
SIZES = ((160, 128), (128, 160), (96, 96), (144, 144), (48, 32), (128, 128))
COUNT = 4  # pictures that are asked for, of those
RETRIES = 2
ALWAYS = 99  # more often than anything is tried
PATIENT, IMPATIENT, HASTY = 10.0, 0.5, 0.05  # seconds without a byte
# A message ends with one of these.
REMEDIES = (coco.REMEDY, "(dataset.coco.base_url)", "correct dataset.coco.split or annotations")


@dataclass(frozen=True)
class Host:
    """The healthy host: its folder, the size of each requested picture, an undisturbed run."""

    root: Path
    sizes: dict[str, tuple[int, int]]
    collected: tuple[list, list]

    def paths(self) -> list[str]:
        """Return the paths of the pictures on the server."""
        return [f"/val2017/{name}" for name in self.sizes]


@functools.cache
def healthy() -> Host:
    """Return the host that all draws of this process share; nobody writes to it."""
    folder = Path(tempfile.mkdtemp(prefix="leakage-mirror-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = mirror.make(folder / "mirror", sizes=SIZES)
    with servers.serving(root) as server:
        collected = collect(server.url, folder / "pictures", PATIENT)
    sizes = {row["file_name"]: (row["width"], row["height"]) for row in collected[0]}
    return Host(root, sizes, collected)


def collect(url: str, pictures: Path, timeout: float, count: int = COUNT) -> tuple[list, list]:
    """Run the download as the workflow's first step does."""
    dataset = coco.Coco(base_url=url, count=count, retries=RETRIES, timeout=timeout)
    return dataset.collect(pictures, 16)


def refusal(url: str, pictures: Path, timeout: float) -> str:
    """Return the message of a run that fails, and nothing for one with the right rows."""
    try:
        collected = collect(url, pictures, timeout)
    except LeakageError as error:
        assert str(error)
        return str(error)
    assert collected == healthy().collected
    return ""


@dataclass(frozen=True)
class Trouble:
    """The server that a first run meets.

    Attributes:
        disturb: changes the server before the run.
        closed: seconds for which the port is still closed when the run has started; `ALWAYS`
            keeps it closed.
        arrived: number of pictures that an earlier, undisturbed run has downloaded.
    """

    disturb: Callable[[servers.Server], None] = lambda server: None
    ranges: bool = True
    etags: bool = True
    timeout: float = PATIENT
    closed: float = 0.0
    arrived: int = 0


def meet(folder: Path, trouble: Trouble) -> str:
    """Let a first run meet trouble and a second a healthy server; return the first's message."""
    # Deep enough that no name of `climbing` leaves what is looked at.
    pictures, port = folder / "a" / "b" / "run" / "pictures", servers.closed_port()
    with servers.quick_retries():
        if trouble.arrived:
            with servers.serving(healthy().root, port=port) as server:
                collect(server.url, pictures, PATIENT, trouble.arrived)
        before = right_pictures(pictures)
        with watched(pictures) as seen:
            message, requests = first_run(pictures, port, trouble)
        for name, content in seen:
            assert_whole(name, content)
        good = right_pictures(pictures)
        assert before <= good, "good files did not stay"
        for name in good - before:
            assert_as_its_etag_states(pictures / name, requests)
        assert_nothing_lies_elsewhere(folder, pictures)
        if message:
            assert_one_clear_line(message, port)
        second_run(pictures, port, good)
    return message


def first_run(pictures: Path, port: int, trouble: Trouble) -> tuple[str, list[servers.Request]]:
    """Return the message of the run that meets the trouble, and its requests."""
    run = functools.partial(refusal, f"http://127.0.0.1:{port}", pictures, trouble.timeout)
    how = {"ranges": trouble.ranges, "etags": trouble.etags, "port": port}
    with ThreadPoolExecutor(1) as pool:
        early = pool.submit(run) if trouble.closed else None
        if trouble.closed == ALWAYS:
            return early.result(), []
        time.sleep(trouble.closed)
        with servers.serving(healthy().root, **how) as server:
            trouble.disturb(server)
            return early.result() if early else run(), server.requests


def second_run(pictures: Path, port: int, good: set[str]) -> None:
    """Assert that a run on the healthy host succeeds and asks only for what is missing."""
    listed = any(pictures.glob("coco-*-list.json"))
    # A server of its own: a request that the first one has yet to answer is not this run's.
    with servers.serving(healthy().root, port=port) as server:
        said = refusal(server.url, pictures, PATIENT)
        assert not said, f"the second run failed: {said}"
        asked = sorted(path for path in server.paths() if path != ZIP)
        assert asked == sorted(f"/val2017/{name}" for name in healthy().sizes.keys() - good)
        assert (ZIP in server.paths()) != listed, "the list is asked for only where it is missing"
    assert right_pictures(pictures) == healthy().sizes.keys()


@contextlib.contextmanager
def watched(pictures: Path) -> Iterator[set[tuple[str, bytes]]]:
    """Yield a set that collects every content that a final name ever has, with the name."""
    seen, states, over = set(), {}, threading.Event()

    def watch() -> None:
        last = False
        while not last:
            last = over.wait(0.001)
            for path in pictures.glob("[!.]*"):
                # A file that is gone before it is read had no final name.
                with contextlib.suppress(FileNotFoundError):
                    state = path.stat()
                    state = (state.st_ino, state.st_size, state.st_mtime_ns)
                    if states.get(path) != state:
                        states[path] = state
                        seen.add((path.name, path.read_bytes()))

    with ThreadPoolExecutor(1) as pool:
        watching = pool.submit(watch)
        try:
            yield seen
        finally:
            over.set()
    watching.result()


def assert_one_clear_line(message: str, port: int) -> None:
    """Assert that a message names an address of the server, a reason and a way out."""
    address, _, rest = message.partition(": ")
    assert "\n" not in message and address.startswith(f"http://127.0.0.1:{port}/"), message
    assert urlsplit(address).path in [ZIP, *healthy().paths()], message
    assert any(rest.endswith(each) and len(rest) > len(each) + 5 for each in REMEDIES), message


def assert_nothing_lies_elsewhere(folder: Path, pictures: Path) -> None:
    """Assert that a run wrote only whole files, and only to its own folder."""
    found = [path for path in folder.rglob("*") if path not in (pictures, *pictures.parents)]
    outside = [str(path) for path in found if path.parent != pictures]
    assert not outside, f"written outside the pictures' folder: {outside}"
    left = [path.name for path in found if path.name.startswith(".") or path.suffix == ".part"]
    assert not left, f"left half done: {left}"


def right_pictures(pictures: Path) -> set[str]:
    """Return the names of the pictures in a folder, after a check of each."""
    found = {path.name for path in pictures.glob("*.jpg")}
    for name in found:
        assert_whole(name, (pictures / name).read_bytes())
    return found


def assert_whole(name: str, content: bytes) -> None:
    """Assert that a file with a final name is whole: a picture, a checksum or the list."""
    if name.endswith(".sha256"):
        expected = rb"[0-9a-f]{64}  " + re.escape(name.removesuffix(".sha256").encode()) + rb"\n"
        assert re.fullmatch(expected, content), f"{name} holds {content!r}"
    elif name.endswith(".json"):
        assert len(json.loads(content)["images"]) == len(SIZES), f"{name} is not the list"
    else:
        found = size_of_whole_jpeg(content)
        assert found == healthy().sizes[name], f"{name}: accepted, and it is {found}"


@functools.lru_cache(64)
def size_of_whole_jpeg(content: bytes) -> tuple[int, int] | str:
    """Return width and height of a JPEG whose pixels and end are there, else what is wrong."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
    except Exception as error:
        return f"no whole picture ({error})"
    # A picture of another length than its host's may be filled up behind its end.
    whole = content.startswith(b"\xff\xd8") and content.rstrip(b"\0").endswith(b"\xff\xd9")
    return image.size if image.format == "JPEG" and whole else "no whole JPEG"


def assert_as_its_etag_states(path: Path, requests: list[servers.Request]) -> None:
    """Assert that a picture has the MD5 of the last ETag sent with its bytes, if there is one."""
    *_, last = [each for each in requests if each.path == f"/val2017/{path.name}"]
    assert last.status in (200, 206), f"{path.name}: accepted with status {last.status}"
    if last.etag:
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
        assert last.etag == f'"{found}"', f"{path.name}: accepted with the MD5 {found}"


@dataclass(frozen=True)
class Kind:
    """A kind of misbehaviour, one row of the table.

    Attributes:
        says: the message for it, as a regular expression.
        cured: whether a run that meets it at most `RETRIES` times must succeed; if not, one that
            meets it once must fail; None: either may happen.
        on_list: whether the zip with the list can meet it.
        on_pictures: whether a picture can meet it.
        weight: how often it is drawn in the random sequences.
        draws: number of draws of the row.
        quick: number of draws in `make test`.
    """

    title: str
    fault: bad_answers.Kind
    says: str
    cured: bool | None = True
    on_list: bool = True
    on_pictures: bool = True
    ranges: bool = True
    timeout: float = PATIENT
    weight: float = 1.0
    draws: int = 20
    quick: int = 1

    def draw(self, rng: random.Random, folder: Path) -> None:
        """Let the list or one picture meet it, once or more often than a run tries."""
        targets = [ZIP] * self.on_list + rng.sample(healthy().paths(), 1) * self.on_pictures
        target, times = rng.choice(targets), rng.choice([*range(1, RETRIES + 1), ALWAYS])

        def disturb(server: servers.Server) -> None:
            file = healthy().root / target.lstrip("/")
            server.faults[target] = [self.fault(rng, file) for _ in range(times)]

        etags = rng.random() < 0.7
        message = meet(folder, Trouble(disturb, self.ranges, etags, self.timeout))
        if self.cured is not None:
            fails = not self.cured or times == ALWAYS
            assert bool(message) == fails, message or f"success, {times} times at {target}"
        if message:
            assert target in message and re.search(self.says, message), message


def refused(rng: random.Random, folder: Path) -> None:
    """Close the port for all of a run, or for its beginning; some pictures may be there."""
    closed = rng.choice([ALWAYS, rng.uniform(0.0, 0.01)])
    message = meet(folder, Trouble(closed=closed, arrived=rng.randrange(COUNT)))
    assert message or closed != ALWAYS
    assert not message or "Connection refused" in message, message


def climbing(rng: random.Random, folder: Path) -> str:
    """Return a name that would leave its folder, or hide in it, were it taken for a path."""
    up = "../" * rng.randint(1, 3)
    names = [f"{up}evil.jpg", f"a/{up}../evil.jpg", f"{folder}/evil.jpg", f"..\\{up}evil.jpg"]
    names += [".evil.jpg", "evil.jpg\0.jpg", "evil.jpg\n", "a/evil.jpg", "%2e%2e%2fevil.jpg"]
    names += ["~/evil.jpg", "evil.jpg/..", "\u2025/evil.jpg", "coco-val2017-list.json", "..", ""]
    return rng.choice(names)


def listed_name(rng: random.Random, folder: Path) -> None:
    """Let the list name a picture so that its name leaves the folder."""
    name, number = climbing(rng, folder), rng.randrange(len(SIZES))
    root = copy_of_the_host(folder)
    listing = the_list(root)
    listing["images"][number]["file_name"] = name
    mirror.write_zip(root, "val2017", listing)
    message = meet_root(rng, folder, root)
    assert f"images.{number}.file_name is {name!r}" in message, message or "accepted"


def zip_member(rng: random.Random, folder: Path) -> None:
    """Put members into the zip whose names leave the folder, before and behind the list."""
    root = copy_of_the_host(folder)
    listing = json.dumps(the_list(root))
    members = [(climbing(rng, folder) or "/", "evil") for _ in range(rng.randint(1, 5))]
    # Each name once: of two of them the zip would hold both.
    members = list(dict(members).items())
    members += [(LIST, listing), ("../../evil.json", listing)]
    rng.shuffle(members)
    with zipfile.ZipFile(root / ZIP.lstrip("/"), "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    message = meet_root(rng, folder, root)
    assert not message, message


def copy_of_the_host(folder: Path) -> Path:
    """Return the folder of a host for this draw alone, with pictures."""
    return mirror.make(Path(tempfile.mkdtemp(prefix="host-", dir=folder.parent)), sizes=SIZES)


def the_list(root: Path) -> dict:
    """Return the list of a host."""
    with zipfile.ZipFile(root / ZIP.lstrip("/")) as archive:
        return json.loads(archive.read(LIST))


def meet_root(rng: random.Random, folder: Path, root: Path) -> str:
    """Let a first run meet the files of another host, by range or whole."""
    return meet(folder, Trouble(lambda server: setattr(server, "root", root), rng.random() < 0.5))


class Misfortunes(dict):
    """The faults of each address: a list drawn at its first request, the same in any order."""

    def __init__(self, seed: float):
        self.seed = seed

    def __missing__(self, path: str) -> list[servers.Fault | None]:
        rng = random.Random(f"{self.seed} {path}")
        # Without the list nothing is asked for: mostly it arrives.
        times = rng.choice([0, 0, 0, 1, 2] if path == ZIP else [0, 1, 1, 2, 3, ALWAYS // 10])
        file, weights = healthy().root / path.lstrip("/"), [kind.weight for kind in KINDS]
        self[path] = [
            None if rng.random() < 0.2 else rng.choices(KINDS, weights)[0].fault(rng, file)
            for _ in range(times)
        ]
        return self[path]


def random_sequence(rng: random.Random, folder: Path) -> None:
    """Let any request meet any fault, on a server of any kind, which may start late."""
    seed = rng.random()
    trouble = Trouble(
        lambda server: setattr(server, "faults", Misfortunes(seed)),
        ranges=rng.random() < 0.8,
        etags=rng.random() < 0.7,
        timeout=HASTY,
        closed=rng.uniform(0.0, 0.01) if rng.random() < 0.1 else 0.0,
        arrived=rng.choice([0, 0, 0, 1, 2]),
    )
    meet(folder, trouble)


BROKE_OFF = "was interrupted|cannot be read|Connection aborted|reset by peer"
WRONG = "JPEG|MD5|cannot be read|not JSON"
KINDS = [
    Kind("reset in mid-body", bad_answers.reset, BROKE_OFF),
    Kind("a stall", bad_answers.stall, "timed out", timeout=IMPATIENT, weight=0.4, quick=0),
    Kind("403", bad_answers.status(403), "answered 403", cured=False, weight=0.2),
    Kind("404", bad_answers.status(404), "answered 404", cured=False, weight=0.2),
    Kind("429 with Retry-After", bad_answers.too_many, "answered 429"),
    Kind("500, 502, 503, 504", bad_answers.status(500, 502, 503, 504), "answered 50[0234]"),
    Kind("a body cut, its length announced", bad_answers.cut, BROKE_OFF),
    Kind("a body cut, no length announced", bad_answers.cut_unannounced, WRONG),
    Kind("a body cut, the length that of the rest", bad_answers.shorter, WRONG),
    Kind("wrong bytes of the right length", bad_answers.wrong_bytes, WRONG),
    Kind("a redirect loop", bad_answers.loop, "Exceeded 5 redirects"),
    Kind("no range support, and a cut", bad_answers.cut, BROKE_OFF, ranges=False),
    Kind(
        *("a zip whose directory lies", bad_answers.lying_zip, "zip", None, True, False),
        weight=0.3,
        draws=100,
    ),
    Kind("a JPEG of another size", bad_answers.wrong_size, "the list says", on_list=False),
    Kind(
        "a file of another format", bad_answers.no_jpeg, "is not a (complete )?JPEG", on_list=False
    ),
]
OUTCOME = "success after retries or one message; good files stay; the rest alone is fetched later"
INSIDE = "nothing is written outside the folder"
FAULTS = [
    Fault("network: connection refused", refused, 20, OUTCOME, quick=1),
    *(
        Fault(f"network: {each.title}", each.draw, each.draws, OUTCOME, each.quick)
        for each in KINDS
    ),
    Fault("network: listed names that leave the folder", listed_name, 20, f"refused; {INSIDE}", 1),
    Fault("network: zip members that leave the folder", zip_member, 20, f"success; {INSIDE}", 1),
    Fault("network: random sequences", random_sequence, 1000, "no wrong file is accepted", 10),
]
