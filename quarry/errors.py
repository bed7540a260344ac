"""Every error that ends a command in one sentence, and the exit codes of the command line."""

DONE, FAILED, BAD_INPUT, PREEMPTED = 0, 1, 2, 75
INTERRUPTED = 130
"""By a second Ctrl-C: what a shell reports for SIGINT."""


class QuarryError(Exception):
    """An error whose message is for the user: it names the field, the value and the remedy."""

    exit_code = BAD_INPUT


class ConfigError(QuarryError):
    """A configuration, option or environment that cannot be used.

    Not a ValueError: the option parser catches those and prints its own message first.
    """


class DataError(QuarryError, ValueError):
    """A corpus, tokenizer or token store that cannot give what was asked of it."""


class RecordError(QuarryError, ValueError):
    """A run directory or result file that cannot be read or written."""


class PointsError(QuarryError, ValueError):
    """A table of points that cannot be read or used; the message names file, column, value and row."""


class LawError(QuarryError, ValueError):
    """A law, published fit, objective or formula that does not exist, or an argument that it cannot take."""


class FitError(QuarryError, ValueError):
    """A fit, or a conclusion from one, that the points or the settings do not allow."""


class RunError(QuarryError):
    """A run that cannot go on; what it saved remains."""

    exit_code = FAILED


class OutOfMemory(RunError):
    """The machine or the device has no memory left for what a command does."""


class OutputLost(RunError):
    """The console took no more of what a command prints."""


class HostLost(RunError):
    """Another host failed, or a computation across hosts did."""


class DiskFull(RunError):
    """No space left for what a run writes."""


class BucketError(RunError):
    """A bucket that cannot be read or written any more; what was uploaded is enough to resume."""


class LeaseLost(BucketError):
    """Another process has taken over the run."""


class DamagedCheckpoint(RunError):
    """A checkpoint that does not hold what was saved."""


NOT_UTF8 = "is not UTF-8, as all that is recorded must be: rename the file or folder"


def is_utf8(text: str) -> bool:
    """Whether a text can be written; a name of a file whose bytes are not UTF-8 holds lone surrogates."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)
