"""What the laws say of the runs beyond the table: python docs/scripts/epochs_predictions.py

Writes tables in experiments/results/epochs from the committed points, a row for each law and each N, U and k
of a study in experiments/epochs: predictions.csv of `beyond`, predictions_gpu.csv of `beyond_gpu`.
"""

from pathlib import Path

from quarry.analysis.epochs.predictions import Cell, predictions
from quarry.model.counting import count_parameters
from quarry.train.config.point_files import load_point_file

ROOT = Path(__file__).resolve().parents[2]
STUDIES = ROOT / "experiments" / "epochs"
RESULTS = ROOT / "experiments" / "results" / "epochs"
TABLES = {"beyond": "predictions.csv", "beyond_gpu": "predictions_gpu.csv"}
"""Of each study of runs beyond the table."""


def cells(study: Path = STUDIES / "beyond") -> list[Cell]:
    """N, U and k of every run of a study, its variants left out."""
    found = []
    for file in sorted(study.glob("n*.py")):
        config = load_point_file(file)[0].config
        n = count_parameters(config.model).nonembedding
        passes = (*config.branches.epochs, config.duration.epochs)
        found += [(float(n), float(config.data.unique_tokens), float(k)) for k in passes if k]
    return found


if __name__ == "__main__":
    for study, name in TABLES.items():
        table = predictions(RESULTS / "points.parquet", cells(STUDIES / study))
        table.write_csv(RESULTS / name, float_precision=4)
        print(table)
