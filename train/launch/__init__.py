"""Many runs: a sweep on this machine, on Slurm or on Cloud TPU; new points written as files.

Start with `jobs.py` (a job is a point with its branches) and `sweep.py` (which starts them). On this machine:
`local.py` runs a process per job, `stack_worker.py` is a process for several jobs in one program, and
`compile_ahead.py` compiles for those that wait. On clusters: `slurm.py`, and `launch_files.py` for Cloud TPU
(`sky.py`, `jobset.py`). `scaffold.py` writes the files of planned points. One run is in `quarry.train.run`.
"""
