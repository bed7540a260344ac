"""`quarry data`: which corpora there are, preparing one, copying it, and what it holds."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from rich.table import Table
from tyro.conf import OmitSubcommandPrefixes, Positional, arg, subcommand

from quarry.checks import require
from quarry.console import make_console
from quarry.errors import DONE, ConfigError, DataError
from quarry.text import choose
from quarry.train.commands.bars import shown
from quarry.train.commands.common import Cache, RunPath, cache_or_default

if TYPE_CHECKING:
    from quarry.train.data.store import TokenStore
    from quarry.train.record.run_directory import RunDirectory

Name = Annotated[Positional[str], arg(help="The corpus, as `data.corpus` names it.")]


@dataclass(frozen=True)
class List:
    """The corpora that there are, their licences, and what installs those that are not here."""

    cache: Cache = None


@dataclass(frozen=True, kw_only=True)
class Preparing:
    """How the token store of a corpus is made."""

    name: Name
    tokenizer: str = "bytes"
    """`bytes`, `bpe:VOCABULARY` or `pixels:LEVELS`."""
    tokenizer_of: str | None = None
    """A store, in a folder or gs://BUCKET/FOLDER, whose tokenizer is taken."""
    near_duplicates: float | None = None
    """Drop one of two documents at least so similar, such as 0.8."""
    held_out: tuple[str, ...] = ()
    """Hold out the documents whose names fit one of these patterns."""
    validation_fraction: float = 0.05
    """The share of the documents that validates."""
    test_fraction: float = 0.05
    """The share of the documents that tests."""
    cache: Cache = None


@dataclass(frozen=True, kw_only=True)
class Get(Preparing):
    """Prepare the token store of a corpus; what an earlier call has prepared is not done again."""


@dataclass(frozen=True, kw_only=True)
class Put(Preparing):
    """Copy the token store of a corpus to a folder or a bucket, from where `store:PLACE` trains on it.

    The store is prepared first, as by `get`. Files that are there already are not copied again.
    """

    to: Annotated[Positional[str], arg(help="A folder, or gs://BUCKET/FOLDER.")]
    shard_bytes: int = 2**32
    """The most bytes of a file."""


@dataclass(frozen=True)
class Join:
    """Join stores of parts of a corpus, made on several machines, to one: as if it had been prepared at once.

    Make the first part by `put`, the others with `--tokenizer-of` it. Documents of several parts count once;
    near duplicates were looked for within each part alone.
    """

    parts: Annotated[Positional[tuple[str, ...]], arg(help="Stores: folders, or gs://BUCKET/FOLDER.")]
    to: str
    """A folder, or gs://BUCKET/FOLDER."""
    shard_bytes: int = 2**32
    """The most bytes of a file."""
    cache: Cache = None


@dataclass(frozen=True)
class Inspect:
    """Measure a corpus: documents, bytes, tokens by tokenizer, gzip ratio, near duplicates, a sample."""

    name: Name
    tokenizers: tuple[str, ...] = ()
    """Default: bytes and bpe:4096, or bytes and pixels for images."""
    cache: Cache = None


@dataclass(frozen=True)
class Mix:
    """The mixture that a run was trained on, with the share of each source multiplied by its bits per byte.

    The run must have scored every source: evaluation.also.
    """

    run: RunPath
    less: Path | None = None
    """Another run that scored them: what counts is how many bits more the first has, at least 0."""


Action = (
    Annotated[List, subcommand("list")]
    | Annotated[Get, subcommand("get")]
    | Annotated[Put, subcommand("put")]
    | Annotated[Join, subcommand("join")]
    | Annotated[Inspect, subcommand("inspect")]
    | Annotated[Mix, subcommand("mix")]
)


ACTIONS = ("list", "get", "put", "join", "inspect", "mix")


def make_command(words: Sequence[str]) -> Callable[..., int]:
    """The function of `quarry data`. Raises ConfigError for an action that there is not."""
    first = next(iter(words), "")
    known = not first or first.startswith("-") or first in ACTIONS
    require(known, f"no action {first!r} of quarry data: {choose(first, ACTIONS)}")
    return command


def command(action: Annotated[OmitSubcommandPrefixes[Action], arg(name="")]) -> int:
    """Which corpora there are; `get`, `put` (copy), `join` or `inspect` one, `mix` by a run's losses."""
    run = {List: list_corpora, Get: get, Put: put, Join: join, Inspect: inspect, Mix: mix}[type(action)]
    run(action, make_console())
    return DONE


def list_corpora(action: List, console: Console) -> None:
    """Print the table of corpora."""
    from quarry.train.data.corpora import SOURCES

    folder, table = cache_or_default(action.cache) / "corpora", Table("name", "text", "licence", "here")
    for source in SOURCES.values():
        try:
            source.check_installed(folder)
            here = "yes"
        except (ConfigError, DataError) as error:
            here = str(error).partition(": ")[2]
        table.add_row(source.usage, source.about, source.licence, here)
    console.print(table)


