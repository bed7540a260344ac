"""Context at the paper's sizes: contexts of 1,024 and of 8 tokens (Kaplan 2020, D.5), and ours between them.

Figure 20 has the loss by position of models of several sizes and a context of 1,024, figure 21 such with a
context of 8 beside them. Contexts of 32, 128 and 512, and the four sizes, are our choice. Text, batch in
tokens, steps and rates are the paper's for all.

Command: quarry sweep kaplan_context/paper --workdir runs/kaplan_context; what it costs is in docs/results.md.
"""

from quarry.experiments._scales import PAPER_CONTEXT, at_paper, paper_model
from quarry.train.config.experiment import Experiment

SHORTER = (8, 32, 128, 512)


def point(n_layers: int, d_model: int, context: int = PAPER_CONTEXT) -> Experiment:
    """A size at a context."""
    return at_paper(paper_model(n_layers, d_model, context=context))


def variants(n_layers: int, d_model: int) -> dict[str, Experiment]:
    """The same size at the shorter contexts."""
    return {f"t{context}": point(n_layers, d_model, context) for context in SHORTER}
