"""Answers without training: compile for a chip, doctor, ensembles of finished runs."""
