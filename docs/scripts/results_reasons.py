"""The sentence beside each verdict of docs/results.md."""

CUT = "at one number of bytes, not at convergence"
WIDE = "six sizes leave the exponent open"

WHY = {
    "seven": "our range is shorter, and a floor under L(C) bends it already there",
    "shape": "one seed each, so 7% is within the error; heads of 4 and 2 features cost 17% and 42%",
    "8x": "the exponents' ratio is known to a third only",
    "kaplan-n, novels, 17 million bytes": CUT,
    "kaplan-n, speeches, 896 thousand bytes": f"{CUT}: the largest are cut short, which flattens the line",
    "kaplan-d": "one size, and the floor needs large U with many passes",
    "kaplan-nd N": "an untuned recipe of one batch; small N on small U dominate the fit",
    "kaplan-nd D": "the form holds on bytes too",
    "ratio": "the ratio of two exponents of one fit, and 1 is not excluded; row 3 is 8 to this power",
    "kaplan-c": "one batch and no text read twice, as in the paper; a pure power, which row 1 rejects",
    "kaplan-ns N": "with B_crit(L) of our own sweep of batches",
    "kaplan-ns S": "with B_crit(L) of our own sweep of batches",
    "f": "follows from the two exponents above",
    "alpha_B": "two sizes over a fifth of a decade of loss: no interval",
    "noise": "where the loss is low; above 3.2 nats it is 2 to 5 times smaller",
    "offset": "the trend changes its sign with the length of the runs; one seed",
    "context": "by a form that three of four sizes miss at the second byte; flat from the thirteenth on",
    "crossing": "another text and unit, and D(C) of runs at one batch: the position is no constant of nature",
    "essay 1": "by the page's own choices; undecided in most others",
    "essay 2": "the laws that describe the runs disagree",
    "essay 3": "the gap falls, but most laws never close it",
    "essay 4": "all passes together; after four passes repeats are worth nearly the same to every size",
    "R_D": "the runs bound it on neither side; refitted, those of the paper only say at least 6.3",
    "mup": "one seed, grid of factors of two; one halving at width 64 in between",
    "standard": "it falls, by one place of the grid more than 1 / width; one seed",
    "speeches, two budgets: envelope": "one handover between sizes; two are needed",
    "speeches, two budgets: isoflop": "two budgets, a factor of three apart, make a line whatever they are; "
    "row 26 has nine, and does not",
    "speeches, two budgets: parametric": "thirteen runs",
    "novels, six sizes: parametric": "neighbouring sizes differ by up to four times; alpha is hardly bounded",
    "novels, six sizes: alpha": WIDE,
    "novels, six sizes: beta": "nine lengths from 65 thousand to 17 million bytes",
    "speeches, ladder: envelope": "two handovers between sizes; the interval begins just above",
    "speeches, ladder: isoflop": "one batch, too large for small budgets, and no head in N: steps below",
    "speeches, ladder: parametric": "approach 3 needs more runs than the others",
    "ladder: kaplan": "N without the head and one batch, as there, but a decay for each budget: steps below",
    "speeches, ladder: alpha": "as many runs as sizes leave it open",
    "speeches, ladder: beta": "short runs have too few steps at this batch, which steepens the fall with E",
}
"""By the claim, or the text and the method."""
