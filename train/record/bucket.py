"""Files on gs://: which paths are on a bucket, uploads, downloads, and reads of ranges.

The record of a run on a bucket is written in a folder on this machine and uploaded; the copy on the bucket is
authoritative. Orbax writes checkpoints to the bucket itself.
"""

import atexit
import functools
import importlib.util
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from quarry.checks import require
from quarry.errors import BucketError
from quarry.installation import install_command

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*?)/*")
REQUESTS_AT_ONCE = 10
READS_AT_ONCE = 32
"""Ranges that are read at once; a request waits tens of milliseconds for its first byte."""
RETRY_SECONDS = 120.0
"""How long a read or an upload of a large file is tried again."""


class Stored(NamedTuple):
    """An object as listed: bytes, CRC32C in base64, and generation, which no other upload has."""

    size: int
    crc32c: str
    generation: int


def bucket_address(path: Path) -> str | None:
    """The address `gs://bucket/folder` that `path` stands for, None if it is a path on this machine.

    pathlib removes one slash of an address. Raises ConfigError for storage of another kind.
    """
    match = _ADDRESS.fullmatch(str(path))
    if match is None:
        return None
    scheme, rest = match.groups()
    require(scheme == "gs", _unsupported(f"{scheme}://{rest}"))
    require(bool(rest), "gs:// names no bucket")
    for module in ("gcsfs", "google.cloud.storage"):
        require(_installed(module), f"gs:// needs gcsfs: {install_command('gcs')}")
    return f"gs://{rest}"


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # its parent package is not installed
        return False


def _unsupported(address: str) -> str:
    copy = "aws s3 sync" if address.startswith("s3://") else "rclone sync"
    return (
        f"{address}: runs are kept in a folder or on gs://, as Orbax saves nowhere else; train into a folder "
        f"and copy it, `{copy} runs {address}`, and copy it back to resume on another machine"
    )


class Folder:
    """A folder of a bucket. Every method raises BucketError if the bucket cannot be read or written."""

    def __init__(self, address: str):
        self.address = address
        bucket, _, self._prefix = address.removeprefix("gs://").partition("/")
        with bucket_errors(address):
            self._bucket = _client().bucket(bucket)

    def blob(self, name: str) -> Any:
        """The object `name` in this folder, of class google.cloud.storage.Blob, whether it exists or not."""
        return self._bucket.blob(f"{self._prefix}/{name}".lstrip("/"))

    def send(self, name: str, content: bytes) -> int:
        """Upload `content` as the object `name`; returns its generation, which no other upload has.

        Readers see the old or the new content, never half.
        """
        from google.cloud.storage.retry import DEFAULT_RETRY

        blob = self.blob(name)
        with bucket_errors(self.address):
            blob.upload_from_string(content, "application/octet-stream", retry=DEFAULT_RETRY)
        return blob.generation

    def listing(self, folder: str = "") -> tuple[dict[str, int], set[str]]:
        """What is right inside `folder` of this folder: objects by name, with generations, and folders.

        Names are relative to this folder; `folder` is empty or ends in a slash.
        """
        prefix = self.blob("").name + folder
        fields = "items(name,generation),prefixes,nextPageToken"
        with bucket_errors(self.address):
            blobs = self._bucket.list_blobs(prefix=prefix, delimiter="/", fields=fields)
            objects = {folder + blob.name.removeprefix(prefix): blob.generation for blob in blobs}
        return objects, {folder + name.removeprefix(prefix).rstrip("/") for name in blobs.prefixes}

    def objects(self) -> dict[str, Stored]:
        """The objects right inside this folder, by name."""
        prefix = self.blob("").name
        fields = "items(name,size,crc32c,generation),nextPageToken"
        with bucket_errors(self.address):
            blobs = self._bucket.list_blobs(prefix=prefix, delimiter="/", fields=fields)
            return {
                blob.name.removeprefix(prefix): Stored(blob.size, blob.crc32c, blob.generation)
                for blob in blobs
            }

    def read(
        self, name: str, first: int = 0, last: int | None = None, generation: int | None = None
    ) -> bytes:
        """The bytes [first, last) of the object `name`; without `last` all of it, checked by its CRC32C.

        Tried again for RETRY_SECONDS. Raises BucketError also if the object is not there, was replaced since
        it had `generation`, or is shorter.
        """
        from google.api_core.exceptions import NotFound

        blob = self._bucket.blob(self.blob(name).name, generation=generation)
        whole = first == 0 and last is None
        options = {} if whole else {"start": first, "end": None if last is None else last - 1}
        with bucket_errors(self.address):
            try:
                content = blob.download_as_bytes(
                    retry=_retry(), checksum="auto" if whole else None, **options
                )
            except NotFound:
                raise BucketError(f"{self.address}/{name} is not there any more") from None
        if last is not None and len(content) != last - first:
            raise BucketError(f"{self.address}/{name} ends at byte {first + len(content):,}, before {last:,}")
        return content

    def send_file(self, name: str, file: Path, first: int, size: int) -> None:
        """Upload `size` bytes of a file from byte `first` on as the object `name`, checked by its CRC32C."""
        with bucket_errors(self.address), file.open("rb") as source:
            source.seek(first)
            self.blob(name).upload_from_file(
                source, size=size, content_type="application/octet-stream", checksum="crc32c", retry=_retry()
            )

    def fetch(self, names: Sequence[str], into: Path) -> None:
        """Download the files `names` into the folder `into`; delete those there that the bucket lacks."""
        with bucket_errors(self.address), ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            list(pool.map(lambda name: _fetch(self.blob(name), into / name), names))

    def fetch_below(self, names: Sequence[str], into: Path) -> bool:
        """Download all files of these names, at any depth, into `into`; returns whether there are any."""
        prefix = f"{self._prefix}/".lstrip("/")
        with bucket_errors(self.address), ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            listed = self._bucket.list_blobs(prefix=prefix, fields="items(name),nextPageToken")
            wanted = [blob for blob in listed if blob.name.rpartition("/")[2] in names]
            files = [into / blob.name.removeprefix(prefix) for blob in wanted]
            list(pool.map(_fetch, wanted, files))
        return bool(wanted)

    def copy(self, name: str, to: str) -> None:
        """Copy every object of the folder `name` into the folder `to` beside it."""
        prefix, new = self.blob(f"{name}/").name, self.blob(f"{to}/").name
        with bucket_errors(self.address), ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            blobs = list(self._bucket.list_blobs(prefix=prefix, fields="items(name),nextPageToken"))
            names = [new + blob.name.removeprefix(prefix) for blob in blobs]
            list(pool.map(lambda blob, name: self._bucket.copy_blob(blob, self._bucket, name), blobs, names))


def _fetch(blob: Any, file: Path) -> None:
    from google.api_core.exceptions import NotFound

    try:
        content = blob.download_as_bytes()
    except NotFound:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


def _retry() -> Any:
    from google.cloud.storage.retry import DEFAULT_RETRY

    return DEFAULT_RETRY.with_timeout(RETRY_SECONDS)


@functools.cache
def readers() -> ThreadPoolExecutor:
    """Threads for reads of ranges, shared by this process."""
    return ThreadPoolExecutor(READS_AT_ONCE, "bucket")


@functools.cache
def copies_folder() -> Path:
    """A folder for copies of files on buckets, deleted when this process ends."""
    folder = tempfile.mkdtemp(prefix="quarry-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@functools.cache
def _client() -> Any:
    from google.cloud import storage
    from requests.adapters import HTTPAdapter

    client = storage.Client()
    for scheme in ("http://", "https://"):
        client._http.mount(scheme, HTTPAdapter(pool_maxsize=READS_AT_ONCE))  # a connection for each reader
    return client


@contextmanager
def bucket_errors(address: str) -> Iterator[None]:
    """Turn the errors of the client into BucketError: one sentence that names the bucket."""
    from google.api_core.exceptions import GoogleAPIError, NotFound
    from google.auth.exceptions import GoogleAuthError
    from requests.exceptions import RequestException

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, RequestException, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, RequestException) and error.errno is not None:
            raise  # an error of this machine, such as a full disk
        reason = (str(error) or type(error).__name__).splitlines()[0]
        reason = "there is no such bucket" if isinstance(error, NotFound) else reason
        raise BucketError(f"{address} cannot be used: {reason}") from error
