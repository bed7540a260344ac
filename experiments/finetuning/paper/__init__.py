"""Fine-tuning at the paper's sizes: models with the shapes of four T5, as decoders, pretrained on C4.

Kirstain et al. 2021 (2110.04374) fine-tune T5. Of T5 (Raffel 2020, 1910.10683) are the shapes (section
3.7), the vocabulary of 32,000, the context of 512, batches of 2^16 tokens and 2^35 tokens of C4, none read
twice (section 3.1). Our choice: a decoder alone, which has about a half of the parameters, Adam with the
rates of Kaplan 2020 and a cosine. The tasks are those of the small study, with 32 to 512 examples.

Command: quarry sweep finetuning/paper --workdir runs/finetuning; what it costs is in docs/results.md; then
quarry finetune on runs/finetuning/paper/*
"""

from typing import Any

from quarry.experiments._scales import PAPER_CORPUS, at_paper, paper_model
from quarry.train.config.experiment import DataConfig, Duration, EvaluationConfig, Experiment

VOCABULARY, CONTEXT, BATCH, TOKENS = 32_000, 512, 2**16, 2**35


def pretrained(n_layers: int, d_model: int, **shape: Any) -> Experiment:
    """A model to fine-tune."""
    return at_paper(
        paper_model(n_layers, d_model, context=CONTEXT, vocab_size=VOCABULARY, **shape),
        data=DataConfig(PAPER_CORPUS, f"bpe:{VOCABULARY}", TOKENS),
        duration=Duration(tokens=TOKENS),
        batch_tokens=BATCH,
        micro_batch_tokens=None,
        evaluation=EvaluationConfig(2**22, 2**22),
    )
