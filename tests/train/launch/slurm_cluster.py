"""A private Slurm cluster of one node, this machine, with ports, key and folder of its own."""

import getpass
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scontrol", "scancel")
INSTALL = "apt-get install slurm-wlm munge"
PARTITIONS = """\
PartitionName=low Nodes=localhost Default=YES PriorityTier=1
PartitionName=gpu Nodes=localhost PriorityTier=1
PartitionName=graced Nodes=localhost PriorityTier=1 GraceTime=60
PartitionName=high Nodes=localhost PriorityTier=10 PreemptMode=OFF
"""
CONFIGURATION = """\
ClusterName=quarry
SlurmctldHost=localhost
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthInfo=socket={folder}/munge.sock
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SwitchType=switch/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SlurmdParameters=config_overrides
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 RealMemory=8000
{partitions}"""


def missing_programs() -> list[str]:
    """What a cluster needs and this machine lacks."""
    return [name for name in PROGRAMS if shutil.which(name, path=_path()) is None]


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


@dataclass(frozen=True)
class Cluster:
    """A running cluster; `environment` is what its clients need."""

    folder: Path
    environment: dict[str, str]

    def ask(self, *words: str) -> str:
        """What a Slurm command prints."""
        done = subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=120, check=True
        )
        return done.stdout.strip()

    def jobs(self) -> list[str]:
        """The states of all jobs and array tasks in the queue."""
        return self.ask("squeue", "--noheader", "--array", "--format=%T").split()

    def release(self) -> None:
        """Let requeued jobs begin now: Slurm would hold them back for two minutes."""
        for job in set(self.ask("squeue", "--noheader", "--states=PENDING", "--format=%A").split()):
            subprocess.run(
                ["scontrol", "update", f"jobid={job}", "starttime=now"], env=self.environment, timeout=120
            )

    def drained(self) -> bool:
        """Whether the queue is empty, after requeued jobs were let go."""
        self.release()
        return not self.jobs()


def wait_until(condition: Callable[[], object], seconds: float, what: str) -> None:
    """Return as soon as `condition` holds; fail after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds:.0f} s for {what}"
        time.sleep(0.2)


@contextmanager
def slurm_cluster() -> Iterator[Cluster]:
    """Start munged, slurmctld and slurmd, and stop them and all their jobs at the end."""
    with TemporaryDirectory(prefix="slurm", dir="/tmp") as name:  # a socket's path must be short
        folder = Path(name)
        environment = os.environ | {"SLURM_CONF": str(folder / "slurm.conf"), "PATH": _path()}
        cluster, daemons = Cluster(folder, environment), list[subprocess.Popen]()
        try:
            _configure(folder)
            for command in _daemons(folder):
                daemons.append(_start(command, folder, environment))
            wait_until(lambda: _idle(cluster), 30, f"the cluster to come up: {_last_words(folder)}")
            yield cluster
        finally:
            _stop(cluster, daemons)


def _configure(folder: Path) -> None:
    for part in ("state", "spool"):
        (folder / part).mkdir()
    key = folder / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(128))
    ports = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    controller_port, node_port = (port.getsockname()[1] for port in ports)
    for port in ports:
        port.close()
    text = CONFIGURATION.format(
        folder=folder, user=getpass.getuser(), partitions=PARTITIONS, controller_port=controller_port,
        node_port=node_port,
    )  # fmt: skip
    (folder / "slurm.conf").write_text(text)


def _daemons(folder: Path) -> list[list[str]]:
    files = {"socket": "sock", "key-file": "key", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={folder}/munge.{ending}" for option, ending in files.items()]
    return [
        ["munged", "--foreground", "--force", "--num-threads=1", *options],
        ["slurmctld", "-D"],
        ["slurmd", "-D", "-N", "localhost"],
    ]


def _start(command: list[str], folder: Path, environment: dict[str, str]) -> subprocess.Popen:
    with (folder / f"{command[0]}.out").open("wb") as out:
        return subprocess.Popen(command, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL)


def _idle(cluster: Cluster) -> bool:
    try:
        return "idle" in cluster.ask("sinfo", "--noheader", "--format=%T")
    except subprocess.CalledProcessError:
        return False


def _last_words(folder: Path) -> dict[str, str]:
    return {file.name: file.read_text(errors="replace")[-300:] for file in folder.glob("*.out")}


def _stop(cluster: Cluster, daemons: list[subprocess.Popen]) -> None:
    user = ["scancel", f"--user={getpass.getuser()}"]
    for words in (user, [*user, "--signal=KILL", "--full"]):
        subprocess.run(words, env=cluster.environment, capture_output=True, timeout=120)
        time.sleep(0.5)
    for daemon in reversed(daemons):
        daemon.send_signal(signal.SIGTERM)
        try:
            daemon.wait(10)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()
