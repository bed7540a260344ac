"""The package gcp-storage-emulator, extended by preconditions on the generations of objects.

Cloud Storage gives the generation of a downloaded object in the header x-goog-generation
(https://cloud.google.com/storage/docs/xml-api/reference-headers). It answers 412 to a request whose
ifGenerationMatch differs from the generation of the object; 0 means that the object must not exist
(https://cloud.google.com/storage/docs/request-preconditions). Without the header TensorStore cannot write the
index of a checkpoint twice; without the precondition nothing can be locked.

`python -m tests.train.record.emulator PORT` serves an emulator with the bucket `bucket`.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http import HTTPStatus
from http.server import HTTPServer
from urllib.parse import parse_qs, unquote, urlparse

from gcp_storage_emulator.handlers.buckets import create_bucket
from gcp_storage_emulator.server import RequestHandler
from gcp_storage_emulator.storage import Storage

BUCKET = "bucket"


class PreconditionFailed(Exception):
    """The object does not have the generation that the request expects."""


class Generations(Storage):
    """The storage; `expected` is the ifGenerationMatch of the request being served."""

    expected: str | None = None

    def generation(self, bucket: str, name: str) -> str:
        return self.objects.get(bucket, {}).get(name, {}).get("generation", "0")

    def _check(self, bucket: str, name: str) -> None:
        if self.expected not in (None, self.generation(bucket, name)):
            raise PreconditionFailed

    def create_file(self, bucket_name, file_name, *rest, **options):
        self._check(bucket_name, file_name)
        return super().create_file(bucket_name, file_name, *rest, **options)

    def delete_file(self, bucket_name, file_name, *rest, **options):
        self._check(bucket_name, file_name)
        return super().delete_file(bucket_name, file_name, *rest, **options)


class Handler(RequestHandler):
    """The request handler; it serves one request at a time."""

    def do_POST(self):
        self._serve(super().do_POST)

    def do_PUT(self):
        self._serve(super().do_PUT)

    def do_DELETE(self):
        self._serve(super().do_DELETE)

    def _serve(self, serve):
        self.storage.expected = parse_qs(urlparse(self.path).query).get("ifGenerationMatch", [None])[0]
        try:
            serve()
        except PreconditionFailed:
            self.send_response(HTTPStatus.PRECONDITION_FAILED)
            self.send_header("Content-Length", "0")
            self.end_headers()

    def send_response(self, code, message=None):
        super().send_response(code, message)
        bucket, separator, name = urlparse(self.path).path.partition("/b/")[2].partition("/o/")
        if self.command == "GET" and separator and code in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            self.send_header("x-goog-generation", self.storage.generation(bucket, unquote(name)))

    def log_message(self, format, *args):
        """Log nothing."""


@contextmanager
def serving(port: int = 0) -> Iterator[tuple[dict[str, str], Generations]]:
    """Run an emulator; yields the environment in which `gs://bucket` is its bucket, and its storage."""
    storage = Generations(use_memory_fs=True)
    create_bucket(BUCKET, storage)
    with HTTPServer(("127.0.0.1", port), partial(Handler, storage)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        server.handle_error = lambda *_: None  # a client that was killed
        thread.start()
        try:
            yield environment(server.server_address[1]), storage
        finally:
            server.shutdown()
            thread.join()


def environment(port: int) -> dict[str, str]:
    """Variables that direct all clients of Cloud Storage to the emulator, without credentials."""
    address = f"http://127.0.0.1:{port}"
    return {
        "STORAGE_EMULATOR_HOST": address,
        "TENSORSTORE_GCS_HTTP_URL": address,
        "GOOGLE_AUTH_TOKEN_FOR_TESTING": "x",
        "GCE_METADATA_HOST": "127.0.0.1:1",
        "GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT": "false",  # else gcsfs asks Google what kind of bucket it is
    }


if __name__ == "__main__":
    with serving(int(sys.argv[1])) as (variables, _):
        print("\n".join(f"export {name}={value}" for name, value in variables.items()), flush=True)
        threading.Event().wait()
