"""Products and causal attention in the form that each platform runs fastest; equal up to rounding.

`model.attention` and `model.products` choose among them by the platform that a program is traced for.
"""
