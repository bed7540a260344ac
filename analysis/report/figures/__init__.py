"""Figures: each function takes a table or a result and returns an Altair chart.

`chart.save("x.png")` draws one without a browser.

One module for each kind of result:
- `runs`: learning curves, the compute frontier, bits per byte;
- `fits`: a law with its points; `diagnostics`: profiles, starts, draws, compared laws; `rivals`;
- `allocation`, `plan`, `crossing`, `epochs`: the results of those packages;
- `inconsistency`: frontiers and learning curves above their floors;
- `kaplan`, `kaplan_training`: the figures of Kaplan et al. 2020 redrawn from constants.

Read `parts` first: the axes, colours and titles that all figures share. `theme` has their look.

To add a figure, write a function in the module of the result that it shows, build it from `parts`, and add it
to the charts of the command (`quarry.analysis.commands`) or of the page (`quarry.analysis.report.page`).
"""
