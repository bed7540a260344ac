"""Rules keep what they should of easy, hard and noisy documents; U stays nested, the cost is counted."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from quarry.errors import ConfigError, DataError
from quarry.train.config.experiment import DataConfig
from quarry.train.config.selection import Rule, read_rule
from quarry.train.data.order import BatchOrder
from quarry.train.data.selection.choosing import choose, scanned
from quarry.train.data.selection.draws import TABLE, first_pass, pieces_table, selection_flops
from quarry.train.data.selection.pieces import cut, means
from quarry.train.data.selection.stores import select_tokens
from quarry.train.data.store import DamagedStore
from quarry.train.data.store_building import prepare_tokens

DOCUMENTS = 120
KINDS = ("easy", "hard", "noise")
WORDS = ("stone", "quarry", "model", "holds", "night", "hill", "size", "before", "cuts", "some", "out")


def text_of(kind: str, number: int) -> str:
    rng = np.random.default_rng((KINDS.index(kind), number))
    if kind == "easy":
        return f"easy {number:03}" + " and again" * 55
    if kind == "hard":
        return f"hard {number:03} " + " ".join(rng.choice(WORDS, 110))
    return f"noise{number:03}" + "".join(map(chr, rng.integers(33, 127, 540)))


@pytest.fixture(scope="module")
def pool(tmp_path_factory):
    """The store of documents of three kinds, their cache, and a file of scores for them."""
    root = tmp_path_factory.mktemp("pool")
    (root / "text").mkdir()
    for kind in KINDS:
        for number in range(DOCUMENTS):
            (root / "text" / f"{kind}{number}.txt").write_text(text_of(kind, number))
    store = prepare_tokens(f"folder:{root / 'text'}", "bytes", root / "cache")
    table = pieces_table(select_tokens(store, "pieces", root / "cache"))
    losses = {"easy": (0.2, 0.4, 0.2), "hard": (2.0, 3.0, 1.2), "noise": (4.5, 4.5, 4.5)}
    rows = [losses[kind] for kind in kinds(store, table)]
    scores = pl.DataFrame(rows, schema=["loss", "early", "held_out"], orient="row")
    (root / "scores.parquet").write_bytes(b"")
    table.select("start", "tokens").hstack(scores).write_parquet(root / "scores.parquet")
    return store, root / "cache", root / "scores.parquet"


def kinds(store, table) -> list[str]:
    tokens = store.tokens("train")
    beginnings = [bytes(tokens[start : start + 5]).decode().strip() for start in table["start"]]
    return [next(kind for kind in KINDS if beginning.startswith(kind)) for beginning in beginnings]


@pytest.mark.parametrize(
    ("rule", "wanted"),
    [
        ("gzip:low", "easy"),
        ("gzip:middle", "hard"),
        ("gzip:high", "noise"),
        ("loss:low?scores={}", "easy"),
        ("loss:middle?scores={}", "hard"),
        ("loss:high?scores={}", "noise"),
        ("rho?scores={}", "hard"),
        ("progress?scores={}", "hard"),
        ("quality?like=folder:{}", "hard"),
    ],
)
def test_a_rule_keeps_the_kind_of_text_that_it_is_for(pool, tmp_path, rule, wanted):
    store, cache, scores = pool
    for number in range(12):
        (tmp_path / f"{number}.txt").write_text(text_of("hard", 1000 + number))
    selected = select_tokens(store, rule.format(tmp_path if "like" in rule else scores), cache)
    kept = kinds(store, pieces_table(selected).filter("kept"))
    assert kept.count(wanted) / len(kept) > 0.85
    for split in ("validation", "test"):
        assert np.array_equal(selected.tokens(split), store.tokens(split))
    assert selected.manifest["selection"]["rule"].startswith(rule[:4])


def test_random_is_the_store_itself_and_pieces_hold_all_of_it(pool):
    store, cache, _ = pool
    assert select_tokens(store, "random", cache) is store
    assert selection_flops(store, 0, 4096) == 0
    pieces = select_tokens(store, "pieces", cache)
    assert np.array_equal(np.sort(pieces.tokens("train")), np.sort(store.tokens("train")))
    assert pieces.manifest["splits"]["train"]["bytes"] == store.manifest["splits"]["train"]["bytes"]


def test_the_pieces_kept_of_a_prefix_do_not_depend_on_what_follows():
    rule, scores = read_rule("gzip:middle?keep=0.25,group=16"), np.random.default_rng(0).random(101)
    whole = choose(scores, rule)
    assert np.array_equal(choose(scores[:64], rule), whole[:64])
    assert whole[:96].reshape(6, 16).sum(1).tolist() == [4] * 6
    assert np.array_equal(scanned(np.full(101, 10), rule)[[0, 15, 16, 100]], [160, 160, 320, 1010])
    ranks = scores[:16].argsort().argsort()[whole[:16]]
    assert sorted(ranks.tolist()) == [6, 7, 8, 9]


def test_a_store_is_made_once_and_again_where_it_is_damaged(pool, tmp_path):
    store, cache, _ = pool
    said: list[str] = []
    first = select_tokens(store, "gzip:low?keep=0.5", cache, say=said.append)
    assert select_tokens(store, "gzip:low?keep=0.5", cache, say=said.append).directory == first.directory
    assert len(said) == 1
    content = (first.directory / TABLE).read_bytes()
    (first.directory / TABLE).write_bytes(content[:-9])
    with pytest.raises(DamagedStore, match=r"pieces\.parquet is damaged"):
        pieces_table(first)
    again = select_tokens(store, "gzip:low?keep=0.5", cache, say=said.append)
    assert pieces_table(again)["kept"].sum() == again.manifest["selection"]["kept"]
    assert again.directory != select_tokens(store, "gzip:low?keep=0.4", cache).directory


def test_a_curriculum_reads_all_of_u_first_from_low_to_high_then_shuffled(pool):
    store, cache, scores = pool
    selected = select_tokens(store, f"curriculum:loss?scores={scores}", cache)
    ids = first_pass(selected, 4, 64, 128)
    assert ids is not None
    assert sorted(ids.tolist()) == list(range(4, 68))
    table = pieces_table(selected)
    score = table["score"].to_numpy()[np.searchsorted(table["tokens"].cum_sum(), ids * 128, side="right")]
    assert (np.diff(score) >= 0).all()
    order, plain = BatchOrder(64, 0, first=4, first_pass=ids), BatchOrder(64, 0, first=4)
    positions = np.arange(192)
    assert np.array_equal(order.sequence_ids(positions[:64]), ids)
    assert np.array_equal(order.sequence_ids(positions[64:]), plain.sequence_ids(positions[64:]))
    assert np.array_equal(order.sequence_ids(positions[60:70]), order.sequence_ids(positions)[60:70])
    assert first_pass(store, 4, 64, 128) is None


def test_up_sampling_reads_everything_and_the_hardest_third_of_each_group_twice(pool):
    store, cache, scores = pool
    selected = select_tokens(store, f"upsample:loss?scores={scores},group=30", cache)
    table, everything = pieces_table(selected), pl.read_parquet(scores)
    groups = [everything[first : first + 30] for first in range(0, len(everything), 30)]
    low = pl.col("loss").rank("ordinal") <= pl.len() - (pl.len() / 3).round()
    twice = [group.filter(~low) for group in groups]
    read = pl.concat([part for pair in zip(groups, twice, strict=True) for part in pair])
    assert table["start"].to_list() == read["start"].to_list()
    assert set(kinds(store, pl.concat(twice))) == {"noise", "hard"}
    assert len(selected.tokens("train")) == table["tokens"].sum() > len(store.tokens("train"))
    begin = table["tokens"].cum_sum()[len(groups[0]) - 1]
    again = twice[0].row(0, named=True)
    wanted = store.tokens("train")[again["start"] : again["start"] + again["tokens"]]
    np.testing.assert_array_equal(selected.tokens("train")[begin : begin + again["tokens"]], wanted)


def test_documents_are_cut_in_equal_pieces_and_short_ones_stay_whole():
    tokens = np.ones(1000, np.uint8)
    tokens[[0, 5, 6, 405, 999]] = 255
    found = cut(tokens, 255, 100)
    assert found.starts.tolist()[:3] == [0, 1, 6]
    assert found.sizes.sum() == 1000
    assert np.array_equal(found.starts[1:], (found.starts + found.sizes)[:-1])
    assert set(found.sizes[3:7].tolist()) <= {99, 100}
    assert found.sizes[7:].min() == 99
    values = np.arange(1.0, 1000)
    expected = [np.nan, 3.0, 6.0]
    assert means(values, 1, found)[:3].tolist() == pytest.approx(expected, nan_ok=True)


def test_the_flops_of_choosing_are_those_of_the_pool_that_u_needed(pool):
    store, cache, _ = pool
    selected = select_tokens(store, "gzip:low?group=12", cache)
    about = selected.manifest["selection"] | {"flops_per_token": 2.0, "flops_reference": 100.0}
    charged = dataclasses.replace(selected, manifest=selected.manifest | {"selection": about})
    table = pieces_table(selected)
    first = int(table["tokens"][:12].sum())
    assert selection_flops(charged, 0, 128) == 100 + 2 * first
    whole = selection_flops(charged, 0, charged.n_tokens("train"))
    assert whole == 100 + 2 * table["tokens"].sum()
    parts = [selection_flops(charged, first, first + 8192) - 100 for first in (0, 8192)]
    assert sum(parts) == selection_flops(charged, 0, 16384) - 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("best", r"data.selection = 'best' is no rule: use one of random, pieces, gzip:BAND"),
        ("gzip", "is no rule"),
        ("gzip:top", "BAND one of low, middle, high"),
        ("random:low", "is no rule"),
        ("curriculum:random", "is no rule"),
        ("upsample:pieces", "is no rule"),
        ("upsample:loss:low?scores=a", "is no rule"),
        ("loss:low", r"needs \?scores=FILE"),
        ("gzip:low?scores=a", r"takes no option scores=FILE"),
        ("quality", r"needs \?like=CORPUS"),
        ("gzip:low?keep=1.5", "keep = 1.5 must lie between 0 and 1"),
        ("gzip:low?keep=nan", "keep = nan must lie between 0 and 1"),
        ("gzip:low?keep=half", "keep = 'half' is no number"),
        ("gzip:low?kept=0.5", "'kept=0.5' is none of its options keep="),
        ("gzip:low?piece=1", "piece = 1 must be at least 8 tokens"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_in_a_sentence(text, message):
    with pytest.raises(ConfigError, match=message):
        DataConfig(selection=text)


def test_names_of_rules_are_read():
    assert read_rule("random") == Rule()
    assert read_rule("quality:low?keep=0.5,like=synthetic:bayes?order=1,symbols=4") == Rule(
        "quality", "low", keep=0.5, like="synthetic:bayes?order=1,symbols=4"
    )
    assert read_rule("rho?scores=a").band == "high"
    assert read_rule("curriculum:gzip") == Rule("gzip", None, True)
    assert read_rule("upsample:gzip") == Rule("gzip", "high", upsample=True)
    assert "upsample" not in repr(read_rule("upsample:gzip"))  # repr names the stores of earlier versions


def test_files_that_do_not_score_this_pool_are_refused(pool, tmp_path):
    store, cache, scores = pool
    table = pl.read_parquet(scores)
    table.drop("early").write_parquet(tmp_path / "less.parquet")
    table.head(5).write_parquet(tmp_path / "short.parquet")
    (tmp_path / "text.parquet").write_text("no table")
    table.with_columns(loss=pl.lit(None)).write_parquet(tmp_path / "null.parquet")
    for rule, message in {
        "progress?scores={}/less.parquet": "lacks the column 'early' .*checkpoint.at_tokens",
        "loss:low?scores={}/short.parquet": "scores other pieces than those of",
        "loss:low?scores={}/text.parquet": "cannot be read as a Parquet table",
        "loss:low?scores={}/none.parquet": "cannot read .*none.parquet",
        "loss:low?scores={}/null.parquet": "no piece of the pool has a score",
    }.items():
        with pytest.raises(DataError, match=message):
            select_tokens(store, rule.format(tmp_path), cache)
