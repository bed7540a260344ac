"""Transfer to other texts at the paper's sizes: 0.4 million to 1.5 billion parameters (Kaplan 2020, fig. 8).

The paper scores Books, Internet Books, Wikipedia and Common Crawl (section 2.3). Common Crawl is our
training text: books (PG19), Wikipedia and news (lm1b) stand for the others. At 1.5 billion parameters four
depths (figure 24): 48 layers of 1,600 and 6 of 4,288 are the paper's (figure 5), 12 and 24 and all smaller
shapes our choice.

Command: quarry sweep kaplan_transfer/paper --workdir runs/kaplan_transfer; what it costs is in
docs/results.md.
"""

from quarry.experiments._scales import at_paper, paper_model
from quarry.train.config.experiment import EvaluationConfig, Experiment

ALSO = (("books", "tfds:pg19"), ("wikipedia", "tfds:wikipedia/20230601.en"), ("news", "tfds:lm1b"))
DEPTHS = {"l6": (6, 4288), "l12": (12, 3200), "l24": (24, 2304)}
"""Of 1.5 billion parameters, besides 48 layers of 1,600."""
EVALUATION = EvaluationConfig(2**22, 2**22, count=12, also=ALSO)


def on_texts(n_layers: int, d_model: int) -> Experiment:
    """One shape, scored on the other texts along its run."""
    return at_paper(paper_model(n_layers, d_model), evaluation=EVALUATION)
