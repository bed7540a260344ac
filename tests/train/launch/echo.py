"""Prints where and how this process runs, as JSON; exits with the code of its first argument, or waits."""

import json
import os
import signal
import sys

if __name__ == "__main__":
    seen = {
        "process": os.getpid(),
        "words": sys.argv[1:],
        "folder": os.getcwd(),
        "variable": os.environ.get("ECHO"),
        "cores": sorted(os.sched_getaffinity(0)),
        "leader": os.getsid(0) == os.getpid(),
        "jax": "jax" in sys.modules,
        "started": "jax" in sys.modules and bool(sys.modules["jax"]._src.xla_bridge._backends),
    }
    print(json.dumps(seen), flush=True)
    print("an error", file=sys.stderr)
    if sys.argv[1] == "wait":
        signal.pause()
    sys.exit(int(sys.argv[1]))
