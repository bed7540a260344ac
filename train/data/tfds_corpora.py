"""Corpora through TensorFlow Datasets, as array_record files, without TensorFlow.

Import this module only to open a corpus: importing tensorflow_datasets takes longer than a cached start.
"""

import contextlib
import io
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds
from tensorflow_datasets.core.registered import DatasetNotFoundError

from quarry.errors import DataError
from quarry.train.data.documents import Contents, Corpus, Document, to_text
from quarry.train.data.progress import tracked

_DATASET = re.compile(r"[a-z0-9_]+(/[\w.-]+)?(:[0-9.*]+)?")


class _Texts(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    """A document per pair (name, UTF-8 text), in the split `train`; TFDS names the data set after `name`."""

    VERSION = tfds.core.Version("1.0.0")
    url_infos = {}  # noqa: RUF012 - TFDS's own name; nothing is downloaded, so there are no checksums to find

    def __init__(
        self, name: str, contents: Callable[[], Contents], homepage: str, licence: str, skips_invalid: bool,
        **kwargs,
    ):  # fmt: skip
        self.name = name  # pyright: ignore[reportAttributeAccessIssue] - TFDS derives it from the class
        self._contents, self._homepage, self._licence = contents, homepage, licence
        self._skipped = (DataError,) if skips_invalid else ()
        super().__init__(file_format="array_record", **kwargs)

    def _info(self) -> tfds.core.DatasetInfo:
        text = tfds.features.Text()
        features = tfds.features.FeaturesDict({"name": text, "text": text})
        return tfds.core.DatasetInfo(
            builder=self, features=features, homepage=self._homepage, license=self._licence
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for name, content in tracked(self._contents(), f"preparing {self.name}"):
            with contextlib.suppress(*self._skipped):
                yield name, {"name": name, "text": to_text(content, name)}


def open_packaged(
    name: str,
    release: str,
    contents: Callable[[], Contents],
    data_dir: Path,
    *,
    homepage: str,
    licence: str,
    skips_invalid: bool,
) -> Corpus:
    """The corpus of these documents, prepared in `data_dir`, which must belong to just these.

    Raises DataError if a file cannot be read, or if what is prepared is damaged: all of it is read.
    """
    for killed in (data_dir / _module(name)).glob("incomplete.*"):
        shutil.rmtree(killed, ignore_errors=True)
    with _readable(name, data_dir):
        builder = _Texts(_module(name), contents, homepage, licence, skips_invalid, data_dir=data_dir)
        tfds.disable_progress_bar()
        with contextlib.redirect_stdout(io.StringIO()):  # local files are no download to announce
            builder.download_and_prepare()
        corpus = _corpus(name, builder, "train", f"{name} {release}")
        for _ in tracked(corpus, f"checking {name}", len(corpus)):
            pass
    return corpus


def _module(name: str) -> str:
    """The name of a corpus as TFDS wants it."""
    return name.replace("-", "_")


def open_tfds(name: str, argument: str, data_dir: Path) -> Corpus:
    """The corpus `tfds:NAME[/CONFIG][@SPLIT]`; the split is `train` unless given, and may be a slice.

    Raises DataError for an unknown data set or split, or if it has no one text feature or cannot be
    prepared.
    """
    dataset, _, split = argument.partition("@")
    if not _DATASET.fullmatch(dataset):
        raise DataError(f"corpus = {name!r}: {dataset!r} is not NAME, NAME/CONFIG or NAME:VERSION")
    with _readable(name, data_dir / dataset.partition(":")[0]):
        builder = _builder(name, dataset, data_dir)
        _text_feature(name, builder.info.features)  # before a long download
    _download(name, dataset, builder, data_dir)
    return _corpus(name, builder, split or "train", builder.info.full_name)


@contextlib.contextmanager
def _readable(name: str, folder: Path) -> Iterator[None]:
    """Turn any error of TFDS and of the libraries below it, which have no class in common, into DataError."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:
        raise DataError(
            f"corpus = {name!r}: {_first_line(error)}; if the data set in {folder} is damaged, "
            "delete that folder to prepare it again"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _builder(name: str, dataset: str, data_dir: Path) -> tfds.core.DatasetBuilder:
    try:
        return tfds.builder(dataset, data_dir=str(data_dir), file_format="array_record")
    except DatasetNotFoundError:
        raise DataError(
            f"corpus = {name!r}: TFDS without TensorFlow has no data set {dataset!r}, "
            f"and none is prepared in {data_dir}"
        ) from None


def _download(name: str, dataset: str, builder: tfds.core.DatasetBuilder, data_dir: Path) -> None:
    """Prepare a data set with a progress bar on stderr. Raises DataError if that is not possible."""
    tfds.enable_progress_bar()
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is the command's
            builder.download_and_prepare()
    except ModuleNotFoundError as error:
        raise DataError(
            f"corpus = {name!r}: TFDS needs TensorFlow to prepare it, not to read it ({error}); where it "
            f"is installed: tfds build {dataset} --file_format=array_record --data_dir={data_dir}"
        ) from error
    except OSError as error:  # the errors of `requests` are OSErrors
        raise DataError(f"corpus = {name!r} could not be downloaded to {data_dir}: {error}") from error


def _corpus(name: str, builder: tfds.core.DatasetBuilder, split: str, source: str) -> Corpus:
    info = builder.info
    feature = _text_feature(name, info.features)
    try:
        records = builder.as_data_source(split)  # pyright: ignore[reportCallIssue] (TFDS's decorator hides it)
    except ValueError as error:
        raise DataError(f"corpus = {name!r}, split {split!r}: {_first_line(error)}") from None
    licence = info.redistribution_info.license.strip() or "unknown"

    def read(index: int) -> Document:
        with _readable(name, Path(builder.data_dir)):
            record = records[index]
        return _document(name, index, record, feature)

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
