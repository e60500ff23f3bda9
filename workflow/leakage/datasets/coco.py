"""COCO: the largest pictures of one split, from the host or a mirror.

The list of a split's pictures is read out of the annotations zip by HTTP range; then only the
selected pictures are downloaded. What is on disk already and verifies is not asked for again.
"""

import io
import json
import lzma
import re
import struct
import zipfile
import zlib
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal
from urllib.parse import quote, urlsplit

import pydantic
from pydantic import Field, field_validator

from leakage import datasets, progress
from leakage.config.settings import Settings as Branch
from leakage.config.settings import shown
from leakage.errors import LeakageError
from leakage.storage import files

if TYPE_CHECKING:
    from leakage.storage.downloads import Session

# The host's own name has no certificate of its own; this is the same bucket over TLS.
BASE_URL = "https://s3.amazonaws.com/images.cocodataset.org"
SPLIT = re.compile(r"(train|val|test|test-dev|unlabeled)(\d{4})")
# Pictures of the splits as the host lists them, for `count: all`.
PICTURES = {
    "train2014": 82_783,
    "val2014": 40_504,
    "test2014": 40_775,
    "test2015": 81_434,
    "train2017": 118_287,
    "val2017": 5_000,
    "test2017": 40_670,
    "test-dev2017": 20_288,
    "unlabeled2017": 123_403,
}
# Settings that say how the pictures are fetched and not which: a change of them fetches nothing.
HOW = {"connections", "retries", "timeout"}
REMEDY = (
    "check the network and dataset.coco.base_url and run the same command again (what has arrived "
    "stays), or set dataset.name to photographs or folder, which need no network"
)
LARGEST_ARCHIVE = 1 << 30  # bytes, of the annotations zip and of a member
# What zipfile raises on a zip that is damaged or lies about itself.
BROKEN_ARCHIVE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
)


