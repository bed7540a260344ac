"""What a run leaves behind, on disk or on a bucket. Start with `run_directory.py`.

schema         statuses, files and the columns of the points table: add a column here
files          JSON and JSONL files, written whole or not at all
run_directory  the directory of one run
points_table   one table of the evaluations of many runs
locations      a run directory on disk or on gs://, through `bucket` and `lease`
trackers       TensorBoard, Weights & Biases and Trackio beside the record
progress       what a person sees while a run trains
"""
