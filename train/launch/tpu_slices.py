"""Slices of Cloud TPU by name, and the options for them: `quarry sweep --emit sky --tpu.spot ...`.

Sources: cloud.google.com/tpu/docs (v5e, v5p, v6e) for names, chips and hosts; "Plan TPUs in GKE" for labels.
"""

import re
from dataclasses import dataclass
from itertools import combinations_with_replacement
from math import prod

from quarry.checks import check_types, require
from quarry.errors import ConfigError

FLAT = {1: "1x1", 4: "2x2", 8: "2x4", 16: "4x4", 32: "4x8", 64: "8x8", 128: "8x16", 256: "16x16"}
SMALL = {4: "2x2x1", 8: "2x2x2", 16: "2x2x4", 32: "2x4x4"}
CUBE = 64
"""Chips of a 4x4x4 block; v5p slices of this size or more consist of whole blocks."""
MOST_CUBES = 140


@dataclass(frozen=True)
class Generation:
    """A generation of TPU: the names and the layout of its slices."""

    name: str
    api_name: str
    """The part before the number in the name of a slice, such as v5litepod-16."""
    cores_per_chip: int
    """Cores, which the number in the name of a slice counts."""
    gke: str
    """The node label cloud.google.com/gke-tpu-accelerator."""
    runtime: str
    """The image of a TPU VM."""
    flat: bool
    """Whether the topology is 2D, with up to 8 chips on one host; else 3D, with 4 on each host."""


GENERATIONS = {
    "v5e": Generation("v5e", "v5litepod", 1, "tpu-v5-lite-podslice", "v2-alpha-tpuv5-lite", True),
    "v5p": Generation("v5p", "v5p", 2, "tpu-v5p-slice", "v2-alpha-tpuv5", False),
    "v6e": Generation("v6e", "v6e", 1, "tpu-v6e-slice", "v2-alpha-tpuv6e", True),
}


@dataclass(frozen=True)
class Slice:
    """A slice: a generation and a topology."""

    generation: Generation
    topology: str

    @property
    def chips(self) -> int:
        return prod(int(side) for side in self.topology.split("x"))

    @property
    def hosts(self) -> int:
        return self.chips // self.chips_per_host

    @property
    def chips_per_host(self) -> int:
        """2D slices of one, four or eight chips have one host; all others have four chips on each host."""
        return self.chips if self.generation.flat and self.chips <= 8 else 4

    @property
    def name(self) -> str:
        """As in the TPU API, such as v5litepod-16 or v5p-64."""
        return f"{self.generation.api_name}-{self.chips * self.generation.cores_per_chip}"


def parse_slice(accelerator: str) -> Slice:
    """The slice of a name (v5p-64 in cores; v5e-16, v6e-16 in chips) or topology (v5e:4x4, v5p:4x4x2).

    Raises ConfigError for one that Cloud TPU does not offer.
    """
    word = accelerator.lower().removeprefix("tpu-").replace("v5litepod", "v5e")
    match = re.fullmatch(r"(v5e|v5p|v6e)(?:-(\d+)|:(\d+(?:x\d+)+))", word)
    require(match is not None, f"tpu.accelerator = {accelerator!r} is not like v5e-16, v5p-64 or v6e:4x4")
    assert match is not None
    generation = GENERATIONS[match[1]]
    topology = (
        _default_topology(generation, int(match[2])) if match[2] else _offered_topology(generation, match[3])
    )
    if topology is None:
        raise ConfigError(
            f"tpu.accelerator = {accelerator!r}: Cloud TPU has no such slice; {_sizes(generation)}"
        )
    return Slice(generation, topology)


def _sizes(generation: Generation) -> str:
    if generation.flat:
        return f"{generation.name} has {', '.join(FLAT.values())}"
    return f"{generation.name} has {', '.join(SMALL.values())} and blocks of 4x4x4"


