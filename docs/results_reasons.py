"""The sentence beside each verdict of docs/results.md."""

CUT = "at one number of bytes, not at convergence"
WIDE = "six sizes leave the exponent open"

WHY = {
    "seven": "our range is shorter, and a floor under L(C) bends it already there",
    "shape": "one pair of very small models, eight layers of one head against two of two",
    "8x": "the exponents' ratio is known to a third only",
    "kaplan-n, novels, 17 million bytes": CUT,
    "kaplan-n, speeches, 896 thousand bytes": f"{CUT}: the largest are cut short, which flattens the line",
    "kaplan-d": "one size, and the floor needs large U with many passes",
    "kaplan-nd N": "an untuned recipe of one batch; small N on small U dominate the fit",
    "kaplan-nd D": "the form holds on bytes too",
    "ratio": "the ratio of two exponents of one fit",
    "kaplan-c": "no text is read twice, one batch, as in the paper",
    "kaplan-ns N": "with B_crit(L) of our own sweep of batches",
    "kaplan-ns S": "with B_crit(L) of our own sweep of batches",
    "f": "follows from the two exponents above",
    "alpha_B": "two sizes over a fifth of a decade of loss: no interval",
    "noise": "where the loss is low; above 3.2 nats it is 2 to 5 times smaller",
    "offset": "models so little trained are still learning what both texts share",
    "context": "the curve is flat from the sixth byte on: contexts are not used yet",
    "crossing": "another text and unit, and D(C) of runs at one batch: the position is no constant of nature",
    "essay 1": "by the page's own choices; undecided in most others",
    "essay 2": "the laws that describe the runs disagree",
    "essay 3": "the gap falls, but most laws never close it",
    "essay 4": "all passes together; after four passes repeats are worth the same to every size",
    "R_D": "the runs bound it on neither side, as those of the paper",
    "mup": "one seed, grid of factors of two",
    "standard": "the rate falls faster than 1 / width",
    "speeches, two budgets: envelope": "one handover between sizes; two are needed",
    "speeches, two budgets: isoflop": "two budgets make a line whatever they are: a factor of three in C",
    "speeches, two budgets: parametric": "thirteen runs",
    "novels, six sizes: parametric": "neighbouring sizes differ by up to four times; alpha is hardly bounded",
    "novels, six sizes: alpha": WIDE,
    "novels, six sizes: beta": "nine lengths from 65 thousand to 17 million bytes",
    "speeches, nine sizes and budgets: envelope": "",
    "speeches, nine sizes and budgets: isoflop": "",
    "speeches, nine sizes and budgets: parametric": "",
    "speeches, nine sizes and budgets: alpha": "",
    "speeches, nine sizes and budgets: beta": "",
}
"""By the claim, or the text and the method."""
