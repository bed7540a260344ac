"""Launch files before the parsers of others; run by an interpreter that has them, not by the tests' own.

Each line of standard input is a list in JSON, a kind and words, each answered by a line: {"found": [...]}, an
item for each word, or {"error": the traceback}.

sky FILES       each is a task for SkyPilot: what SkyPilot reads
jobset FILES    each is a JobSet to Kubeflow's models, and its Job one to the Kubernetes client, by field
slices NAMES    what xpk knows of each slice, null for none
"""

import json
import re
import sys
import traceback
from typing import Any


def check_sky(file: str) -> Any:
    import sky

    task = sky.Task.from_yaml(file)
    (resources,) = task.resources
    return {
        "name": task.name,
        "nodes": task.num_nodes,
        "accelerators": dict(resources.accelerators),
        "runtime": resources.accelerator_args["runtime_version"],
        "spot": resources.use_spot,
        "region": resources.region,
        "zone": resources.zone,
        "recovery": resources.job_recovery,
    }


def check_jobset(file: str) -> Any:
    import yaml
    from kubeflow_trainer_api.models.jobset_v1alpha2_job_set import JobsetV1alpha2JobSet
    from kubernetes.client import models

    with open(file, encoding="utf-8") as text:
        jobset = yaml.safe_load(text)
    check_known(JobsetV1alpha2JobSet.from_dict(jobset).to_dict(), jobset, "jobset")
    for job in jobset["spec"]["replicatedJobs"]:
        check_fields(job["template"], "V1JobTemplateSpec", models, "template")
    return jobset["metadata"]["name"]


def check_known(read: Any, written: Any, path: str) -> None:
    """Fail for what a model has not taken in: it leaves out fields that it does not know."""
    if isinstance(written, dict):
        assert set(written) <= set(read), f"{path} has {set(written) - set(read)}"
        for name, item in written.items():
            check_known(read[name], item, f"{path}.{name}")
    elif isinstance(written, list):
        for index, (one, item) in enumerate(zip(read, written, strict=True)):
            check_known(one, item, f"{path}[{index}]")
    else:
        assert read == written, path


def check_fields(value: Any, kind: str, models: Any, path: str) -> None:
    """Fail for a field that `kind` of the Kubernetes API does not have, or a value of another type."""
    listed = re.fullmatch(r"list\[(.*)\]", kind, re.IGNORECASE)
    mapped = re.fullmatch(r"dict\(str, (.*)\)", kind) or re.fullmatch(
        r"dict\[str, (.*)\]", kind, re.IGNORECASE
    )
    if listed:
        assert isinstance(value, list), path
        for index, item in enumerate(value):
            check_fields(item, listed[1], models, f"{path}[{index}]")
    elif mapped:
        for name, item in value.items():
            check_fields(item, mapped[1], models, f"{path}.{name}")
    elif hasattr(models, kind):
        model = getattr(models, kind)
        types = {json_name: model.openapi_types[name] for name, json_name in model.attribute_map.items()}
        assert set(value) <= set(types), f"{path} has {set(value) - set(types)}"
        model(**{name: value.get(json_name) for name, json_name in model.attribute_map.items()})
        for name, item in value.items():
            check_fields(item, types[name], models, f"{path}.{name}")
    elif kind != "object":
        named = {"str": str, "int": int, "bool": bool, "float": (int, float)}[kind]
        assert isinstance(value, named), f"{path} is {value!r}, not {kind}"
        assert kind == "bool" or not isinstance(value, bool), f"{path} is {value!r}, not {kind}"


def check_slices(name: str) -> Any:
    from xpk.core.system_characteristics import UserFacingNameToSystemCharacteristics

    known = UserFacingNameToSystemCharacteristics.get(name)
    return known and [known.topology, known.vms_per_slice, known.chips_per_vm, known.gke_accelerator]


CHECKS = {"sky": check_sky, "jobset": check_jobset, "slices": check_slices}


def answer(kind: str, *words: str) -> dict[str, Any]:
    try:
        return {"found": [CHECKS[kind](word) for word in words]}
    except Exception:
        return {"error": traceback.format_exc()}


if __name__ == "__main__":
    answers, sys.stdout = sys.stdout, sys.stderr  # what the parsers print is no answer
    for line in sys.stdin:
        print(json.dumps(answer(*json.loads(line))), file=answers, flush=True)
