"""One run, from its first step to its last: it starts or resumes, trains, evaluates, saves and rolls back.

Start with `loop.py`. Before the loop: `sizes.py` (U, S, E), `locking.py`, `compatibility.py`, `repair.py`,
`description.py`, `resume.py` (the state to start from), `logged_rows.py`, `origin.py` and `seal.py` (whether
a checkpoint is this run's). Inside it: `step_inputs.py`, `step.py` (the compiled
step), `run_log.py`, `evaluation_schedule.py`, `checkpoints.py`, `rollback.py`. Around it: `trunk.py` trains a
point and then its branches, `stacking.py` several points in one program. Many runs are started by
`quarry.train.launch`.
"""
