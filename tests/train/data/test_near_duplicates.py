"""Near duplicates: the estimate against the exact similarity; no held-out text has a twin in training."""

import numpy as np
import pytest

from quarry.errors import ConfigError, DataError
from quarry.train.config.experiment import DataConfig
from quarry.train.data.near_duplicates import near_twins_of, run_hashes
from quarry.train.data.store_building import prepare_tokens

RNG = np.random.default_rng(0)


def words(count):
    return [f"w{i}" for i in RNG.integers(0, 10_000, count)]


def similarity(first, second):
    first, second = (set(run_hashes(text.split()).tolist()) for text in (first, second))
    return len(first & second) / len(first | second)


def test_marks_case_and_line_ends_do_not_count():
    text = "It was the best of times, it was the worst of times"
    texts = [
        text,
        text.upper().replace(" ", "\n  "),
        text[:-1],
        "one two",
        "One, two.",
        "two one",
        "!!",
        "!?",
        "!!",
    ]
    assert near_twins_of(texts, 9, 0.99).tolist() == [
        False,
        True,
        False,
        False,
        True,
        False,
        False,
        False,
        True,
    ]
    assert len(run_hashes(text.split())) == 8
    pixels = "!!10!01!1!0!!1!" * 9
    assert not near_twins_of([pixels, pixels + "!", pixels + "1"], 3, 0.5).any()


def test_twins_are_what_the_exact_similarity_says():
    originals = [words(300) for _ in range(40)]
    texts = [" ".join(each) for each in originals]
    for changed, original in enumerate(originals):  # 0 to 39 words of 300 replaced at the end
        texts.append(" ".join(original[: 300 - changed] + words(changed)))
    exact = np.array([similarity(texts[i], texts[40 + i]) for i in range(40)])
    twins = near_twins_of(texts, 80, 0.8)
    assert not twins[:40].any()
    assert twins[40:][exact > 0.9].all()
    assert not twins[40:][exact < 0.7].any()
    assert near_twins_of(["same text here"] * 3, 3, 1.0).tolist() == [False, True, True]


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """A folder of 60 documents, each with a twin in which a word of 200 differs."""
    root = tmp_path_factory.mktemp("twins")
    for i in range(60):
        text = words(200)
        for kind in "ab":
            (root / f"{kind}{i:02}.txt").write_text(f"{kind} " + " ".join(text))
    return root


def test_no_held_out_document_has_a_near_twin_in_training(twins, tmp_path):
    plain = prepare_tokens(f"folder:{twins}", "bytes", tmp_path)
    cleaned, again = (
        prepare_tokens(f"folder:{twins}", "bytes", tmp_path, near_duplicates=0.8) for _ in range(2)
    )
    assert "near_duplicates_dropped" not in plain.manifest
    manifest = cleaned.manifest
    assert (manifest["documents"], manifest["near_duplicates_dropped"]) == (60, 60)
    assert (manifest["near_duplicate_rate"], manifest["near_duplicates"]) == (0.5, 0.8)
    texts = b"".join(bytes(cleaned.tokens(split)) for split in ("train", "validation", "test")).split(b"\xff")
    assert len({text[2:] for text in texts if text}) == 60
    assert again.directory == cleaned.directory != plain.directory


def test_documents_are_held_out_by_name(twins, tmp_path):
    store = prepare_tokens(f"folder:{twins}", "bytes", tmp_path, held_out=("*/b0*", "*/b1*"))
    found = {
        split: [text[:1] for text in bytes(store.tokens(split)).split(b"\xff")[:-1]]
        for split in ("train", "validation", "test")
    }
    assert (len(found["train"]), len(found["validation"]) + len(found["test"])) == (100, 20)
    assert set(found["validation"]) == set(found["test"]) == {b"b"}
    assert found["train"].count(b"b") == 40
    assert store.manifest["held_out"] == ["*/b0*", "*/b1*"]
    with pytest.raises(DataError, match="must fit some names of documents, not all"):
        prepare_tokens(f"folder:{twins}", "bytes", tmp_path, held_out=("*/c*",))


@pytest.mark.parametrize("value", [{"near_duplicates": 0.0}, {"near_duplicates": 1.5}, {"held_out": ("",)}])
def test_bad_settings_are_refused(value):
    with pytest.raises(ConfigError, match=f"data.{next(iter(value))}"):
        DataConfig(**value)
