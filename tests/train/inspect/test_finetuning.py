"""Fine-tuning: the labels are learned, tables resume, and activations are those of the model."""

import dataclasses
from pathlib import Path

import jax
import numpy as np
import polars as pl
import pytest

from quarry.cli import run
from quarry.errors import ConfigError, DataError, RecordError
from quarry.model.transformer import abstract, apply
from quarry.train.config.fine_tuning import FineTuning
from quarry.train.data.feed import sequence_rows
from quarry.train.data.labelling import TASKS, Task
from quarry.train.data.snippets import Snippets
from quarry.train.data.splitting import SplitRules
from quarry.train.data.tokenizers import ByteTokenizer
from quarry.train.inspect.activations import last_activations, write_activations
from quarry.train.inspect.finetuning import fine_tune_runs, fine_tuned, tune
from quarry.train.run.sizes import prepare_store

HOW = FineTuning(examples=(4, 8), draws=1, length=16, steps=8, batch=4, test=64)


@pytest.fixture
def letters(tmp_path, monkeypatch):
    """A task that is easily learned: files of one letter each, by their names."""
    for number in range(120):
        for letter in "ab":
            (tmp_path / f"{letter}{number}.txt").write_text(letter * (80 + number))
    corpus = f"folder:{tmp_path}"
    task = Task("which letter", ("a", "b"), (corpus,), lambda _, name: Path(name).name[0])
    monkeypatch.setitem(TASKS, "letters", task)
    return "letters"


def test_snippets_are_of_their_class_and_split_and_equally_frequent(letters, cache):
    snippets = Snippets(letters, ByteTokenizer(), 16, SplitRules(0.2, 0.2), cache)
    drawn = snippets.draw("train", 9, seed=3)
    assert np.bincount(drawn.labels).tolist() == [5, 4]
    np.testing.assert_array_equal(drawn.tokens, np.tile(np.array([[97], [98]])[drawn.labels], 16))
    again = snippets.draw("train", 9, seed=3)
    np.testing.assert_array_equal(again.tokens, drawn.tokens)
    with pytest.raises(ConfigError, match="task='letter' is not one of"):
        Snippets("letter", ByteTokenizer(), 16, SplitRules(), cache)
    with pytest.raises(DataError, match=r"the \w+ split has no 5000 tokens of 'a'"):
        Snippets(letters, ByteTokenizer(), 5000, SplitRules(0.2, 0.2), cache)


@pytest.mark.slow
def test_fine_tuning_learns_the_labels_and_nothing_without_them(model):
    tokens = np.repeat(np.array([[97], [98]], np.int32), 16, axis=1)
    labels = np.tile(np.array([0, 1], np.int32), (20, 2))
    config = dataclasses.replace(model.experiment.model, compute_dtype="float32")
    test = np.resize(tokens, (1, 64, 16))
    found = np.asarray(tune(config, 2, model.params, tokens[labels], labels, 1e-2, test))
    assert found.tolist() == [0, 1] * 32
    swapped = np.asarray(tune(config, 2, model.params, tokens[labels], 1 - labels, 1e-2, test))
    assert swapped.tolist() == [1, 0] * 32
    still = np.asarray(tune(config, 2, model.params, tokens[labels], labels, 0.0, test))
    assert set(still.tolist()) == {0}  # a head of zeros prefers no class


@pytest.mark.slow
def test_a_table_is_resumed(letters, finished, cache, tmp_path):
    output = tmp_path / "out.csv"
    first = fine_tune_runs(letters, [finished], output, dataclasses.replace(HOW, examples=(4,)), cache)
    assert first["accuracy"].is_between(0, 1).all()
    marked = first.with_columns(accuracy=pl.lit(0.123))
    marked.write_csv(output)
    both = fine_tune_runs(letters, [finished], output, HOW, cache)
    assert both["examples"].to_list() == [4, 8]
    assert both["accuracy"][0] == 0.123
    output.write_text("x\n1\n")
    with pytest.raises(RecordError, match="no table of `quarry finetune`"):
        fine_tune_runs(letters, [finished], output, HOW, cache)


