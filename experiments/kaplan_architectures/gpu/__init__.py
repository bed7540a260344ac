"""Architectures on one GPU: LSTMs and Transformers of one shared block beside Transformers of 0.4 to 25
million parameters, on novels.

Two layers of LSTM; one block applied four times. An LSTM takes the 512 positions of a context one after the
other: its hours are more than its FLOPs say. All is our choice.

Command: quarry sweep kaplan_architectures/gpu --workdir runs/kaplan_architectures, where the folder
`novels` is; then quarry points and python -m quarry.experiments.kaplan_architectures
"""

from quarry.experiments._scales import at_gpu
from quarry.model.config import Architecture
from quarry.train.config.experiment import Experiment

LAYERS: dict[Architecture, dict[str, int]] = {
    "transformer": {},
    "universal": {"n_layers": 4},
    "lstm": {"n_layers": 2},
}
"""As often as a token passes a layer; a Transformer has one per 64 features."""


def config(architecture: Architecture, d_model: int) -> Experiment:
    """The point of an architecture and width. Heads have 64 features at every width."""
    return at_gpu(d_model, architecture=architecture, head_dim=64, **LAYERS[architecture])
