"""The processes and devices of one run, and the settings of the platform.

Start with `platform.py`; `discovery.py` for runs on several hosts.

    platform   threads, XLA flags, caches: set before JAX starts
    discovery  how the processes of a run find each other
    joining    joins them, and leaves with them
    agreement  values that host 0 computes for all hosts, or that all exchange
    shutdown   an end on one host ends all, with its reason
    host_rows  the rows of a global batch that a host holds
    votes      decisions that all hosts take at the same step
"""
