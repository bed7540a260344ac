"""What a run is: the experiment and its parts, learning-rate schedules, batch ramps, branches.

Start with `experiment.py`, which has every field. `point_files.py` reads the files that define experiments.
"""
