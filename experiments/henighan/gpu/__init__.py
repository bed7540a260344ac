"""Modalities on one GPU: 0.4 to 85 million parameters on novels, C, two kinds of mathematics, and images.

Larger corpora stand for speeches and Python. No token is read twice: images of 8x8 pixels end after two
million. All sizes and lengths are our choice.

Command: quarry sweep henighan/gpu, where the folder `novels` is
"""

import dataclasses

from quarry.experiments._scales import GPU, at_gpu
from quarry.experiments.epochs.cpu import CORPUS as NOVELS
from quarry.experiments.henighan import MODALITIES, Modality
from quarry.train.config.experiment import BranchConfig, DataConfig, Duration, EvaluationConfig, Experiment
from quarry.train.data.tokenizers import vocabulary_size

READ = {
    "novels": (Modality(NOVELS, "bytes", GPU.context), 2**25),
    "c": (Modality("linux-c", "bytes", GPU.context), 2**25),
    "metamath": (Modality("metamath", "bytes", GPU.context), 2**24),
    "reasoning": (Modality("reasoning?documents=200000", "bytes", GPU.context), 2**24),
    "pixels8": (MODALITIES["pixels8"], 2**21),
    "pixels16": (MODALITIES["pixels16"], 2**23),
    "pixels28": (MODALITIES["pixels28"], 2**25),
}
"""What each variant reads, and the most tokens of it."""


def point(d_model: int, name: str = "novels") -> Experiment:
    """A size on a modality: the most tokens, with branches at a half, a quarter, an eighth if long enough."""
    modality, most = READ[name]
    config = at_gpu(d_model)
    shape = {"context": modality.context, "vocab_size": vocabulary_size(modality.tokenizer)}
    shorter = (most >> halvings for halvings in (3, 2, 1))
    return dataclasses.replace(
        config,
        model=dataclasses.replace(config.model, **shape),
        data=DataConfig(modality.corpus, modality.tokenizer),
        duration=Duration(tokens=most),
        branches=BranchConfig(tokens=tuple(tokens for tokens in shorter if tokens >= GPU.shortest)),
        evaluation=EvaluationConfig(validation_tokens=131_072, test_tokens=4096, count=1),
        batch_tokens=GPU.batch_tokens // modality.context * modality.context,
    )


def variants(d_model: int) -> dict[str, Experiment]:
    """The size on every modality but novels, its `config`."""
    return {name: point(d_model, name) for name in READ if name != "novels"}
