"""Studies beside the table of epochs: depth at equal N, authors that never train, shared text."""

import pytest

from quarry.experiments.epochs.others import _authors as authors
from quarry.experiments.epochs.others import _sharing as sharing
from quarry.model.counting import count_parameters
from quarry.train.config.point_files import find_study, load_point_file
from tests.conftest import ROOT


def configs(study):
    files = find_study(f"epochs/{study}", [ROOT / "experiments"])
    return {point.name: point.config for file in files for point in load_point_file(file)}


def test_two_and_eight_layers_have_as_many_parameters_and_differ_in_nothing_but_shape_and_rate():
    found = configs("depth")
    pairs = [(found[name], found[name.replace("_l2_", "_l8_")]) for name in found if "_l2_" in name]
    assert len(pairs) == 30
    for two, deep in pairs:
        sizes = [count_parameters(each.model).nonembedding for each in (two, deep)]
        assert sizes[1] == pytest.approx(sizes[0], rel=0.01)
        assert (two.model.n_layers, deep.model.n_layers, two.model.d_head, deep.model.d_head) == (
            2,
            8,
            16,
            16,
        )
        assert (two.data, two.duration, two.batch_tokens) == (deep.data, deep.duration, deep.batch_tokens)
        rates = [each.optimizer.learning_rate * each.model.d_model for each in (two, deep)]
        assert rates[0] == pytest.approx(rates[1])


def test_every_run_on_other_authors_is_scored_on_both_texts():
    for config in configs("others").values():
        assert config.evaluation.also == (("others", "folder:others"),)
        assert config.data.corpus == "folder:known"


def test_no_author_has_pieces_in_both_folders(tmp_path):
    novels, known, others = (tmp_path / name for name in ("novels", "known", "others"))
    novels.mkdir()
    for number in range(17):
        for piece in ("000", "001"):
            (novels / f"ENG18{number}_{chr(65 + number)}name-{piece}.txt").write_text("text")
    authors.main(novels, known, others)
    apart, trained = ({authors.surname(file) for file in folder.iterdir()} for folder in (others, known))
    assert apart == {"Hname", "Pname"}
    assert not apart & trained
    assert len(list(known.iterdir())) + len(list(others.iterdir())) == 34


def test_shared_text_is_counted_by_novel_and_by_author():
    scored = [("ENG1_A", 30), ("ENG2_A", 10), ("ENG3_B", 60)]
    assert sharing.shared(scored, {"ENG1_A"}) == pytest.approx(0.3)
    by_author = [(sharing.author(name), size) for name, size in scored]
    assert sharing.shared(by_author, {"A"}) == pytest.approx(0.4)
