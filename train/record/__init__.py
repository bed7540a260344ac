"""What a run leaves behind: the run directory on disk or bucket, its files, trackers and progress bars.

Start with `run_directory.py`.
"""