def get(action: Get, console: Console) -> None:
    """Prepare a store and print what its manifest says."""
    with shown() as say:
        store = _prepared(action, say)
    manifest = store.manifest
    facts = {name: manifest[name] for name in ("corpus", "source", "licence", "tokenizer", "documents")}
    for name in ("duplicates_dropped", "near_duplicates_dropped", "near_duplicate_rate", "text_sha256"):
        facts |= {name.replace("_", " "): manifest[name]} if name in manifest else {}
    for split, entry in manifest["splits"].items():
        facts[split] = (
            f"{entry['documents']:,} documents, {entry['bytes']:,} bytes, {entry['tokens']:,} tokens"
        )
    for corpus, share in manifest.get("shares", {}).items():
        facts[f"from {corpus}"] = ", ".join(
            f"{name.replace('_', ' ')} {value:,}" for name, value in share.items()
        )
    console.print(_facts({**facts, "store": store.directory}))


def put(action: Put, console: Console) -> None:
    """Prepare a store, copy it, and print how to train on it."""
    from quarry.train.data.store_copying import copy_store

    with shown() as say:
        store = _prepared(action, say)
        copy_store(store, action.to, action.shard_bytes, say)
    _print_corpus(store, action.to, console)


def join(action: Join, console: Console) -> None:
    """Join stores, copy the joined one, and print how to train on it."""
    from quarry.train.data.store_copying import copy_store
    from quarry.train.data.store_joining import join_stores

    with shown() as say:
        store = join_stores(action.parts, cache_or_default(action.cache), say)
        copy_store(store, action.to, action.shard_bytes, say)
    _print_corpus(store, action.to, console)


def _print_corpus(store: "TokenStore", place: str, console: Console) -> None:
    """Print how to train on the store."""
    console.print(f"--data.corpus store:{place} --data.tokenizer {store.tokenizer.name}", soft_wrap=True)


def _prepared(action: Preparing, say: Callable[[str], object]) -> "TokenStore":
    from quarry.train.data.prepared import tokenizer_of
    from quarry.train.data.store_building import prepare_tokens

    cache = cache_or_default(action.cache)
    given = None if action.tokenizer_of is None else tokenizer_of(action.tokenizer_of, cache)
    if given is not None and action.tokenizer not in ("bytes", given.name):
        raise DataError(
            f"tokenizer = {action.tokenizer}, but {action.tokenizer_of} has tokens of {given.name}: give one"
        )
    return prepare_tokens(
        action.name,
        action.tokenizer if given is None else given.name,
        cache,
        near_duplicates=action.near_duplicates,
        held_out=action.held_out,
        validation_fraction=action.validation_fraction,
        test_fraction=action.test_fraction,
        say=say,
        tokenizer=given,
    )


def inspect(action: Inspect, console: Console) -> None:
    """Print what a corpus holds."""
    from quarry.train.data.inspection import SIMILARITY, inspect_corpus, usual_tokenizers

    tokenizers = action.tokenizers or usual_tokenizers(action.name)
    with shown() as say:
        found = inspect_corpus(action.name, tokenizers, cache_or_default(action.cache), say)
    tokens = {
        f"tokens, {name}": f"{n:,}, {found.bytes / n:.2f} bytes each" for name, n in found.tokens.items()
    }
    extremes = {name: getattr(found, name) for name in ("longest", "shortest")}
    facts = {
        "corpus": found.corpus,
        "source": found.source,
        "licence": found.licence,
        "documents": f"{found.documents:,}",
        "bytes": f"{found.bytes:,}",
        **tokens,
        **{f"tokens, {name}": reason for name, reason in found.untrained.items()},
        "gzip ratio": f"{found.gzip_ratio:.3f}, {8 * found.gzip_ratio:.2f} bits per byte",
        "exact copies": f"{found.duplicates:,}",
        "near duplicates": f"{found.near_duplicates:,} ({found.near_duplicate_rate:.2%}) at {SIMILARITY}",
        **{name: f"{found.bytes:,} bytes: {found.begins!r}" for name, found in extremes.items()},
    }
    console.print(_facts(facts))
    console.print(found.sample, highlight=False, soft_wrap=True)


def mix(action: Mix, console: Console) -> None:
    """Print the shares of the sources before and after, and the mixture's name."""
    from quarry.train.inspect.mixing import mixture_by_loss, mixture_name

    run, less = _only_run(action.run), _only_run(action.less) if action.less else None
    parts, table = mixture_by_loss(run, less), Table("source", "share", "bits per byte", "new share")
    for part in parts:
        table.add_row(part.corpus, f"{part.share:.3f}", f"{part.bits:.3f}", f"{part.new_share:.3f}")
    console.print(table)
    console.print(f"--data.corpus {shlex.quote(mixture_name(parts))}", highlight=False, soft_wrap=True)


def _only_run(path: Path) -> "RunDirectory":
    """Raises ConfigError if `path` holds several runs."""
    from quarry.train.record.points_table import find_runs

    run, *others = find_runs(path)
    require(not others, f"{path} holds {1 + len(others)} runs: name one of them, such as {run}")
    return run


def _facts(facts: Mapping[str, object]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        table.add_row(name, f"{value:,}" if isinstance(value, int) else str(value))
    return table
