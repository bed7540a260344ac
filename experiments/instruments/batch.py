"""Two sizes at five batches: B_crit by the sweep beside the gradient noise scale.

Claim: McCandlish 2018, section 2.2: the noise scale predicts the critical batch to an order of magnitude.
Expected: the noise scale grows tenfold as the loss falls from 5 to 2.4 nats per byte, and meets B_crit there.
Command: quarry sweep experiments/instruments/batch.py; quarry critical-batch runs/instruments
"""

from quarry.experiments.instruments import BATCHES, at_batch

config = at_batch(16, 1, 512)
variants = {
    f"w{width}b{batch}": at_batch(width, heads, batch)
    for width, heads in ((16, 1), (32, 2))
    for batch in BATCHES
    if (width, batch) != (16, 512)
}