class Settings(Branch):
    """The branch `dataset.coco`."""

    split: str = Field("val2017", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """name of the split on the host: val2017, train2017, …; a mirror may have others"""
    count: Annotated[int, Field(ge=1)] | Literal["all"] = 100
    """number of pictures; those with the most pixels are taken, ties by lower id; `all`: the whole
    split"""
    base_url: str = BASE_URL
    """URL of the splits' folders and the annotations, on the host or a mirror, http or https"""
    annotations: str | None = Field(None, min_length=1)
    """path below `base_url` of the zip that lists the split's pictures; null: COCO's path"""
    too_small: datasets.TooSmall = "refuse"
    connections: int = Field(8, ge=1, le=64)
    """parallel downloads"""
    retries: int = Field(5, ge=0)
    """further attempts after a failed one, with growing waits"""
    timeout: float = Field(30.0, gt=0)
    """seconds without data after which an attempt fails"""

    @field_validator("base_url")
    @classmethod
    def _an_http_address(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"found {shown(url)}; expected an address such as {BASE_URL}")
        if parts.username or parts.query or parts.fragment:
            raise ValueError(f"found {shown(url)}; expected no user name, query or fragment in it")
        return url.rstrip("/")

    @pydantic.model_validator(mode="after")
    def _annotations_known(self) -> "Settings":
        if self.annotations is None and not SPLIT.fullmatch(self.split):
            raise ValueError(
                f"split {self.split!r} is none of COCO's (such as val2017), so the place of its "
                "list is not known; correct it, or set annotations to the zip below base_url"
            )
        if self.count == "all" and self.split not in PICTURES:
            raise ValueError(
                f"count is all, and how many pictures {self.split!r} has is not known here (known: "
                f"{', '.join(PICTURES)}); give their number"
            )
        return self

    def annotations_url(self) -> str:
        """Return the address of the zip that lists the split's pictures."""
        path = self.annotations
        if path is None:
            part, year = SPLIT.fullmatch(self.split).groups()
            name = {
                "train": "annotations_trainval",
                "val": "annotations_trainval",
                "test-dev": "image_info_test",
            }.get(part, f"image_info_{part}")
            path = f"annotations/{name}{year}.zip"
        return f"{self.base_url}/{quote(path.lstrip('/'))}"

    def picture_url(self, file_name: str) -> str:
        """Return the address of a picture; the pictures of test-dev are among those of test."""
        return f"{self.base_url}/{self.split.replace('test-dev', 'test')}/{quote(file_name)}"

    def members(self) -> list[str]:
        """Return the members of the zip that may list the split, the lightest first."""
        return [
            f"annotations/{what}_{self.split}.json"
            for what in ("image_info", "captions", "person_keypoints", "instances")
        ]


class Entry(pydantic.BaseModel):
    """A part of the list, of which only the keys below are read."""

    model_config = pydantic.ConfigDict(strict=True)


class Picture(Entry):
    """One entry of the list. It comes from the network: its file name must stay in its folder."""

    id: int = Field(ge=0)
    file_name: Annotated[str, Field(pattern=r"(?i)^[a-z0-9_][a-z0-9_.-]{0,199}\.jpe?g$")]
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    license: int | None = None
    coco_url: str | None = None
    flickr_url: str | None = None


class License(Entry):
    """A licence, to which the list's entries refer by id."""

    id: int
    name: str
    url: str = ""


class Listing(Entry):
    """The pictures of a split and their licences; `url` is where the list was read."""

    images: list[Picture]
    licenses: list[License] = Field(default_factory=list)
    url: str = ""


def expected(settings: Settings) -> int:
    """Return the number of pictures that are asked for, those too small for a patch included."""
    return PICTURES[settings.split] if settings.count == "all" else settings.count


def collect(
    settings: Settings, pictures: Path, patch_size: int
) -> tuple[list[datasets.Row], list[datasets.Row]]:
    """Download the selected pictures to `pictures`; return the manifest's and the skipped rows.

    Raises:
        LeakageError: the list or a picture cannot be had, or is not what it should be; the list
            holds fewer pictures than asked for; pictures are too small.
    """
    # Requests is for the step that downloads, not for parsing a configuration.
    from leakage.storage import downloads

    with downloads.Session(
        settings.connections, settings.retries, settings.timeout, REMEDY
    ) as session:
        listing = _listing(settings, pictures, session)
        selected = select(listing.images, settings)
        rows = [{"image_id": str(entry.id), **entry.model_dump()} for entry in selected]
        large, skipped = datasets.divide_by_size(
            rows, patch_size, settings.too_small, "dataset.coco"
        )
        ids = {row["id"] for row in large}
        wanted = [entry for entry in selected if entry.id in ids]
        _download(settings, pictures, wanted, session)
    licenses = {entry.id: entry for entry in listing.licenses}
    rows = [_row(pictures, entry, licenses) for entry in progress.over(wanted, "pictures read")]
    return rows, skipped


def select(images: list[Picture], settings: Settings) -> list[Picture]:
    """Return the `count` largest pictures by width times height, of equal ones the lower id.

    With `count: all` they are those that the list holds.

    Raises:
        LeakageError: there are fewer, or two of those selected share an id or a file name.
    """
    count = len(images) if settings.count == "all" else settings.count
    if len(images) < count:
        raise LeakageError(
            f"dataset.coco.count: {count} pictures are asked for, and {settings.split} "
            f"lists {len(images)}; lower the count or choose a larger split"
        )
    selected = sorted(images, key=lambda entry: (-entry.width * entry.height, entry.id))
    selected = selected[:count]
    for key in ("id", "file_name"):
        values = [getattr(entry, key) for entry in selected]
        if len(set(values)) < len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise LeakageError(
                f"{settings.annotations_url()}: the list names {key} {twice!r} twice; use "
                "another mirror (dataset.coco.base_url)"
            )
    return selected


def _listing(settings: Settings, pictures: Path, session: "Session") -> Listing:
    """Return the split's list, from `pictures` if it was read from the same place before."""
    url = settings.annotations_url()
    kept = pictures / f"coco-{settings.split}-list.json"
    try:
        listing = Listing.model_validate_json(files.check(kept).read_bytes())
        if listing.url == url:
            return listing
    except (LeakageError, pydantic.ValidationError):
        pass  # there is none yet, or it is damaged: it is read anew
    content = _by_range(session, settings)
    if content is None:
        content = _from_whole_zip(session, settings, pictures)
    listing = _parse(content, url)
    with files.kept_file(kept) as temporary:
        temporary.write_text(listing.model_dump_json())
    return listing


def _parse(content: bytes, url: str) -> Listing:
    try:
        return Listing.model_validate({**json.loads(content), "url": url})
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        found = f"{key} is {str(problem['input'])[:200]!r} ({problem['msg']})"
    except (ValueError, TypeError, RecursionError) as error:
        found = f"it is no JSON object ({error})"
    raise LeakageError(
        f"{url}: its list of pictures is refused: {found}; use another mirror "
        "(dataset.coco.base_url)"
    )


def _by_range(session: "Session", settings: Settings) -> bytes | None:
    """Return the list, read out of the remote zip; None where the server serves no ranges."""
    import remotezip
    import requests
    import urllib3

    url = settings.annotations_url()
    headers = {"Accept-Encoding": "identity"}
    broken = (
        remotezip.RemoteZipError,
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        *BROKEN_ARCHIVE,
    )
    for _ in session.attempts():
        try:
            with remotezip.RemoteZip(url, session=session, headers=headers) as archive:
                return _member(archive, settings)
        except remotezip.RangeNotSupported:
            return None
        except broken as error:
            why = str(error) or type(error).__name__
    raise session.exhausted(url, f"the zip cannot be read ({why})")


def _from_whole_zip(session: "Session", settings: Settings, pictures: Path) -> bytes:
    """Return the list out of a downloaded zip, which is thrown away afterwards."""
    from leakage.storage import downloads

    content = b""
    with files.temporary_folder(pictures / "annotations") as folder:

        def broken(path: Path) -> str | None:
            nonlocal content
            try:
                with zipfile.ZipFile(path) as archive:
                    content = _member(archive, settings)
            except BROKEN_ARCHIVE as error:
                return f"the zip cannot be read ({error})"
            return None

        archive = folder / "annotations.zip"
        downloads.fetch(session, settings.annotations_url(), archive, broken, LARGEST_ARCHIVE)
        return content


def _member(archive: zipfile.ZipFile, settings: Settings) -> bytes:
    """Return the first of the members that may list the split."""
    present = set(archive.namelist())
    member = next((name for name in settings.members() if name in present), None)
    if member is None:
        raise LeakageError(
            f"{settings.annotations_url()}: holds no list of {settings.split} (looked for "
            f"{', '.join(settings.members())}); correct dataset.coco.split or annotations"
        )
    size = archive.getinfo(member).file_size
    if size > LARGEST_ARCHIVE:
        raise LeakageError(
            f"{settings.annotations_url()}: its member {member} claims {size} bytes, more than "
            f"the {LARGEST_ARCHIVE} that are read; use another mirror (dataset.coco.base_url)"
        )
    return archive.read(member)


def _download(
    settings: Settings, pictures: Path, wanted: list[Picture], session: "Session"
) -> None:
    """Bring the wanted pictures to `pictures`, several at once, leaving those that verify."""
    with ThreadPoolExecutor(settings.connections) as pool:
        jobs = [pool.submit(_bring, settings, pictures, entry, session) for entry in wanted]
        try:
            for job in progress.over(as_completed(jobs), "downloads", len(jobs)):
                job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _bring(settings: Settings, pictures: Path, entry: Picture, session: "Session") -> None:
    from leakage.storage import downloads

    path = pictures / entry.file_name
    if not _is_kept(path, entry):
        # No JPEG needs more bytes than its pixels, but for its header.
        limit = 3 * entry.width * entry.height + (1 << 20)
        url = settings.picture_url(entry.file_name)
        downloads.fetch(session, url, path, lambda arrived: _wrong_jpeg(arrived, entry), limit)


def _is_kept(path: Path, entry: Picture) -> bool:
    """Tell whether a picture is on disk, undamaged; one put there by hand has no checksum."""
    try:
        if files.checksum_path(path).is_file():
            files.check(path)
    except LeakageError:
        return False
    return path.is_file() and _wrong_jpeg(path, entry) is None


def _wrong_jpeg(path: Path, entry: Picture) -> str | None:
    """Say why a file is not a whole JPEG of the listed size, or None if it is one."""
    from PIL import Image, UnidentifiedImageError

    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            found, listed = image.size, (entry.width, entry.height)
            if found != listed:
                sizes = "{} x {} pixels, and {} x {} are listed".format(*found, *listed)
                return f"it is a JPEG of {sizes}"
            image.load()
    except UnidentifiedImageError:
        return "it is no JPEG"
    # A decoder that is given damaged or hostile bytes raises almost anything.
    except Exception as error:
        return f"it is no whole JPEG ({error})"
    # The decoder is content once it has the last pixel; the end-of-image marker must follow too.
    if content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda"):
        return "it is no whole JPEG (its end is missing)"
    return None


def _row(pictures: Path, entry: Picture, licenses: dict[int, License]) -> datasets.Row:
    license = licenses.get(entry.license)
    terms = f"{license.name}, {license.url}" if license else "not stated"
    source = entry.coco_url or entry.flickr_url or ""
    return datasets.describe(pictures, str(entry.id), entry.file_name, terms, source)
