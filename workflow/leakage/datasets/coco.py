"""COCO: the largest pictures of one split, from the host or a mirror.

Only the list of pictures is read from the annotations zip, by HTTP range requests. Then only the
selected pictures are downloaded. Files that are on disk and verified are not requested again.
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
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal
from urllib.parse import quote, urlsplit

import pydantic
from pydantic import Field, field_validator

from leakage import progress
from leakage.config.settings import shown
from leakage.datasets import Dataset, Row
from leakage.datasets import Entry as PictureFile
from leakage.errors import LeakageError
from leakage.storage import files

if TYPE_CHECKING:
    from leakage.storage.downloads import Session

# images.cocodataset.org has no certificate; this is the same bucket over TLS.
BASE_URL = "https://s3.amazonaws.com/images.cocodataset.org"
SPLIT = re.compile(r"(train|val|test|test-dev|unlabeled)(\d{4})")
# The number of pictures in each split, for `count: all`.
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
REMEDY = (
    "check the network and dataset.coco.base_url, and run the same command again (finished files "
    "are kept); or set dataset.name to photographs or folder, which need no network"
)
LARGEST_ARCHIVE = 1 << 30  # bytes, of the annotations zip and of a member
# The errors of zipfile for a damaged or false zip.
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


class Coco(Dataset):
    """The largest pictures of one split."""

    branch: ClassVar[str] = "coco"
    trusts_jpegs: ClassVar[bool] = True
    download_options: ClassVar[frozenset[str]] = frozenset({"connections", "retries", "timeout"})

    split: str = Field("val2017", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")
    """name of the split on the host: val2017, train2017, …; a mirror may have others"""
    count: Annotated[int, Field(ge=1)] | Literal["all"] = 100
    """number of pictures; those with the most pixels are taken, ties by lower id; `all`: the whole
    split"""
    base_url: str = BASE_URL
    """URL of the splits' folders and the annotations, on the host or a mirror, http or https"""
    annotations: str | None = Field(None, min_length=1)
    """path below `base_url` of the zip that lists the split's pictures; null: COCO's path"""
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
    def _annotations_known(self) -> "Coco":
        if self.annotations is None and not SPLIT.fullmatch(self.split):
            raise ValueError(
                f"split {self.split!r} is not one of COCO's (such as val2017), so the address of "
                "its list is unknown; correct it, or set annotations to the zip below base_url"
            )
        if self.count == "all" and self.split not in PICTURES:
            raise ValueError(
                f"count is all, but the number of pictures in {self.split!r} is unknown (known: "
                f"{', '.join(PICTURES)}); give the number"
            )
        return self

    def annotations_url(self) -> str:
        """Return the address of the zip that lists the split's pictures."""
        path = self.annotations
        if path is None:
            part, year = SPLIT.sub(r"\1 \2", self.split).split()
            name = {
                "train": "annotations_trainval",
                "val": "annotations_trainval",
                "test-dev": "image_info_test",
            }.get(part, f"image_info_{part}")
            path = f"annotations/{name}{year}.zip"
        return f"{self.base_url}/{quote(path.lstrip('/'))}"

    def remedy(self) -> str:
        """Return what to do about an invalid list."""
        own = self.annotations is not None or self.base_url != BASE_URL
        correct = "correct it if it is your own, or " if own else ""
        return f"{correct}use another mirror (dataset.coco.base_url)"

    def picture_url(self, file_name: str) -> str:
        """Return the address of a picture; the pictures of test-dev are among those of test."""
        return f"{self.base_url}/{self.split.replace('test-dev', 'test')}/{quote(file_name)}"

    def members(self) -> list[str]:
        """Return the members of the zip that may list the split, the smallest first."""
        return [
            f"annotations/{what}_{self.split}.json"
            for what in ("image_info", "captions", "person_keypoints", "instances")
        ]

    def expected(self) -> int:
        """Return the number of requested pictures, including those too small for a patch."""
        return PICTURES[self.split] if self.count == "all" else self.count

    def collect(self, pictures: Path, patch_size: int) -> tuple[list[Row], list[Row]]:
        """Download the selected pictures to `pictures` and return the rows."""
        from leakage.storage import downloads

        with downloads.Session(self.connections, self.retries, self.timeout, REMEDY) as session:
            listing = _listing(self, pictures, session)
            selected = self.select(listing.images)
            entries = [{"image_id": str(each.id), **each.model_dump()} for each in selected]
            large, skipped = self.divide_by_size(entries, patch_size)
            ids = {row["id"] for row in large}
            wanted = [entry for entry in selected if entry.id in ids]
            _download(self, pictures, wanted, session)
        licenses = {entry.id: entry for entry in listing.licenses}
        rows, twice = self.listed(
            pictures, [_picture_file(entry, licenses) for entry in wanted], patch_size
        )
        return rows, skipped + twice

    def select(self, images: list["Picture"]) -> list["Picture"]:
        """Return the `count` pictures with the most pixels, ties by lower id; or all of them."""
        count = len(images) if self.count == "all" else self.count
        if len(images) < count:
            raise LeakageError(
                f"dataset.coco.count: found {count}, but {self.split} lists {len(images)} "
                "pictures; lower the count or choose a larger split"
            )
        selected = sorted(images, key=lambda entry: (-entry.width * entry.height, entry.id))
        selected = selected[:count]
        for key in ("id", "file_name"):
            # File systems of macOS do not tell small letters from capitals.
            values = [str(getattr(entry, key)).lower() for entry in selected]
            if len(set(values)) < len(values):
                twice = next(value for value in values if values.count(value) > 1)
                raise LeakageError(
                    f"{self.annotations_url()}: the list names {key} {twice!r} twice; "
                    f"{self.remedy()}"
                )
        return selected


