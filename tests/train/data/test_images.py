"""Images as pixels: exact averages and levels, whatever the machine; names and files refused by name."""

import gzip

import numpy as np
import pytest

from quarry.errors import DataError
from quarry.train.data import image_corpora
from quarry.train.data.corpora import open_corpus
from quarry.train.data.image_corpora import area_weights, quantised
from quarry.train.data.pixels import PixelTokenizer
from quarry.train.data.store_building import prepare_tokens
from quarry.train.data.tokenizers import tokenizer_from, vocabulary_size


def test_digits_are_here_without_a_download(tmp_path):
    corpus = open_corpus("digits", tmp_path)
    assert len(corpus) == 1797
    levels = PixelTokenizer(17).encode(corpus[0].text).reshape(8, 8)
    assert levels[0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]  # the first row of the set's first image, a zero
    assert len(set(corpus[0].text)) > 5
    coarse = PixelTokenizer(4).encode(open_corpus("digits?levels=4", tmp_path)[0].text).reshape(8, 8)
    assert (coarse == levels * 4 // 17).all()


@pytest.mark.parametrize("size", [8, 16, 28])
def test_areas_keep_the_mean_of_an_image(size):
    weights = area_weights(28, size)
    assert (weights.sum(1) == 28).all()
    assert (weights.sum(0) == size).all()
    image = np.random.default_rng(0).integers(0, 256, (28, 28), np.uint8)
    exact = weights @ image.astype(float) @ weights.T / 28**2
    assert exact.mean() == pytest.approx(image.mean())
    assert (quantised(image, weights, 256, 256) == np.floor(exact)).all()
    assert quantised(np.full((28, 28), 255, np.uint8), weights, 256, 16).max() == 15


def write_idx(path, images):
    header = np.array([0x803, *images.shape], ">i4").tobytes()
    path.write_bytes(gzip.compress(header + images.tobytes()))


@pytest.fixture
def fashion(tmp_path):
    """A folder of data sets with eleven images, in the format of Fashion-MNIST."""
    folder = tmp_path / "fashion-mnist"
    folder.mkdir()
    images = np.random.default_rng(0).integers(0, 256, (11, 28, 28), np.uint8)
    for part, some in zip(image_corpora.FASHION_PARTS, (images[:8], images[8:]), strict=True):
        write_idx(folder / part, some)
    return tmp_path, images


@pytest.mark.parametrize("levels", [2, 94, 95, 256])
def test_a_pixel_is_a_token_and_a_byte(fashion, tmp_path, levels):
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "corpora").symlink_to(fashion[0])
    name = f"fashion?size=28,levels={levels}"
    store = prepare_tokens(name, f"pixels:{levels}", cache, validation_fraction=0.3, test_fraction=0.3)
    counts = {split: store.manifest["splits"][split] for split in ("train", "validation", "test")}
    assert sum(entry["documents"] for entry in counts.values()) == 11
    for split, entry in counts.items():
        assert entry["bytes"] == entry["documents"] * 784 == entry["tokens"] - entry["documents"]
        assert store.tokenizer.token_bytes[store.tokens(split)].sum() == entry["bytes"]
    found = np.asarray(store.tokens("train")).reshape(-1, 785)
    assert (found[:, -1] == levels).all()
    wanted = fashion[1].astype(int) * levels // 256
    assert all((wanted.reshape(11, 784) == row[:-1]).all(1).any() for row in found)


def test_pixels_survive_encoding_and_are_saved():
    for levels in (2, 94, 95, 255, 256):
        tokenizer = PixelTokenizer(levels)
        ids = np.arange(levels + 1).astype(tokenizer.dtype)  # with the separator, which is no text
        assert (tokenizer.encode(tokenizer.decode(ids)) == ids[:-1]).all()
        assert tokenizer_from(tokenizer.definition) == tokenizer
    assert vocabulary_size("pixels:16") == 17
    with pytest.raises(DataError, match="the character 'x' is none of its 4 levels"):
        PixelTokenizer(4).encode("!x")
    with pytest.raises(DataError, match="'pixels:300' must have from 2 to 256 levels"):
        vocabulary_size("pixels:300")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits?size=16", "size = 16 must be 8"),
        ("digits?levels=18", "levels = 18 must be from 2 to 17"),
        ("fashion?size=32", "size = 32 must be 8 or 16 or 28"),
        ("fashion?colours=2", "'colours=2' is no option of fashion, which are size, levels"),
        ("digits:8", "'digits:8' is unknown: use"),
        ("digits?", "is unknown: use"),
    ],
)
def test_bad_options_are_refused(tmp_path, name, message):
    with pytest.raises(DataError, match=message):
        open_corpus(name, tmp_path)


def test_missing_and_damaged_images_are_named(fashion, monkeypatch, tmp_path):
    monkeypatch.setattr(image_corpora, "FASHION_FOLDER", tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"apt-get install dataset-fashion-mnist; or put .* into /"):
        open_corpus("fashion", tmp_path / "nowhere")
    path = fashion[0] / "fashion-mnist" / image_corpora.FASHION_PARTS[0]
    for content, message in (
        (path.read_bytes()[:-20], "is damaged"),
        (gzip.compress(b"idx"), "no square images"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            open_corpus("fashion", fashion[0])
