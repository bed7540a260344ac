"""Joining the other hosts of a run before JAX touches a device, and leaving with them."""

import atexit
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from quarry.errors import BAD_INPUT, DONE, FAILED, INTERRUPTED, ConfigError, HostLost, QuarryError
from quarry.train.hosts.agreement import FOREVER_MS, coordination_client
from quarry.train.hosts.discovery import Hosts, from_environment, is_distributed
from quarry.train.hosts.shutdown import Watch, exit_at_once


@contextmanager
def joined(given: Hosts) -> Iterator[None]:
    """Join the other hosts, and leave with them; does nothing for a process on its own.

    Raises ConfigError if they do not come up in time, HostLost if a computation across hosts fails. An error
    on one host ends all of them.
    """
    hosts = from_environment(given)
    if not is_distributed(hosts):
        yield
        return
    _join(hosts)
    watch = Watch(hosts.heartbeat_timeout)
    try:
        yield
        coordination_client().wait_at_barrier("quarry/done", FOREVER_MS)
    except BaseException as error:
        reported = _reported(error)
        watch.stop(_exit_code(reported), str(reported) or type(reported).__name__)
        atexit.register(exit_at_once, _exit_code(reported))
        raise reported from (None if reported is error else error)
    watch.stop(DONE, "the run is over")


def _join(hosts: Hosts) -> None:
    import jax

    # JAX's own handler of SIGTERM would take the place of ours, and knows no other signal.
    jax.config.update("jax_enable_preemption_service", False)
    timer = threading.Timer(hosts.host_timeout, _exit_on_timeout, [hosts])
    timer.daemon = True
    timer.start()
    try:
        jax.distributed.initialize(
            hosts.coordinator,
            hosts.processes,
            hosts.process,
            initialization_timeout=2 * hosts.host_timeout + 60,  # JAX's own ends in a dump of its stack
            heartbeat_timeout_seconds=4 * hosts.heartbeat_timeout,  # ours comes first, with a message
        )
    except (RuntimeError, ValueError) as error:
        raise ConfigError(f"cannot join the other hosts: {str(error).splitlines()[0]}") from None
    finally:
        timer.cancel()


def _exit_on_timeout(hosts: Hosts) -> None:
    """End this process: the other hosts did not come up in time, and JAX's wait cannot be interrupted."""
    who = f"process {hosts.process} of {hosts.processes}" if hosts.coordinator else "this process"
    where = f" at {hosts.coordinator}" if hosts.coordinator else ""
    print(
        f"error: {who} has not met all others{where} within host_timeout = {hosts.host_timeout} s: "
        "start the same command on every host",
        file=sys.stderr,
        flush=True,
    )
    os._exit(BAD_INPUT)


def _reported(error: BaseException) -> BaseException:
    """The error to report: HostLost if a failed computation across hosts caused it, else `error` itself.

    A save waits for the step before it, so that such a failure can come as the cause of one to save.
    """
    import jax

    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, jax.errors.JaxRuntimeError):
        cause = cause.__cause__
    return HostLost(f"a computation across hosts failed: {str(cause).splitlines()[0]}") if cause else error


def _exit_code(error: BaseException) -> int:
    if isinstance(error, KeyboardInterrupt):
        return INTERRUPTED
    return error.exit_code if isinstance(error, QuarryError) else FAILED
