"""The facts in the seal of a checkpoint: which run it is of, and what of its record cannot be made again.

So a checkpoint of another run is not taken for one of this run, logs that were changed since are noticed, and
a run whose run.json is lost skips the batches that it skipped before.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from quarry.train.config.experiment import Experiment
from quarry.train.record.logs import Mark
from quarry.train.run.compatibility import fill_defaults, first_difference, fixed_fields
from quarry.train.run.description import experiment_as_json

if TYPE_CHECKING:
    from quarry.train.data.store import TokenStore
    from quarry.train.run.context import RunContext

KEPT = (
    "started",
    "skips",
    "forked_at",
    "compile_seconds",
    "flops_xla_per_token",
    "test_text",
    "tracking_id",
)
"""Fields of run.json that follow neither from the configuration nor from the data."""


def run_facts(run: "RunContext", logs: Mapping[str, Mark]) -> dict[str, Any]:
    """What a seal says of a run whose logs have got to the marks `logs`."""
    record = run.directory.known_run()
    return {
        "config": fixed_fields(experiment_as_json(run.experiment)),
        "data": _digests(run.store),
        "record": {name: record[name] for name in KEPT if name in record},
        "logs": logs,
    }


def foreign(facts: Mapping[str, Any], config: Mapping[str, Any], store: "TokenStore") -> str | None:
    """Why a checkpoint with these facts is not of the run with this configuration and data; None if it is.

    One of an earlier version, without facts, counts as this run's.
    """
    if not facts:
        return None
    saved, given = (fixed_fields(fill_defaults(dict(tree), Experiment)) for tree in (facts["config"], config))
    difference = first_difference(saved, given) or first_difference(facts["data"], _digests(store))
    return f"it is of another run ({difference})" if difference else None


def recovered(run: "RunContext", step: int, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of run.json that differ from what the seal of the checkpoint of `step` says of the run.

    What was left out of the batch order before `step` is in the seal, what was left out later in run.json.
    """
    record, sealed = run.directory.known_run(), facts.get("record", {})
    fields = {name: value for name, value in sealed.items() if name not in record}
    if facts:
        later = [skip for skip in record.get("skips", []) if skip[0] >= run.position(step)]
        fields["skips"] = [*sealed.get("skips", []), *later]
    return {name: value for name, value in fields.items() if value != record.get(name, [])}


def _digests(store: "TokenStore") -> dict[str, str]:
    return {split: entry["sha256"] for split, entry in store.manifest["splits"].items()}
