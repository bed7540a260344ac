"""What the record says of a run before its first step: config.json and the first fields of run.json."""

import dataclasses
import json
import os
import platform
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quarry.model.config import ModelConfig
from quarry.model.counting import count_parameters, flops_6n, flops_exact

if TYPE_CHECKING:
    from quarry.train.config.experiment import Experiment
    from quarry.train.data.store import TokenStore
    from quarry.train.run.sizes import RunSizes

RECORDED_VERSIONS = ("quarry-scaling", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain", "numpy")


def experiment_as_json(experiment: "Experiment") -> dict[str, Any]:
    """The experiment as config.json holds it."""
    return json.loads(json.dumps(dataclasses.asdict(experiment)))


def describe_run(experiment: "Experiment", sizes: "RunSizes", store: "TokenStore") -> dict[str, Any]:
    """The fields of run.json that are known before the first step."""
    import jax

    from quarry.train.data.selection.draws import selection_flops

    devices, first = jax.devices(), experiment.data.draw * sizes.unique_tokens
    return describe_model(experiment.model) | {
        "unique_tokens": sizes.unique_tokens,
        "tokens": sizes.tokens,
        "epochs": sizes.epochs,
        "steps": sizes.steps,
        "batch_tokens": experiment.batch_tokens,
        "peak_learning_rate": experiment.optimizer.learning_rate,
        "weight_decay": experiment.optimizer.weight_decay,
        "dropout": experiment.model.dropout,
        "architecture": experiment.model.architecture,
        "parametrization": experiment.model.parametrization,
        "seed_init": experiment.seed_init,
        "seed_order": experiment.seed_order,
        "draw": experiment.data.draw,
        "selection": experiment.data.selection,
        "flops_selection": selection_flops(store, first, first + sizes.unique_tokens),
        "device": f"{len(devices)} x {devices[0].device_kind}",
        "hosts": jax.process_count(),
        "versions": {name: version(name) for name in RECORDED_VERSIONS}
        | {"python": platform.python_version()},
        "data": store.manifest,
        "command": recorded_command(sys.argv),
    }


def describe_model(model: ModelConfig) -> dict[str, int]:
    """Parameter counts, shape and FLOPs per token, by the names of their columns in the record."""
    count = count_parameters(model)
    return {
        "n_params": count.total,
        "n_nonembedding": count.nonembedding,
        "n_head": count.head,
        "n_embedding": count.embedding,
        "d_model": model.d_model,
        "n_layers": model.n_layers,
        "context": model.context,
        "vocab_size": model.vocab_size,
        "flops_6ne_per_token": flops_6n(model),
        "flops_exact_per_token": flops_exact(model),
    }


def recorded_command(words: Sequence[str]) -> str:
    """The command line of the run, its program by name and paths without their `a/../`."""
    return " ".join([_program(Path(words[0])), *map(_without_detours, words[1:])])


def _program(file: Path) -> str:
    """`quarry` for its script and for `python -m quarry`."""
    return file.parent.name if file.stem == "__main__" else file.stem


def _without_detours(word: str) -> str:
    """A path without its `a/../`, as one relative to another folder may have."""
    return os.path.normpath(word) if "/../" in word and "://" not in word else word
