"""Geometry at a paper's sizes: language models of 0.4 million to 1.5 billion parameters.

Sharma & Kaplan 2020 (2004.10802) take models of the GPT type; we take the setup of Kaplan 2020 and its
range of sizes, with shapes of our choice.

Command: quarry sweep geometry/paper --workdir runs/geometry; what it costs is in docs/results.md.
"""

from quarry.experiments._scales import at_paper, paper_model
from quarry.train.config.experiment import Experiment


def recipe(n_layers: int, d_model: int) -> Experiment:
    """The scale point of a shape."""
    return at_paper(paper_model(n_layers, d_model))
