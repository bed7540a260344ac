"""Runs on gs://: which paths are on a bucket, and the small files of a run going to and fro.

The record of a run on a bucket is written in a folder on this machine and sent; the bucket's is the one that
counts. Checkpoints Orbax writes to the bucket itself.
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
from typing import Any

from quarry.checks import require
from quarry.errors import BucketError

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*?)/*")
REQUESTS_AT_ONCE = 10


def address(path: Path) -> str | None:
    """The `gs://bucket/folder` that `path` stands for, None if it is a path on this machine.

    pathlib takes one slash of an address away. Raises ConfigError for storage of another kind.
    """
    found = _ADDRESS.fullmatch(str(path))
    if found is None:
        return None
    scheme, rest = found.groups()
    require(scheme == "gs", _way_round(f"{scheme}://{rest}"))
    require(bool(rest), "gs:// names no bucket")
    for module in ("gcsfs", "google.cloud.storage"):
        require(_installed(module), "gs:// needs gcsfs: pip install -e '.[gcs]'")
    return f"gs://{rest}"


def _installed(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:  # a parent of it is not
        return False


def _way_round(elsewhere: str) -> str:
    copy = "aws s3 sync" if elsewhere.startswith("s3://") else "rclone sync"
    return (
        f"{elsewhere}: runs are kept in a folder or on gs://, as Orbax saves nowhere else; train into a "
        f"folder and copy it, `{copy} runs {elsewhere}`, and back to go on on another machine"
    )


class Folder:
    """A folder of a bucket. Every method raises BucketError for what the bucket does not give or take."""

    def __init__(self, address: str):
        self.address = address
        bucket, _, self._prefix = address.removeprefix("gs://").partition("/")
        with in_words(address):
            self._bucket = _client().bucket(bucket)

    def blob(self, name: str) -> Any:
        """The object `name` in this folder, of class google.cloud.storage.Blob, whether it exists or not."""
        return self._bucket.blob(f"{self._prefix}/{name}".lstrip("/"))

    def send(self, name: str, content: bytes) -> None:
        """Make `content` the object `name`: readers see the old or the new, never half."""
        from google.cloud.storage.retry import DEFAULT_RETRY

        with in_words(self.address):
            self.blob(name).upload_from_string(content, "application/octet-stream", retry=DEFAULT_RETRY)

    def fetch(self, names: Sequence[str], into: Path) -> None:
        """Bring the files `names` of `into` to what they are here; those that are not here are deleted."""
        with in_words(self.address), ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            list(pool.map(lambda name: _fetch(self.blob(name), into / name), names))

    def fetch_below(self, names: Sequence[str], into: Path) -> bool:
        """Bring all files of these names, at any depth, into `into`; returns whether there are any."""
        prefix = f"{self._prefix}/".lstrip("/")
        with in_words(self.address), ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            listed = self._bucket.list_blobs(prefix=prefix, fields="items(name),nextPageToken")
            wanted = [blob for blob in listed if blob.name.rpartition("/")[2] in names]
            places = [into / blob.name.removeprefix(prefix) for blob in wanted]
            list(pool.map(_fetch, wanted, places))
        return bool(wanted)

    def copy(self, name: str, to: str) -> None:
        """Copy every object of the folder `name` into the folder `to` beside it."""
        prefix, new = self.blob(f"{name}/").name, self.blob(f"{to}/").name
        with in_words(self.address), ThreadPoolExecutor(REQUESTS_AT_ONCE) as pool:
            found = list(self._bucket.list_blobs(prefix=prefix, fields="items(name),nextPageToken"))
            names = [new + blob.name.removeprefix(prefix) for blob in found]
            list(pool.map(lambda blob, name: self._bucket.copy_blob(blob, self._bucket, name), found, names))


def _fetch(blob: Any, file: Path) -> None:
    from google.api_core.exceptions import NotFound

    try:
        content = blob.download_as_bytes()
    except NotFound:
        file.unlink(missing_ok=True)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)


@functools.cache
def copies() -> Path:
    """A folder for copies of what is on buckets, deleted when this process ends."""
    folder = tempfile.mkdtemp(prefix="quarry-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@functools.cache
def _client() -> Any:
    from google.cloud import storage

    return storage.Client()


@contextmanager
def in_words(address: str) -> Iterator[None]:
    """Turn what the client raises into BucketError: one sentence that names the bucket."""
    from google.api_core.exceptions import GoogleAPIError, NotFound
    from google.auth.exceptions import GoogleAuthError
    from requests.exceptions import RequestException

    try:
        yield
    except (GoogleAPIError, GoogleAuthError, RequestException, OSError) as error:
        if isinstance(error, OSError) and not isinstance(error, RequestException) and error.errno is not None:
            raise  # this machine's own: a full disk
        said = (str(error) or type(error).__name__).splitlines()[0]
        said = "there is no such bucket" if isinstance(error, NotFound) else said
        raise BucketError(f"{address} cannot be used: {said}") from error
