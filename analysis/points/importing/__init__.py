"""Losses as other trainers log them, read as points with their units. Start with `read.py`.

`logs.py` reads the printed logs of nanochat and MaxText, `tensorboard.py` event files, `wandb.py` the tables
that Weights & Biases exports.
"""
