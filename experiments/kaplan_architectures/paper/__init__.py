"""Architectures at the paper's sizes (Kaplan 2020, figures 7 and 17).

LSTMs of 1, 2 and 4 layers and 0.4, 2 and 200 million parameters, beside Transformers of 0.4, 3 and 300
million, and blocks used 2, 4 and 8 times are our reading of the figures; all shapes are our choice, and so
is that one block is used again, not several. LSTMs have the text, batch and rates of Transformers, and a
context of 1,024, whose positions they take one after the other: their hours are more than their FLOPs say.

Command: quarry sweep kaplan_architectures/paper --workdir runs/kaplan_architectures; what it costs is in
docs/results.md.
"""

import math

from quarry.experiments._scales import at_paper, paper_model
from quarry.train.config.experiment import Experiment

LAYERS, REUSED = (1, 4), (2, 8)
"""Layers of LSTM besides 2; uses of one block besides 4."""
WIDE = 1024


def lstm(n: int, n_layers: int = 2) -> Experiment:
    """LSTMs of about n parameters, 8 d_model^2 a layer; wide ones can be spread over 64 devices."""
    width = math.sqrt(n / (8 * n_layers))
    d_model = round(width) if width < WIDE else 64 * round(width / 64)
    return at_paper(paper_model(n_layers, d_model, architecture="lstm", position="rotary"))


def universal(d_model: int, uses: int = 4) -> Experiment:
    """One block, applied so many times."""
    return at_paper(paper_model(uses, d_model, architecture="universal"))