@pytest.mark.slow
def test_a_run_is_not_tested_on_documents_that_it_has_read(model, finished, cache, tmp_path, monkeypatch):
    for number in range(3):
        for author in "AB":
            (tmp_path / f"ENG185{number}0_{author}.txt").write_text(f"{author} wrote {number}. " * 9)
    corpus = f"folder:{tmp_path}"
    data = dataclasses.replace(model.experiment.data, corpus=corpus)
    read = dataclasses.replace(model, experiment=dataclasses.replace(model.experiment, data=data))
    monkeypatch.setattr("quarry.train.inspect.finetuning.read_trained", lambda run, cache: read)
    with pytest.raises(ConfigError, match=f"was trained on {corpus}, which the task tests on"):
        fine_tune_runs(f"author:{corpus}", [finished], tmp_path / "out.csv", HOW, cache)
    monkeypatch.setattr("quarry.train.inspect.finetuning.read_trained", lambda run, cache: model)
    table = fine_tune_runs(f"author:{corpus}", [finished], tmp_path / "out.csv", HOW, cache)
    assert table["chance"].to_list() == [0.5, 0.5]


@pytest.mark.slow
def test_from_random_weights_nothing_of_the_run_is_left_but_its_shape(model, letters, cache):
    """The same rows for a run whose weights are all zero; each draw begins with weights of its own."""
    snippets = Snippets(letters, ByteTokenizer(), 16, SplitRules(0.2, 0.2), cache)
    how = dataclasses.replace(HOW, examples=(8,), draws=2, scratch=True)
    blank = dataclasses.replace(model, params=jax.tree.map(np.zeros_like, model.params))
    rows = list(fine_tuned(model, letters, snippets, how))
    assert rows == list(fine_tuned(blank, letters, snippets, how))
    assert [(row["weights"], row["draw"]) for row in rows] == [("random", 0), ("random", 1)]
    assert min(row["accuracy"] for row in rows) > 0.9
    (told,) = fine_tuned(blank, letters, snippets, dataclasses.replace(how, draws=1, scratch=False))
    assert (told["weights"], told["accuracy"]) == ("run", 0.5)  # zero weights stay where they are


def test_settings_that_cannot_be_used_are_refused(model, letters, cache):
    for wrong in ({"steps": 0}, {"rate": (0.0,)}, {"examples": ()}, {"examples": (1,)}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            FineTuning(**wrong)
    snippets = Snippets(letters, ByteTokenizer(), 64, SplitRules(0.2, 0.2), cache)
    with pytest.raises(ConfigError, match="length = 64 is more than the context of study/tiny"):
        next(fine_tuned(model, letters, snippets, dataclasses.replace(HOW, length=64)))


@pytest.mark.slow
def test_activations_are_the_input_of_the_head(model, cache, tmp_path):
    found = last_activations(model, cache, 5)
    store, config = prepare_store(model.experiment, cache), model.experiment.model
    tokens = sequence_rows(store.reader("test"), np.array([0]), config.context)[:, :-1].astype(np.int32)
    graph = abstract(config)[0]
    logits = jax.jit(lambda params, rows: apply(graph, params, rows))(model.params, tokens)[-1]
    np.testing.assert_allclose(found[0] @ model.params["head"], logits, rtol=1e-4, atol=1e-5)
    with pytest.raises(ConfigError, match="tokens = 0: the test split has 1 to"):
        last_activations(model, cache, 0)
    with pytest.raises(RecordError, match=r"must end in \.npy"):
        write_activations(found, tmp_path / "a.csv")


@pytest.mark.parametrize(
    "words",
    [
        "retrieve runs/a/b -o a.txt",
        "ensemble demo -o a.npy",
        "finetune language runs/a/b -o a",
        "activations runs/a/b a.csv",
    ],
)
def test_a_file_of_another_ending_is_refused_before_the_work(words):
    with pytest.raises(RecordError, match="must end in"):
        run(words.split())


def test_the_command_writes_activations(finished, cache, tmp_path, monkeypatch):
    monkeypatch.setattr("quarry.train.commands.activations.prepare", lambda _: None)
    file = tmp_path / "new" / "a.npy"
    assert run(["activations", str(finished), str(file), "--tokens", "9", "--cache", str(cache)]) == 0
    assert np.load(file, allow_pickle=False).shape == (9, 16)
