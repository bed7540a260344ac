"""Four sizes and three smaller U, scored on other texts, by position in the context and by class of token.

Claim: Kaplan 2020, figure 8: the loss on another text is the validation loss and an offset of its own.
Expected: a slope of 1 over the validation loss and no trend with N.
Command: quarry sweep experiments/instruments/texts.py, then quarry texts and quarry context on the runs
"""

from quarry.experiments.instruments import on_texts

config = on_texts(8, 1)
variants = {"w16": on_texts(16, 1), "w32": on_texts(32, 2), "w64": on_texts(64, 4)}
variants |= {f"u{2**bits}": on_texts(32, 2, 2**bits) for bits in (13, 15, 17)}