def _default_topology(generation: Generation, number: int) -> str | None:
    """The topology of the slice with this number in its name; in 3D the nearest to a cube."""
    chips, rest = divmod(number, generation.cores_per_chip)
    table = FLAT if generation.flat else SMALL
    if rest or chips in table or generation.flat:
        return None if rest else table.get(chips)
    cubes, rest = divmod(chips, CUBE)
    if rest or not 1 <= cubes <= MOST_CUBES:
        return None
    sides = [side for side in range(1, cubes + 1) if cubes % side == 0]
    shapes = [shape for shape in combinations_with_replacement(sides, 3) if prod(shape) == cubes]
    return "x".join(str(4 * side) for side in min(shapes, key=sum))


def _offered_topology(generation: Generation, topology: str) -> str | None:
    """The topology in Google's spelling, for any order of sides; None if it is not offered."""
    sides = sorted(int(side) for side in topology.split("x"))
    table = FLAT if generation.flat else SMALL
    for known in table.values():
        if sorted(map(int, known.split("x"))) == sides:
            return known
    blocks = len(sides) == 3 and all(side and side % 4 == 0 for side in sides)
    if generation.flat or not blocks or prod(sides) > CUBE * MOST_CUBES:
        return None
    return "x".join(map(str, sides))


@dataclass(frozen=True)
class TpuOptions:
    """What each point requests from Cloud TPU."""

    accelerator: str | None = None
    """The slice for each point: v5e-16, v5p-64, v6e-8 (the API's names) or a topology: v5e:4x4, v5p:2x2x4."""
    slices: int = 1
    """Slices that train one point together (multislice); for jobset."""
    region: str | None = None
    """Region to look in, such as us-east5; default any."""
    zone: str | None = None
    """Zone to look in, such as us-east5-a; default any."""
    spot: bool = False
    """Preemptible capacity, at a lower price; a preempted point resumes on the next slice."""
    bucket: str | None = None
    """Bucket for the runs, gs://NAME or gs://NAME/FOLDER; each host sees it as a folder."""
    image: str | None = None
    """Container image with Quarry and the study in it; for jobset."""
    image_folder: str = "/quarry"
    """Where in the image the current folder was copied; for jobset."""
    service_account: str | None = None
    """Kubernetes service account that may use the bucket; for jobset."""
    install: str = "-e .[tpu,gcs]"
    """What pip installs on each host, in a copy of the current folder; where that is no clone of Quarry,
    quarry-scaling[tpu,gcs]; for sky."""
    restarts: int = 50
    """How often a point is restarted after a preemption or an error; for jobset. SkyPilot restarts it after
    every preemption."""

    def __post_init__(self) -> None:
        check_types(self)
        require(self.slices >= 1, f"tpu.slices must be at least 1, not {self.slices}")
        require(self.restarts >= 0, f"tpu.restarts must not be negative: {self.restarts}")
        bucket = self.bucket
        good = bucket is None or re.fullmatch(r"gs://[a-z0-9][a-z0-9._-]+(/\w[\w.-]*)*/?", bucket) is not None
        require(good, f"tpu.bucket = {bucket!r} is not like gs://NAME or gs://NAME/FOLDER")
        for name in ("region", "zone", "service_account"):
            value = getattr(self, name)
            good = value is None or re.fullmatch(r"[a-z][a-z0-9-]*", value) is not None
            require(good, f"tpu.{name} = {value!r} may hold only small letters, digits and -")
        if self.accelerator is not None:
            hosts = parse_slice(self.accelerator).hosts
            require(
                self.slices == 1 or hosts > 1,
                f"tpu.slices = {self.slices}: only slices of several hosts train together, "
                f"and {self.accelerator} has one",
            )

    @property
    def slice(self) -> Slice:
        """The slice of each point. Raises ConfigError if none was named."""
        require(self.accelerator is not None, "--emit needs --tpu.accelerator, such as v5e-16")
        assert self.accelerator is not None
        return parse_slice(self.accelerator)

    @property
    def bucket_parts(self) -> tuple[str, str]:
        """The bucket's name and the folder in it, which may be empty. Raises ConfigError if there is none."""
        require(self.bucket is not None, "--emit needs --tpu.bucket: a slice takes its disks with it")
        assert self.bucket is not None
        name, _, folder = self.bucket.removeprefix("gs://").strip("/").partition("/")
        return name, folder
