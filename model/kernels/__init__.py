"""Products and causal attention in the form that each platform runs fastest; equal up to rounding.

`quarry.model.attention` and `quarry.model.products` choose one by the platform that a program is traced for.
"""