class Entry(pydantic.BaseModel):
    """A part of the list. Only the keys below are read."""

    model_config = pydantic.ConfigDict(strict=True)


class Picture(Entry):
    """A picture of the list. A file name from the server must not lead out of the folder."""

    id: int = Field(ge=0)
    file_name: Annotated[str, Field(pattern=r"(?i)^[a-z0-9_][a-z0-9_.-]{0,199}\.jpe?g$")]
    width: int = Field(ge=1)
    height: int = Field(ge=1)
    license: int | None = None
    coco_url: str | None = None
    flickr_url: str | None = None


class License(Entry):
    """A licence. Pictures refer to it by its id."""

    id: int
    name: str
    url: str = ""


class Listing(Entry):
    """The pictures of a split and their licences; `url` is the address of the list."""

    images: list[Picture]
    licenses: list[License] = Field(default_factory=list)
    url: str = ""


def _listing(dataset: Coco, pictures: Path, session: "Session") -> Listing:
    """Return the split's list, from `pictures` if it was read from the same address before."""
    url = dataset.annotations_url()
    kept = pictures / f"coco-{dataset.split}-list.json"
    try:
        listing = Listing.model_validate_json(files.check(kept).read_bytes())
        if listing.url == url:
            return listing
    except (LeakageError, pydantic.ValidationError):
        pass  # missing or damaged: read it from the server
    content = _by_range(session, dataset)
    if content is None:
        content = _from_whole_zip(session, dataset, pictures)
    listing = _parse(content, dataset)
    with files.kept_file(kept) as temporary:
        temporary.write_text(listing.model_dump_json(), encoding="utf-8")
    return listing


def _parse(content: bytes, dataset: Coco) -> Listing:
    url = dataset.annotations_url()
    try:
        return Listing.model_validate({**json.loads(content), "url": url})
    except pydantic.ValidationError as error:
        problem = error.errors()[0]
        key = ".".join(str(part) for part in problem["loc"])
        found = f"{key} is {str(problem['input'])[:200]!r} ({problem['msg']})"
    except (ValueError, TypeError, RecursionError) as error:
        found = f"it is not a JSON object ({error})"
    raise LeakageError(f"{url}: its list of pictures is invalid: {found}; {dataset.remedy()}")


def _by_range(session: "Session", dataset: Coco) -> bytes | None:
    """Return the list from the remote zip; None if the server does not support ranges."""
    import remotezip
    import requests
    import urllib3

    url = dataset.annotations_url()
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
                return _member(archive, dataset)
        except remotezip.RangeNotSupported:
            return None
        except broken as error:
            why = str(error) or type(error).__name__
    raise session.exhausted(url, f"the zip cannot be read ({why})")


