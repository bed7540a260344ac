"""Text of a trained model: its odds are the teacher's own, and the teacher itself lacks nothing."""

import dataclasses
import json

import jax
import numpy as np
import pytest
from scipy import special

from quarry.errors import DataError
from quarry.model.config import modern
from quarry.model.sharding import make_mesh
from quarry.model.transformer import build
from quarry.train.config.experiment import DataConfig, Experiment
from quarry.train.data.corpora import fingerprint
from quarry.train.data.synthetic.catalog import open_world
from quarry.train.data.synthetic.teacher import Teacher, parameter_name
from quarry.train.data.synthetic.world import ALPHABET, SEPARATOR
from quarry.train.run.evaluation import Evaluator
from quarry.train.run.sizes import prepare_store
from tests.model.shapes import compiled

pytestmark = pytest.mark.slow

CONTEXT = 8
MODEL = modern(16, 1, 2, context=CONTEXT)


def write(folder, params, **config) -> str:
    leaves = {parameter_name(path): np.asarray(leaf) for path, leaf in jax.tree.leaves_with_path(params)}
    values = dataclasses.asdict(MODEL) | config
    np.savez(folder / "teacher.npz", **leaves, config=json.dumps(values), about=json.dumps("a test"))
    return str(folder / "teacher.npz")


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """The parameters of a teacher with sharp odds, its experiment as a student, and the store of its text."""
    graph, params = build(MODEL, 0)
    params["head"] = params["head"] * 2
    folder = tmp_path_factory.mktemp("teacher")
    data = DataConfig(f"synthetic:teacher?tokens=4096,file={write(folder, params)}")
    experiment = Experiment(model=MODEL, data=dataclasses.replace(data, test_fraction=0.3), batch_tokens=256)
    return graph, params, experiment, prepare_store(experiment, folder / "cache")


def world_of(experiment) -> Teacher:
    return open_world(experiment.data.corpus.partition(":")[2])


def test_each_token_is_drawn_by_the_odds_of_the_teacher(taught):
    graph, params, _, store = taught
    rows = np.asarray(store.tokens("train")).reshape(-1, CONTEXT)
    assert (rows[:, -1] == SEPARATOR).all()
    assert np.isin(rows[:, :-1], ALPHABET).all()
    logits = np.asarray(compiled(graph, params, rows[:, :-1].astype(np.int32)), np.float64)
    odds = special.softmax(logits.reshape(len(rows), CONTEXT - 1, -1)[..., ALPHABET], axis=-1)
    drawn = np.argsort(ALPHABET)[rows[:, 1:-1]]
    for place in range(CONTEXT - 2):
        hits = np.take_along_axis(odds[:, place], drawn[:, place, None], 1)[:, 0]
        expected = (odds[:, place] ** 2).sum(1)
        assert abs((hits - expected).mean()) < 4 * (hits - expected).std() / np.sqrt(len(hits))


def test_the_teacher_itself_lacks_only_what_it_gives_to_tokens_that_it_may_not_write(taught):
    _, params, experiment, store = taught
    world, mesh = world_of(experiment), make_mesh(experiment.mesh)
    evaluate = Evaluator(experiment, mesh, store, "test", 512)
    rows = np.lib.stride_tricks.sliding_window_view(evaluate.text, CONTEXT + 1)[::CONTEXT]
    logits = np.asarray(world._program(rows[:, :-3].astype(np.int32)), np.float64)
    wasted = special.logsumexp(logits, axis=1) - special.logsumexp(logits[:, ALPHABET], axis=1)
    assert evaluate.divergence(params, world.conditionals) == pytest.approx(wasted.mean(), rel=1e-4)
    other = build(MODEL, 1)[1]
    losses = [float(evaluate.token_losses(each)[:, : CONTEXT - 2].mean()) for each in (params, other)]
    apart = evaluate.divergence(other, world.conditionals) - wasted.mean()
    assert apart > 0
    assert losses[1] - losses[0] == pytest.approx(apart, abs=0.5)


def test_odds_are_known_only_to_a_student_of_the_same_context(taught):
    _, _, experiment, store = taught
    world, text = world_of(experiment), np.asarray(store.tokens("test"))
    assert world.loss(text[: 5 * CONTEXT + 1]) > 0
    assert world.loss(text[: 5 * CONTEXT]) is None
    assert world.conditionals(text[None, : 2 * CONTEXT + 1]) is None
    assert world.conditionals(text[None, 1 : CONTEXT + 2]) is None


def test_the_same_teacher_and_seed_give_the_same_text(taught, tmp_path):
    world = world_of(taught[2])
    again = Teacher(world.file, tokens=world.tokens)
    other = Teacher(world.file, tokens=world.tokens, seed=1)
    texts = [each.documents()[0].tobytes() for each in (world, again, other)]
    assert texts[0] == texts[1] != texts[2]
    sharp = build(MODEL, 0)[1]
    sharp["head"] = sharp["head"] * 100
    with pytest.raises(DataError, match="documents out of 512: use a teacher of a longer context than 8"):
        Teacher(write(tmp_path, sharp), tokens=4096).documents()
    assert world.description.startswith("a test, file ")


def test_files_that_hold_no_teacher_are_refused(taught, tmp_path):
    (tmp_path / "text.npz").write_text("no archive")
    np.savez(tmp_path / "other.npz", a=np.zeros(2))
    lacking = write(tmp_path, {"head": np.zeros((16, 3))})
    for argument, message in {
        "teacher": "lacks file: add file=VALUE",
        f"teacher?file={tmp_path}/none.npz": "none.npz cannot be read as a teacher",
        f"teacher?file={tmp_path}/text.npz": "text.npz cannot be read as a teacher",
        f"teacher?file={tmp_path}/other.npz": "other.npz holds no teacher",
        f"teacher?file={lacking},tokens=10": "tokens = 10 must be at least 80, ten documents",
    }.items():
        with pytest.raises(DataError, match=message):
            fingerprint(f"synthetic:{argument}", tmp_path)
    with pytest.raises(DataError, match=r"lacks the parameter .* of shape"):
        Teacher(lacking).documents()
