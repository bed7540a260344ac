"""A point as a JobSet for Cloud TPU on Google Kubernetes Engine: https://jobset.sigs.k8s.io.

Each slice is a Job with a pod for each host; several slices are replicas. GKE gives each pod the TPU_* and,
for several slices, the MEGASCALE_* variables by which JAX finds the other hosts.
"""

from typing import Any

from quarry.checks import require
from quarry.errors import BAD_INPUT
from quarry.train.config.point_files import Point
from quarry.train.launch.tpu_slices import TpuOptions

RUNS = "/quarry-runs"
GRACE_SECONDS = 60
PORTS = (8471, 8476, 8080)
"""Ports between TPU hosts, of JAX's coordinator, and between slices."""


def jobset(name: str, point: Point, file: str, options: TpuOptions) -> dict[str, Any]:
    """The JobSet that trains `point`, whose file is `file` below the folder copied into the image.

    A pod that fails ends the JobSet's attempt, and the next attempt resumes from the last checkpoint. Exit
    code 2, a bad input, ends the JobSet.
    """
    slice_ = options.slice
    several = slice_.hosts * options.slices > 1
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/name": "quarry"},
            # each slice has a node pool to itself
            **({"annotations": _exclusive()} if several else {}),
        },
        "spec": {
            "failurePolicy": {
                "maxRestarts": options.restarts,
                "rules": [_rule("badInput", "FailJobSet", "PodFailurePolicy")],
            },
            "replicatedJobs": [
                {
                    "name": "slice",
                    "replicas": options.slices,
                    "template": {"spec": _job(slice_.hosts, _pod(point, file, options))},
                }
            ],
        },
    }


def _exclusive() -> dict[str, str]:
    return {"alpha.jobset.sigs.k8s.io/exclusive-topology": "cloud.google.com/gke-nodepool"}


def _rule(name: str, action: str, reason: str) -> dict[str, Any]:
    return {"name": name, "action": action, "onJobFailureReasons": [reason]}


def _job(hosts: int, pod: dict[str, Any]) -> dict[str, Any]:
    exit_codes = {"containerName": "quarry", "operator": "In", "values": [BAD_INPUT]}
    return {
        "completionMode": "Indexed",
        "completions": hosts,
        "parallelism": hosts,
        "backoffLimit": 0,
        "podFailurePolicy": {"rules": [{"action": "FailJob", "onExitCodes": exit_codes}]},
        "template": pod,
    }


def _pod(point: Point, file: str, options: TpuOptions) -> dict[str, Any]:
    account = {"serviceAccountName": options.service_account} if options.service_account else {}
    bucket, _ = options.bucket_parts
    attributes = {"bucketName": bucket, "mountOptions": "implicit-dirs,rename-dir-limit=10000"}
    return {
        "metadata": {"annotations": {"gke-gcsfuse/volumes": "true"}},
        "spec": {
            **account,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "nodeSelector": _node(options),
            **({"tolerations": [_spot()]} if options.spot else {}),
            "containers": [_container(point, file, options)],
            "volumes": [
                {
                    "name": "runs",
                    "csi": {"driver": "gcsfuse.csi.storage.gke.io", "volumeAttributes": attributes},
                },
                {"name": "cache", "emptyDir": {}},
            ],
        },
    }


def _node(options: TpuOptions) -> dict[str, str]:
    labels = {
        "cloud.google.com/gke-tpu-accelerator": options.slice.generation.gke,
        "cloud.google.com/gke-tpu-topology": options.slice.topology,
        "cloud.google.com/gke-spot": "true" if options.spot else None,
        "topology.kubernetes.io/region": options.region,
        "topology.kubernetes.io/zone": options.zone,
    }
    return {name: value for name, value in labels.items() if value is not None}


def _spot() -> dict[str, str]:
    return {"key": "cloud.google.com/gke-spot", "operator": "Equal", "value": "true", "effect": "NoSchedule"}


def _container(point: Point, file: str, options: TpuOptions) -> dict[str, Any]:
    require(options.image is not None, "--emit jobset needs --tpu.image: an image with Quarry and the study")
    _, folder = options.bucket_parts
    variant = ["--variant", point.variant] if point.variant else []
    workdir = f"{RUNS}/{folder}".rstrip("/")
    return {
        "name": "quarry",
        "image": options.image,
        "workingDir": options.image_folder,
        "command": ["quarry", "train", file, *variant, "--workdir", workdir, "--cache", "/cache"],
        "ports": [{"containerPort": port} for port in PORTS],
        "resources": {"limits": {"google.com/tpu": str(options.slice.chips_per_host)}},
        "volumeMounts": [{"name": "runs", "mountPath": RUNS}, {"name": "cache", "mountPath": "/cache"}],
    }
