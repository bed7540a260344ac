"""Training for scaling laws: from a scale-point file to a finished run record.

`config` (what a run is), `hosts` (several processes), `data` (text to batches), `record` (what a run leaves
behind),
`run` (one run), `launch` (many runs), `inspect` (answers without training). Start with
`config/experiment.py` and
`run/loop.py`.
"""
