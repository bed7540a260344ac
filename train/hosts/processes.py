"""One run on several hosts: how their processes find each other, hear of an end, and leave together.

A host is one process with its devices: `jax.distributed` joins them before JAX touches a device. Host 0 alone
writes the record; what it finds and decides there reaches the others through the key-value store of JAX's
coordination service. Every host also watches: if one fails, or is not heard of any more, all end with one
sentence instead of waiting for it for ever inside a collective operation.
"""

import atexit
import dataclasses
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from quarry.checks import check_types, require
from quarry.errors import BAD_INPUT, DONE, FAILED, INTERRUPTED, ConfigError, HostLost, QuarryError
from quarry.train.hosts.platform import accelerator_present

T = TypeVar("T")
FOR_EVER_MS = 10 * 24 * 3600 * 1000
"""Waits for host 0 end when it answers or dies, not by the clock: it may be preparing a large corpus."""
BEATS_PER_LIMIT = 5
LAST_WORDS_SECONDS = 2.0
"""How long host 0, which holds the key-value store, stays for the others to hear why it ends."""
END_SECONDS = 30.0
"""More than it takes to hear of an announced end and to end."""


@dataclass(frozen=True)
class Hosts:
    """How the processes of a run find each other: nothing to set on Cloud TPU, under srun or mpirun."""

    coordinator: str | None = None
    """HOST:PORT of process 0, which all can reach; default $JAX_COORDINATOR_ADDRESS."""
    processes: int | None = None
    """How many there are; default $JAX_NUM_PROCESSES."""
    process: int | None = None
    """Which of them this is, from 0; default $JAX_PROCESS_ID."""
    host_timeout: int = 300
    """Seconds to wait for all processes to come up."""
    heartbeat_timeout: int = 60
    """Seconds without a sign of life after which a host counts as lost and the others end."""

    def __post_init__(self) -> None:
        check_types(self)
        for name in ("host_timeout", "heartbeat_timeout"):
            value = getattr(self, name)
            require(value >= 1, f"{name} must be at least 1 second, not {value}")
        given = [self.coordinator, self.processes, self.process]
        if all(value is None for value in given):
            return
        require(None not in given, "--coordinator, --processes and --process go together")
        host, _, port = str(self.coordinator).rpartition(":")
        require(bool(host) and port.isdecimal(), f"--coordinator = {self.coordinator} must be HOST:PORT")
        count, index = self.processes or 0, self.process or 0
        require(count >= 1, f"--processes must be at least 1, not {count}")
        require(0 <= index < count, f"--process = {index} must be from 0 to {count - 1}")


def from_environment(given: Hosts, environment: Mapping[str, str] = os.environ) -> Hosts:
    """`given`, or what JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID say if it says nothing.

    Raises ConfigError if the environment sets one of them badly or only some of them.
    """
    if given.coordinator is not None or "JAX_NUM_PROCESSES" not in environment:
        return given
    words = {name: environment.get(name, "") for name in ("JAX_NUM_PROCESSES", "JAX_PROCESS_ID")}
    for name, word in words.items():
        require(word.isdecimal(), f"${name} must be a number, not {word!r}")
    address = environment.get("JAX_COORDINATOR_ADDRESS")
    require(address is not None, "$JAX_NUM_PROCESSES is set and $JAX_COORDINATOR_ADDRESS is not")
    processes, process = map(int, words.values())
    return dataclasses.replace(given, coordinator=address, processes=processes, process=process)


