"""A scale point that trains in a second, as a file a user would write."""

from pathlib import Path

from quarry.train.config.point_files import Point, load_point_file

TINY = '''"""A tiny point for tests."""
from quarry.model.config import modern
from quarry.train.config.experiment import *

config = Experiment(
    model=modern(16, {layers}, 2, context=32),
    duration=Duration(steps={steps}),
    data=DataConfig(unique_tokens=2048),
    evaluation=EvaluationConfig(validation_tokens=512, test_tokens=512, count=4),
    optimizer=OptimizerConfig(learning_rate={rate}),
    checkpoint=CheckpointConfig(every_seconds={every}),
    batch_tokens=256,
    micro_batch_tokens=128,
    log_every=2,
)
variants = {{"seed1": dataclasses.replace(config, seed_init=1)}}
'''


def write_tiny(
    folder: Path,
    name: str = "tiny",
    steps: int = 20,
    rate: float = 1e-2,
    every: float = 60.0,
    layers: int = 1,
) -> Path:
    """The file of the tiny point in `folder`, a study."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.py"
    file.write_text("import dataclasses\n" + TINY.format(steps=steps, rate=rate, every=every, layers=layers))
    return file


def tiny_point(folder: Path, **fields) -> Point:
    """The point that the file defines."""
    return load_point_file(write_tiny(folder, **fields))[0]
