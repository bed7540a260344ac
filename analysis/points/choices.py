"""The choices a reader has where a table holds several counts of parameters, or losses on several texts."""

from typing import Literal

Count = Literal["n_nonembedding", "n_params", "n_nonembedding+n_head"]
"""The columns whose sum is N. Kaplan's N is `n_nonembedding`, Chinchilla's nearly `n_params`."""

Split = Literal["validation", "test"]
"""The held-out text that a loss was measured on."""
