"""What models take from finite data: the parts that `analysis.epochs` is made of."""
