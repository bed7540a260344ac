"""What a run leaves behind, on disk or on a bucket.

Start with `run_directory.py`. To add a column of the points table, see `schema.py`.

    schema         statuses, files and the columns of the points table
    files          JSON and JSONL files, written whole or not at all
    logs           the logs of a run, and what its process has written, to be written again if it vanishes
    run_lock       one process at a time trains a run
    run_directory  the directory of one run
    points_table   one table of the evaluations of many runs
    locations      a run directory on disk or on gs://
    bucket, lease  files on gs://; one process at a time trains a run there
    folders        folders that a run can write in
    trackers       TensorBoard, Weights & Biases and Trackio beside the record
    progress       progress bar and messages on the screen
"""
