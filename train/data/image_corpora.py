"""Grey images as text: a document per image, a character per pixel, row after row.

`digits` are the 8x8 images of the UCI set Optical Recognition of Handwritten Digits (Alpaydin and Kaynak
1998), its test set, which come with this package; `fashion` is Fashion-MNIST (Xiao, Rasul and Vollgraf 2017,
1708.07747), of Debian or from its four files.
"""

import functools
import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from quarry.errors import DataError
from quarry.train.data.documents import Corpus, Document, read_bytes
from quarry.train.data.options import read_options
from quarry.train.data.pixels import MOST_LEVELS, pixel_text

DIGITS_FILE = Path(__file__).with_name("digits.gz")
FASHION_FOLDER = Path("/usr/share/datasets/fashion-mnist")
FASHION_PARTS = tuple(f"{part}-images-idx3-ubyte.gz" for part in ("train", "t10k"))
_IDX_IMAGES = 0x803
"""Of bytes, in three dimensions: the first word of a file of images in the format IDX."""


@dataclass(frozen=True)
class DigitsOptions:
    size: int = 8
    levels: int = 17


@dataclass(frozen=True)
class FashionOptions:
    size: int = 28
    levels: int = 16


@dataclass(frozen=True)
class Images:
    """A set of square grey images, averaged over areas to `size` x `size` pixels and cut into `levels`."""

    name: str
    about: str
    licence: str
    homepage: str
    options: type[Any]
    sizes: tuple[int, ...]
    list_files: Callable[[Path], list[Path]]
    read_files: Callable[[list[Path]], np.ndarray]
    """The images uint8 [images, side, side] in the files."""
    whole: int
    """Levels of the pixels as they are stored."""

    @property
    def usage(self) -> str:
        sizes = "|".join(map(str, self.sizes))
        return f"{self.name}[?size={sizes},levels=2..{min(self.whole, MOST_LEVELS)}]"

    def check_installed(self, data_dir: Path) -> None:
        self.list_files(data_dir)

    def levels(self, argument: str) -> int:
        """The number of levels that a name asks for. Raises DataError as `files`."""
        return self._read_options(argument).levels

    def version(self, argument: str) -> str:
        return ""

    def files(self, argument: str, data_dir: Path) -> list[Path]:
        self._read_options(argument)
        return self.list_files(data_dir)

    def open(self, name: str, argument: str, data_dir: Path) -> Corpus:
        options = self._read_options(argument)
        images = self.read_files(self.list_files(data_dir))
        weights = area_weights(images.shape[1], options.size)

        def read(index: int) -> Document:
            levels = quantised(images[index], weights, self.whole, options.levels)
            return Document(f"{self.name}[{index}]", pixel_text(levels, options.levels))

        return Corpus(name, f"{self.name}, {self.homepage}", self.licence, len(images), read)

    def _read_options(self, argument: str) -> Any:
        options = self.options(**read_options(argument, self.name, self.options))
        most = min(self.whole, MOST_LEVELS)
        if options.size not in self.sizes:
            sizes = " or ".join(map(str, self.sizes))
            raise DataError(f"corpus = '{self.name}?{argument}': size = {options.size} must be {sizes}")
        if not 2 <= options.levels <= most:
            raise DataError(
                f"corpus = '{self.name}?{argument}': levels = {options.levels} must be from 2 to {most}"
            )
        return options


@functools.cache
def area_weights(side: int, size: int) -> np.ndarray:
    """How much of each of `side` pixels lies in each of `size`: int64 [size, side], each row sums to side.

    Whole numbers, so that no rounding differs between machines.
    """
    starts, edges = np.arange(side) * size, np.arange(size)[:, None] * side
    overlap = np.minimum(edges + side, starts + size) - np.maximum(edges, starts)
    return np.maximum(overlap, 0)


def quantised(image: np.ndarray, weights: np.ndarray, whole: int, levels: int) -> np.ndarray:
    """The level of each area of an image uint8 [side, side]: int64 [size, size], below `levels`."""
    sums = weights @ image.astype(np.int64) @ weights.T
    area = int(weights[0].sum()) ** 2
    scale = Fraction(levels, whole * area)
    return sums * scale.numerator // scale.denominator


def _digits_files(data_dir: Path) -> list[Path]:
    return [DIGITS_FILE]


def _read_digits(files: list[Path]) -> np.ndarray:
    return np.frombuffer(_unzipped(files[0]), np.uint8).reshape(-1, 8, 8)


def _fashion_files(data_dir: Path) -> list[Path]:
    """The two files of images, of the Debian package or put below `data_dir` by hand."""
    own = data_dir / "fashion-mnist"
    for folder in (own, FASHION_FOLDER):
        files = [folder / part for part in FASHION_PARTS]
        if all(file.is_file() for file in files):
            return files
    raise DataError(
        "corpus = 'fashion' needs Debian's dataset-fashion-mnist: apt-get install dataset-fashion-mnist; or "
        f"put {' and '.join(FASHION_PARTS)} of github.com/zalandoresearch/fashion-mnist into {own.absolute()}"
    )


def _read_fashion(files: list[Path]) -> np.ndarray:
    return np.concatenate([_read_idx(file) for file in files])


def _read_idx(path: Path) -> np.ndarray:
    """The images uint8 [images, rows, columns] of a file in the format IDX."""
    content = _unzipped(path)
    kind, *shape = np.frombuffer(content[:16].ljust(16, b"\0"), ">i4").tolist()
    if kind != _IDX_IMAGES or len(content) != 16 + np.prod(shape) or shape[1] != shape[2]:
        raise DataError(f"{path} holds no square images in the format IDX: download it again")
    return np.frombuffer(content, np.uint8, offset=16).reshape(shape)


def _unzipped(path: Path) -> bytes:
    try:
        return gzip.decompress(read_bytes(path))
    except (EOFError, OSError, zlib.error) as error:
        raise DataError(f"{path} is damaged ({error}): install it again") from None


DIGITS = Images(
    name="digits",
    about="handwritten digits as pixels, 1,797 images of 8x8, one document per image",
    licence="CC-BY-4.0",
    homepage="https://doi.org/10.24432/C50P49",
    options=DigitsOptions,
    sizes=(8,),
    list_files=_digits_files,
    read_files=_read_digits,
    whole=17,
)

FASHION = Images(
    name="fashion",
    about="Fashion-MNIST as pixels, 70,000 images of 28x28 or less, one document per image",
    licence="MIT",
    homepage="https://github.com/zalandoresearch/fashion-mnist",
    options=FashionOptions,
    sizes=(8, 16, 28),
    list_files=_fashion_files,
    read_files=_read_fashion,
    whole=256,
)
