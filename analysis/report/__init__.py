"""Figures, the page of a study, and its summary."""
