"""The ladder of about twelve core-hours: six sizes, five nested U, up to 32 passes, on the novels.

Command: quarry sweep epochs/cpu, where the folder `novels` is (experiments/epochs/novels.py makes it).
"""

CORPUS = "folder:novels"
