"""The new shares of a mixture's sources are in proportion to share times bits per byte."""

import pytest

from quarry.cli import run as quarry
from quarry.errors import ConfigError
from quarry.train.data.mixture import parse_mixture
from quarry.train.inspect.mixing import mixture_by_loss, mixture_name
from quarry.train.record.files import to_json
from quarry.train.record.run_directory import RunDirectory


def recorded(folder, corpus: str = "mix:easy=3+hard=1", **bits: float) -> RunDirectory:
    """The record of a run whose last evaluation gave these bits per byte; an earlier one twice as many."""
    folder.mkdir(parents=True)
    run = RunDirectory(folder)
    also = [[f"of_{name}", name] for name in bits]
    run.write_run(status="finished", data={"corpus": corpus}, config={"evaluation": {"also": also}})
    row = {"step": 1, "split": "validation"}
    rows = [row | {f"bits_per_byte_on_of_{name}": n * value for name, value in bits.items()} for n in (2, 1)]
    run.evals.write_bytes(b"".join(to_json(each) + b"\n" for each in (*rows, row | {"split": "test"})))
    return run


def test_the_share_of_a_source_is_multiplied_by_its_bits(tmp_path):
    parts = mixture_by_loss(recorded(tmp_path / "s" / "p", easy=1.0, hard=3.0))
    assert [(part.share, part.bits, part.new_share) for part in parts] == [(0.75, 1.0, 0.5), (0.25, 3.0, 0.5)]
    assert parse_mixture(mixture_name(parts).removeprefix("mix:")) == [("easy", 0.5), ("hard", 0.5)]


def test_with_a_second_run_what_counts_is_the_excess(tmp_path):
    corpus = "mix:easy=1+hard=1+noise=2"
    run = recorded(tmp_path / "s" / "small", corpus, easy=1.5, hard=3.0, noise=8.0)
    less = recorded(tmp_path / "s" / "large", corpus, easy=1.0, hard=2.0, noise=8.5)
    parts = mixture_by_loss(run, less)
    assert [part.new_share for part in parts] == pytest.approx([1 / 3, 2 / 3, 0])
    assert mixture_name(parts) == "mix:easy=0.3333+hard=0.6667"


def test_the_command_prints_the_mixture(tmp_path, capsys):
    run = recorded(tmp_path / "s" / "p", easy=1.0, hard=3.0)
    assert quarry(["data", "mix", str(run.path)]) == 0
    assert "--data.corpus mix:easy=0.5000+hard=0.5000" in capsys.readouterr().out


def test_a_folder_of_several_runs_is_none_of_them(tmp_path):
    for name in "ab":
        recorded(tmp_path / "s" / name, easy=1.0, hard=3.0)
    with pytest.raises(ConfigError, match=r"holds 2 runs: name one of them, such as .*/a"):
        quarry(["data", "mix", str(tmp_path / "s")])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"corpus": "sotu"}, "was trained on sotu, no mixture"),
        ({"easy": 1.0}, r"has scored no held-out text of hard: train it with evaluation.also = \(NAME, hard"),
    ],
)
def test_runs_that_say_nothing_of_a_mixture_are_refused(tmp_path, fields, message):
    with pytest.raises(ConfigError, match=message):
        mixture_by_loss(recorded(tmp_path / "s" / "p", **fields))


def test_a_mixture_of_one_source_is_refused(tmp_path):
    run, less = (recorded(tmp_path / "s" / str(hard), easy=1.0, hard=hard) for hard in (3.0, 2.0))
    with pytest.raises(ConfigError, match=r"fewer than two sources of mix:easy=3.hard=1 have more bits"):
        mixture_by_loss(run, less)