def _from_whole_zip(session: "Session", dataset: Coco, pictures: Path) -> bytes:
    """Return the list from a downloaded zip, which is deleted afterwards."""
    from leakage.storage import downloads

    content = b""
    with files.temporary_folder(pictures / "annotations") as folder:

        def broken(path: Path) -> str | None:
            nonlocal content
            try:
                with zipfile.ZipFile(path) as archive:
                    content = _member(archive, dataset)
            except BROKEN_ARCHIVE as error:
                return f"the zip cannot be read ({error})"
            return None

        archive = folder / "annotations.zip"
        downloads.fetch(session, dataset.annotations_url(), archive, broken, LARGEST_ARCHIVE)
        return content


def _member(archive: zipfile.ZipFile, dataset: Coco) -> bytes:
    """Return the first member that may list the split."""
    present = set(archive.namelist())
    member = next((name for name in dataset.members() if name in present), None)
    if member is None:
        raise LeakageError(
            f"{dataset.annotations_url()}: contains no list of {dataset.split} (looked for "
            f"{', '.join(dataset.members())}); correct dataset.coco.split or annotations"
        )
    size = archive.getinfo(member).file_size
    if size > LARGEST_ARCHIVE:
        raise LeakageError(
            f"{dataset.annotations_url()}: its member {member} claims {size} bytes, more than "
            f"the {LARGEST_ARCHIVE} that are read; {dataset.remedy()}"
        )
    return archive.read(member)


def _download(dataset: Coco, pictures: Path, wanted: list[Picture], session: "Session") -> None:
    """Download the wanted pictures in parallel, except those on disk that are verified."""
    with ThreadPoolExecutor(dataset.connections) as pool:
        jobs = [pool.submit(_bring, dataset, pictures, entry, session) for entry in wanted]
        try:
            for job in progress.over(as_completed(jobs), "downloads", len(jobs)):
                job.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _bring(dataset: Coco, pictures: Path, entry: Picture, session: "Session") -> None:
    from leakage.storage import downloads

    path = pictures / entry.file_name
    if not _is_kept(path, entry):
        # A JPEG has at most as many bytes as its pixels, and a header.
        limit = 3 * entry.width * entry.height + (1 << 20)
        url = dataset.picture_url(entry.file_name)
        downloads.fetch(session, url, path, lambda arrived: _wrong_jpeg(arrived, entry), limit)


def _is_kept(path: Path, entry: Picture) -> bool:
    """Return whether a picture is on disk, undamaged; a copy by hand has no checksum."""
    try:
        if files.checksum_path(path).is_file():
            files.check(path)
    except LeakageError:
        return False
    return path.is_file() and _wrong_jpeg(path, entry) is None


def _wrong_jpeg(path: Path, entry: Picture) -> str | None:
    """Return why a file is not a complete JPEG of the listed size, or None."""
    from PIL import Image, UnidentifiedImageError

    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=("JPEG",)) as image:
            found, listed = image.size, (entry.width, entry.height)
            if found != listed:
                sizes = "{} x {} pixels, but the list says {} x {}".format(*found, *listed)
                return f"it is a JPEG of {sizes}"
            image.load()
    except UnidentifiedImageError:
        return "it is not a JPEG"
    # On damaged or hostile bytes, a decoder may raise any error.
    except Exception as error:
        return f"it is not a complete JPEG ({error})"
    # The decoder stops after the last pixel; the end-of-image marker must be there too.
    if content.rfind(b"\xff\xd9") < content.rfind(b"\xff\xda"):
        return "it is not a complete JPEG (its end is missing)"
    return None


def _picture_file(entry: Picture, licenses: dict[int, License]) -> PictureFile:
    license = None if entry.license is None else licenses.get(entry.license)
    terms = f"{license.name}, {license.url}" if license else "not stated"
    source = entry.coco_url or entry.flickr_url or ""
    return PictureFile(str(entry.id), entry.file_name, terms, source)
