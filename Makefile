# The commands work on a fresh clone with Python >= 3.11 and make: each sets up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Two more than two cores: tests of clusters, hosts and kills wait for other processes.
WORKERS ?= 4
# Compiled modules are kept even where the surroundings say otherwise: the tests start hundreds of processes.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: demo test test-fast lint docs notebooks results bench torch-baseline simple-scaling-laws cloud-parsers tpu-compiler cuda-compiler clean

demo: $(VENV)/installed
	$(BIN)/quarry demo

test: $(VENV)/installed-dev
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup

test-fast: $(VENV)/installed-dev
	$(BIN)/pytest -n $(WORKERS) --dist loadgroup -m "not slow"

lint: $(VENV)/installed-dev
	$(BIN)/python -m tests.link_tree build/typing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	cd build/typing && ../../$(BIN)/lint-imports ../../pyproject.toml

# The site of docs/, into build/site; a broken link, a page outside the navigation or a load from another host fails it. The notebooks are shown
# as `make notebooks` ran them last.
docs: $(VENV)/installed-docs
	$(BIN)/python -m tests.link_tree build/typing
	NO_MKDOCS_2_WARNING=1 JAX_PLATFORMS=cpu $(BIN)/mkdocs build --quiet
	@echo "build/site/index.html"

# Runs the notebooks: each as .ipynb and .html in build/notebooks.
notebooks: $(VENV)/installed-docs
	JAX_PLATFORMS=cpu $(BIN)/python docs/scripts/build_notebooks.py

# Every number of docs/results.md, from the tables in experiments/results.
results: $(VENV)/installed
	JAX_PLATFORMS=cpu $(BIN)/python docs/scripts/results_page.py

bench: $(VENV)/installed-dev
	$(BIN)/python -m tests.benchmarks.run
	$(BIN)/python -m tests.benchmarks.start
	$(BIN)/python -m tests.benchmarks.growth

# What `make bench` compares with, apart: the project itself needs no PyTorch.
torch-baseline: .cache/torch/installed

.cache/torch/installed:
	$(PYTHON) -m venv .cache/torch
	.cache/torch/bin/pip install --quiet 'torch>=2.13' numpy
	touch $@

# The fitting package that the leaderboard of intervals compares with (--simple); it needs Python >= 3.12.
simple-scaling-laws: .cache/simple-scaling-laws/installed

.cache/simple-scaling-laws/installed:
	@for python in $(PYTHON) python3.12 python3.13 python3.14; do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null || continue; \
	    $$python -m venv .cache/simple-scaling-laws && exit 0; \
	done; echo "simple-scaling-laws needs Python >= 3.12; name one with make PYTHON=/path/to/python3.12 simple-scaling-laws"; exit 1
	.cache/simple-scaling-laws/bin/pip install --quiet 'simple-scaling-laws==0.2.0'
	touch $@

# SkyPilot, xpk, the Kubernetes client and Kubeflow's models of a JobSet read our launch files in a test; they
# live apart, for they ask for versions of their own.
cloud-parsers: .cache/cloud/installed

.cache/cloud/installed: Makefile
	$(PYTHON) -m venv .cache/cloud
	.cache/cloud/bin/pip install --quiet 'skypilot>=0.11' 'kubernetes>=31' 'kubeflow-trainer-api>=2.3'
	.cache/cloud/bin/pip install --quiet --no-deps 'xpk>=1.16'
	touch $@

# The TPU compiler of this JAX, for the tests of `quarry compile`; it lies apart, for beside it JAX prints errors at
# every start.
tpu-compiler: .cache/libtpu/installed

.cache/libtpu/installed: $(VENV)/installed-dev
	$(BIN)/pip install --quiet --no-deps --upgrade --target .cache/libtpu "$$($(BIN)/python -c \
	    'from importlib.metadata import requires as r; print(*(n.split(";")[0] for n in r("jax") if n.startswith("libtpu")))')"
	touch $@

# XLA's compiler for GPUs, for the same tests; cuDNN is asked for its version alone.
cuda-compiler: .cache/cuda/installed

.cache/cuda/installed: $(VENV)/installed-dev
	version=$$($(BIN)/python -c 'import jax; print(jax.__version__)'); $(BIN)/pip install --quiet --no-deps --upgrade \
	    --target .cache/cuda "jax-cuda13-plugin==$$version" "jax-cuda13-pjrt==$$version" nvidia-cudnn-cu13
	touch $@

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Quarry needs Python >= 3.11; name one with make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/installed: setup.py pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[train]'
	touch $@

$(VENV)/installed-dev: setup.py pyproject.toml $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e '.[dev]'
	touch $@ $(VENV)/installed

$(VENV)/installed-docs: $(VENV)/installed-dev
	$(BIN)/python -m pip install --quiet -e '.[dev,docs]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
