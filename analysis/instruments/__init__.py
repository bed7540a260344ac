"""What the instruments of a run measured: the gradient noise scale, the loss by position in the context, the
loss on other texts and by class of token. Read `noise_scale` first.
"""
