"""Labelled examples against parameters at equal accuracy (Kirstain et al. 2021, 2110.04374).

`python -m quarry.analysis.finetuning` makes the tables of the study `finetuning`.
"""
