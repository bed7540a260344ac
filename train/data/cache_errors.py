"""Errors of the cache of token stores, as sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quarry.errors import DataError
from quarry.train.record.disk_space import enough_space, is_about_space


@contextmanager
def errors_in_sentences(cache: Path) -> Iterator[None]:
    """Turn an OSError in the cache into DiskFull or DataError."""
    with enough_space(cache, "the tokens of a corpus take about as much as its text"):
        try:
            yield
        except OSError as error:
            if is_about_space(error):
                raise
            raise DataError(
                f"the cache {cache} cannot be used ({error.filename or cache}: {error.strerror}): "
                "repair that, or choose another with --cache or QUARRY_CACHE"
            ) from error
