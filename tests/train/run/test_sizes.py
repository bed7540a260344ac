"""What is compared before a corpus is read."""

import dataclasses

import pytest

from quarry.errors import ConfigError
from quarry.model.config import modern
from quarry.train.config.experiment import DataConfig, Experiment
from quarry.train.config.point_files import Point
from quarry.train.launch.jobs import make_jobs
from quarry.train.run.sizes import prepare_store

CONFIG = Experiment(
    model=modern(16, 2, 2, context=32), data=DataConfig(corpus="folder:/no/such/folder", tokenizer="bpe:512")
)
MESSAGE = "model.vocab_size = 256 is less than the 512 tokens of data.tokenizer = bpe:512"


def test_a_vocabulary_too_small_is_refused_before_the_corpus_is_opened(tmp_path):
    with pytest.raises(ConfigError, match=MESSAGE):
        prepare_store(CONFIG, tmp_path)


def test_a_sweep_compares_all_points_before_it_prepares_the_first(tmp_path):
    good = dataclasses.replace(CONFIG, data=DataConfig(corpus="folder:/no/such/folder"))
    points = [Point("study", "a", good, tmp_path / "a.py"), Point("study", "b", CONFIG, tmp_path / "b.py")]
    with pytest.raises(ConfigError, match=MESSAGE):
        make_jobs(points, tmp_path, tmp_path)
