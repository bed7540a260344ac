"""Fine-tuning on one GPU: models with the shapes of three T5, as decoders, pretrained on novels.

Small, base and large have 6, 12 and 24 layers of 512, 768 and 1,024 features (Raffel 2020, 1910.10683,
section 3.7); text, length and rate are our choice. The tasks are those of the small study, of text that no
model has seen: `quarry finetune language` and `half-century` on runs/finetuning/gpu/*, with 32 to 512
examples.

Command: quarry sweep finetuning/gpu --workdir runs/finetuning, where the folder `novels` is
"""

import dataclasses

from quarry.experiments._scales import at_gpu
from quarry.train.config.experiment import Experiment


def pretrained(n_layers: int, d_model: int) -> Experiment:
    """A model to fine-tune. Three tenths of the documents are held out, as in the study `geometry`."""
    config = at_gpu(d_model, n_layers=n_layers, scan_layers=n_layers > 16)
    data = dataclasses.replace(config.data, validation_fraction=0.1, test_fraction=0.2)
    return dataclasses.replace(config, data=data)
