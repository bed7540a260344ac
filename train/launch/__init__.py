"""Many runs: a sweep on this machine, Slurm arrays, Cloud TPU launch files, new scale-point files."""
