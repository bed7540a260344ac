"""What the laws say of the runs beyond the table: python docs/epochs_predictions.py

Writes experiments/results/epochs/predictions.csv from the committed points, a row for each law and each N, U
and k of the study experiments/epochs/beyond.
"""

from pathlib import Path

from quarry.analysis.epochs.predictions import Cell, predictions
from quarry.model.counting import count_parameters
from quarry.train.config.point_files import load_point_file

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "experiments" / "results" / "epochs"


def cells(study: Path = ROOT / "experiments" / "epochs" / "beyond") -> list[Cell]:
    """N, U and k of every run of a study, its variants left out."""
    found = []
    for file in sorted(study.glob("n*.py")):
        config = load_point_file(file)[0].config
        n = count_parameters(config.model).nonembedding
        passes = (*config.branches.epochs, config.duration.epochs)
        found += [(float(n), float(config.data.unique_tokens), float(k)) for k in passes if k]
    return found


if __name__ == "__main__":
    table = predictions(RESULTS / "points.parquet", cells())
    table.write_csv(RESULTS / "predictions.csv", float_precision=4)
    print(table)
