"""What models take from finite data: the parts that `quarry.analysis.epochs.study` is made of."""
