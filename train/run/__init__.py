"""One run: setup, step, loop, evaluation, checkpoints, resume and roll-back.

Start with `loop.py`; `step.py` is the compiled step.
"""