def several(hosts: Hosts, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is one of several, or may be, judged without starting JAX.

    On a Cloud TPU machine JAX itself finds the other hosts of the slice, if there are any.
    """
    if hosts.coordinator is not None:
        return True
    tasks = [environment.get(name, "1") for name in ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")]
    on_tpu = not Path("/dev/nvidia0").exists() and accelerator_present()
    alone = "TPU_SKIP_MDS_QUERY" in environment and "," not in environment.get("TPU_WORKER_HOSTNAMES", "")
    return any(word.isdecimal() and int(word) > 1 for word in tasks) or (on_tpu and not alone)


@contextmanager
def together(given: Hosts) -> Iterator[None]:
    """Join the other hosts, and leave with them; nothing at all for a process on its own.

    Raises ConfigError if they do not come up in time, HostLost if a computation across hosts fails. An error
    on one host ends all of them.
    """
    hosts = from_environment(given)
    if not several(hosts):
        yield
        return
    _join(hosts)
    watch = _Watch(hosts.heartbeat_timeout)
    try:
        yield
        _client().wait_at_barrier("quarry/done", FOR_EVER_MS)
    except BaseException as error:
        known = _in_words(error)
        watch.stop(_exit_code(known), str(known) or type(known).__name__)
        atexit.register(_leave, _exit_code(known))
        raise known from (None if known is error else error)
    watch.stop(DONE, "the run is over")


def count() -> int:
    """How many hosts train this run."""
    import jax

    return jax.process_count()


def index() -> int:
    """Which of them this is."""
    import jax

    return jax.process_index()


def first() -> bool:
    """Whether this is the host that writes the record."""
    return index() == 0


_asked = 0


def from_first(work: Callable[[], T]) -> T:
    """What `work` returns on host 0, a JSON value, on every host; all call this in the same order.

    Raises ConfigError on every host if `work` raises it on host 0.
    """
    global _asked
    if count() == 1:
        return work()
    _asked += 1
    key = f"quarry/from_first/{_asked}"
    if not first():
        answer = json.loads(_client().blocking_key_value_get(key, FOR_EVER_MS))
        require("refusal" not in answer, f"host 0 refuses: {answer.get('refusal')}")
        return answer["value"]
    try:
        value = work()
    except ConfigError as error:
        _client().key_value_set(key, json.dumps({"refusal": str(error)}))
        raise
    _client().key_value_set(key, json.dumps({"value": value}))
    return value


_told = 0


def from_all(value: Any) -> list[Any]:
    """What each host has given, JSON values, on every host; all call this in the same order."""
    if count() == 1:
        return [value]
    global _told
    _told += 1
    key = f"quarry/all/{_told}"
    _client().key_value_set(f"{key}/{index()}", json.dumps(value))
    places = [f"{key}/{host}" for host in range(count())]
    return from_first(
        lambda: [json.loads(_client().blocking_key_value_get(place, FOR_EVER_MS)) for place in places]
    )


_on_end: list[Callable[[int], None]] = []


@contextmanager
def recording(record: Callable[[int], None]) -> Iterator[None]:
    """Within it, an end in haste calls `record` with its exit code, from whatever thread.

    An error that only follows from such an end, of this host or another, does not leave it.
    """
    _on_end.append(record)
    try:
        yield
    except BaseException:
        if _is_up() and _announced():
            time.sleep(END_SECONDS)  # the watch ends this process, with the reason
        raise
    finally:
        _on_end.remove(record)


def abandon(code: int, sentence: str) -> NoReturn:
    """End this process and all other hosts now, whatever they are doing; nothing more is saved."""
    if _is_up():
        _announce(code, sentence)
    _end(code, sentence)


def _join(hosts: Hosts) -> None:
    import jax

    # JAX's own handler of SIGTERM would take the place of ours, and knows no other signal.
    jax.config.update("jax_enable_preemption_service", False)
    timer = threading.Timer(hosts.host_timeout, _nobody, [hosts])
    timer.daemon = True
    timer.start()
    try:
        jax.distributed.initialize(
            hosts.coordinator,
            hosts.processes,
            hosts.process,
            initialization_timeout=2 * hosts.host_timeout + 60,  # JAX's own ends in a dump of its stack
            heartbeat_timeout_seconds=4 * hosts.heartbeat_timeout,  # ours comes first, with a sentence
        )
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"cannot join the other hosts: {str(error).splitlines()[0]}") from None
    finally:
        timer.cancel()


def _nobody(hosts: Hosts) -> None:
    """End this process: the others have not come up in time, and JAX cannot be told to wait no longer."""
    who = f"process {hosts.process} of {hosts.processes}" if hosts.coordinator else "this process"
    where = f" at {hosts.coordinator}" if hosts.coordinator else ""
    print(
        f"error: {who} has not met all others{where} within host_timeout = {hosts.host_timeout} s: "
        "start the same command on every host",
        file=sys.stderr,
        flush=True,
    )
    os._exit(BAD_INPUT)


def _client() -> Any:
    """The client of the coordination service. JAX has no public name for it; Orbax takes it from here too."""
    from jax._src import distributed

    return distributed.global_state.client


def _is_up() -> bool:
    return "jax" in sys.modules and _client() is not None


class _Watch:
    """A thread that gives signs of life, looks for those of the others, and ends this process with them."""

    def __init__(self, limit: float):
        self._limit, self._stopped = limit, threading.Event()
        self._seen: dict[str, tuple[str, float]] = {}
        self._me, self._count = index(), count()
        self._thread = threading.Thread(target=self._run, daemon=True, name="hosts")
        self._thread.start()

    def stop(self, code: int, sentence: str) -> None:
        """Announce an end and stop watching: the announcement wakes the thread, which JAX's farewell and the
        interpreter's must not find waiting."""
        self._stopped.set()
        _announce(code, sentence)
        self._thread.join(self._limit)

    def _run(self) -> None:
        beat = 0
        while not self._stopped.is_set():
            beat += 1
            try:
                _client().key_value_set(f"quarry/alive/{self._me}", str(beat), allow_overwrite=True)
                end = self._wait_for_end() or (self._lost() if self._me == 0 else None)
            except RuntimeError as error:
                end = (1, f"host 0 is gone ({str(error).splitlines()[0]})")
            if self._stopped.is_set() or (end and end[0] == DONE):
                return
            if end:
                _announce(*end)
                _end(*end)

    def _wait_for_end(self) -> tuple[int, str] | None:
        """The end that some host has announced, None if none has for a beat."""
        try:
            beat_ms = int(1000 * self._limit / BEATS_PER_LIMIT)
            code, sentence = json.loads(_client().blocking_key_value_get("quarry/end", beat_ms))
            return code, sentence
        except RuntimeError as error:
            if "DEADLINE_EXCEEDED" in str(error):
                return None
            raise

    def _lost(self) -> tuple[int, str] | None:
        """The end that the silence of a host means."""
        now, beats = time.monotonic(), dict(_client().key_value_dir_get("quarry/alive/"))
        for name in (f"quarry/alive/{host}" for host in range(1, self._count)):
            beat = beats.get(name, "")
            if name not in self._seen or self._seen[name][0] != beat:
                self._seen[name] = (beat, now)
            if now - self._seen[name][1] > self._limit:
                host = name.rsplit("/", 1)[1]
                return 1, f"host {host} of {self._count} has given no sign of life for {self._limit:.0f} s"
        return None


def _announce(code: int, sentence: str) -> None:
    """Let every host know that the run ends; the first reason stands."""
    said = sentence if sentence.startswith("host ") else f"host {index()} ends: {sentence}"
    with suppress(RuntimeError):
        _client().key_value_set("quarry/end", json.dumps([code, said]))


def _announced() -> bool:
    """Whether some host has announced an end."""
    try:
        return bool(_client().key_value_try_get("quarry/end"))
    except RuntimeError:
        return False


def _end(code: int, sentence: str) -> NoReturn:
    for record in _on_end:
        with suppress(Exception):  # what is not written down does not keep the process
            record(code)
    print(f"error: {sentence}", file=sys.stderr, flush=True)
    _leave(code)


def _leave(code: int) -> NoReturn:
    """End without JAX's farewell, which would wait for hosts that cannot answer any more."""
    with suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    if _is_up() and first():
        time.sleep(LAST_WORDS_SECONDS)
    os._exit(code)


def _in_words(error: BaseException) -> BaseException:
    """`error`, or the sentence for a failed computation across hosts."""
    import jax

    if isinstance(error, jax.errors.JaxRuntimeError):
        return HostLost(f"a computation across hosts failed: {str(error).splitlines()[0]}")
    return error


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.exit_code if isinstance(error, QuarryError) else FAILED
