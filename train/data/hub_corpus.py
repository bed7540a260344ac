"""The corpus `hf:NAME`: a text data set of the Hugging Face hub, read by the package `datasets`."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quarry.errors import DataError
from quarry.installation import require_extra
from quarry.train.data.documents import Corpus, Document
from quarry.train.data.options import read_options

_NAME = re.compile(r"(?:[\w-][\w.-]*/)?[\w-][\w.-]*", re.ASCII)


@dataclass(frozen=True)
class HubOptions:
    config: str = ""
    split: str = "train"
    column: str = ""


class Hub:
    """Every row of a split is a document. No code of a data set is run: its files hold tables or text."""

    usage = "hf:NAME[?config=NAME,split=NAME,column=NAME]"
    about = "any text data set of the Hugging Face hub, one document per row"
    licence = "its own"

    def check_installed(self, data_dir: Path) -> None:
        require_extra("corpus = 'hf:NAME'", "hf", "datasets")

    def version(self, argument: str) -> str:
        return ""

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        """The Arrow files that the package `datasets` has prepared."""
        dataset, _ = _parse(argument)
        return sorted((_cache(data_dir) / dataset.lower().replace("/", "___")).rglob("*.arrow"))

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        dataset, options = _parse(argument)
        rows = _load(name, dataset, options, _cache(data_dir))
        column = _text_column(name, rows, options.column)

        def read(index: int) -> Document:
            text = rows[index][column]
            if not isinstance(text, str):
                raise DataError(f"corpus = {name!r}, row {index + 1}: {column!r} is no text but {text!r}")
            return Document(f"{name}[{index}]", text)

        source = f"{dataset} {rows.version}, https://huggingface.co/datasets/{dataset}"
        return Corpus(name, source, str(rows.info.license or "unknown"), len(rows), read)


def _cache(data_dir: Path) -> Path:
    return data_dir / "hf"


def _parse(argument: str) -> tuple[str, HubOptions]:
    dataset, _, text = argument.partition("?")
    if not _NAME.fullmatch(dataset) or ".." in dataset:
        raise DataError(f"corpus = 'hf:{argument}': {dataset!r} is not NAME or OWNER/NAME of a data set")
    return dataset, HubOptions(**read_options(text, f"hf:{dataset}", HubOptions))


def _load(name: str, dataset: str, options: HubOptions, cache: Path) -> Any:
    """The rows of a split. Raises DataError if they cannot be had, whatever the hub's libraries raise."""
    require_extra(f"corpus = {name!r}", "hf", "datasets")
    import datasets

    try:
        return datasets.load_dataset(
            dataset, options.config or None, split=options.split, cache_dir=str(cache)
        )
    except Exception as error:  # errors of the network, the hub and of formats have no class in common
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(
            f"corpus = {name!r} cannot be had from the hub ({first}); without a network, copy its .parquet "
            "or .jsonl files here and read them as folder:PATH"
        ) from error


def _text_column(name: str, rows: Any, wanted: str) -> str:
    texts = [key for key, feature in rows.features.items() if getattr(feature, "dtype", "") in _TEXTS]
    if wanted in texts or (not wanted and ("text" in texts or len(texts) == 1)):
        return wanted or ("text" if "text" in texts else texts[0])
    raise DataError(
        f"corpus = {name!r} has no one column of text: its columns are {', '.join(rows.features)}, of text "
        f"{', '.join(texts) or 'none'}: add ?column=NAME"
    )


_TEXTS = ("string", "large_string")
