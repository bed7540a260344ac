"""A trained model as files that other programs read: safetensors, tokenizer.json, config.json."""

import dataclasses
import json
from pathlib import Path

from safetensors.numpy import save_file

from quarry.checks import require
from quarry.train.data.hub_tokenizer import hub_tokenizer
from quarry.train.data.synthetic.teacher import named_parameters
from quarry.train.record.disk_space import usable
from quarry.train.record.files import atomic_write
from quarry.train.run.finished import TrainedModel

WEIGHTS, TOKENIZER, CONFIG = "model.safetensors", "tokenizer.json", "config.json"


def write_model(model: TrainedModel, folder: Path) -> list[Path]:
    """Write the parameters (by their path, parts joined by dots), the tokenizer and the configuration.

    The tokenizer is one of Hugging Face's `tokenizers`. Returns the files. Raises ConfigError if one of them
    exists, or the folder cannot be written, and DataError for a tokenizer of pixels.
    """
    tokenizer = hub_tokenizer(model.tokenizer).to_str(pretty=True)
    files = [folder / name for name in (WEIGHTS, TOKENIZER, CONFIG)]
    for file in files:
        require(not file.exists(), f"{file} exists already: choose another folder, or remove it")
    config = {"run": model.run, **dataclasses.asdict(model.experiment)}
    with usable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(files[0]) as partial:
            partial.touch()
            mode = partial.stat().st_mode  # safetensors leaves a file that only its owner reads
            save_file(
                named_parameters(model.params, "."), partial, metadata={"run": model.run, "format": "np"}
            )
            partial.chmod(mode)
        with atomic_write(files[1]) as partial:
            partial.write_text(tokenizer, encoding="utf-8")
        with atomic_write(files[2]) as partial:
            partial.write_text(json.dumps(config, indent=1), encoding="utf-8")
    return files
