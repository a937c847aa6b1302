# `make table1` and `make test` do all set-up first, in .venv. Another Python: make test PYTHON=python3.12
PYTHON ?= python3
# Which build of PyTorch: TORCH=cpu is without the CUDA libraries, which are half of what is installed. Without it, what the package index has
TORCH ?=
# Parameters of the notebooks, for one: make table1 ARGS="-p preset smoke -p seeds 0,1,2"
ARGS ?=
# How many runs are trained at a time: make table1 JOBS=4. Without it one a core, or one on a GPU
JOBS ?= $(XVAE_JOBS)
export XVAE_JOBS := $(JOBS)
# Threads of a run on the CPU: THREADS=4, or THREADS=fastest. Without it one, whatever the machine
THREADS ?= $(XVAE_THREADS)
export XVAE_THREADS := $(THREADS)
# Encoders and decoders by torch.compile: COMPILE=reduce-overhead, for a GPU that waits for Python (nbs/39_task.ipynb). Without it, as they are written
COMPILE ?= $(XVAE_COMPILE)
export XVAE_COMPILE := $(COMPILE)
# Who trains for `make reproduce`, instead of this machine: EXECUTOR=slurm EXECUTOR_ARGS="timeout_min=600" (nbs/66_cluster.ipynb)
EXECUTOR ?=
EXECUTOR_ARGS ?=
# Where one table's numbers go. It starts empty, so that everything is trained here; `make reproduce` adds to results/ instead.
RESULTS ?= _runs/results

bin := .venv/bin
# a variable as one word of the shell, whatever is in it
quoted = '$(subst ','\'',$(1))'
notebooks := $(notdir $(basename $(wildcard reproduce/*.ipynb)))
# notebooks run in this environment's kernel, even where the user has another one of the same name
export JUPYTER_PREFER_ENV_PATH := 1
unexport JUPYTER_PATH

.DEFAULT_GOAL := help
.PHONY: help setup reproduce again test readme site export lock audit clean $(notebooks)

help:
	@echo "make table1     train and show one table or figure (here: $(notebooks)), into _runs/results; _runs/table1.ipynb to read"
	@echo "make reproduce  all of them but the searches for settings, into results/, with the runs that results/runs has; stopped and started again it goes on"
	@echo "                JOBS=4 trains four runs at a time, in both; without it as many as there are cores, or one on a GPU"
	@echo "                THREADS=fastest lets a run have as many threads of its share of the cores as it is fastest on; without it one"
	@echo "                COMPILE=reduce-overhead asks torch.compile for CUDA graphs of the networks, for small ones on a GPU; untried"
	@echo "                EXECUTOR=slurm queues them on a cluster instead, and waits (nbs/66_cluster.ipynb)"
	@echo "make again      train one seed of every row of Table 1 once more, hours, and compare it with the stored one: results/again.md"
	@echo "make test       check everything"
	@echo "make site       all notebooks, results and functions as a website, with search and an explorer: _site/html/index.html"
	@echo "make export     after an edit in nbs/: clean the notebooks, write xvae/"
	@echo "make readme     run nbs/index.ipynb and render README.md from it"
	@echo "make lock       releases of today's packages into constraints.txt, which make setup installs; make audit: their known holes"
	@echo "make setup      only make .venv; make clean removes it and the run notebooks"

setup: .venv/ready

.venv/ready: pyproject.toml constraints.txt
	@$(call quoted,$(PYTHON)) -c 'import sys; v = sys.version_info; v >= (3, 10) or sys.exit("xvae needs Python 3.10 or newer and %s is %d.%d. Name another: make PYTHON=python3.12 ..." % (sys.argv[1], *v[:2]))' $(call quoted,$(PYTHON))
	test -x $(bin)/pip || $(call quoted,$(PYTHON)) -m venv .venv
	$(if $(TORCH),$(bin)/python -m pip install uv && $(bin)/uv pip install --python .venv --torch-backend $(TORCH),$(bin)/python -m pip install) --editable '.[dev]' --constraint constraints.txt
	@touch $@

$(notebooks): setup
	@mkdir -p _runs
	$(bin)/papermill --no-progress-bar --stderr-file - -p results_dir $(call quoted,$(RESULTS)) $(ARGS) reproduce/$@.ipynb _runs/$@.ipynb
	@test -n $(call quoted,$(ARGS)) || cat $(call quoted,$(RESULTS))/$@.md

reproduce: setup
	$(bin)/python tools/reproduce.py $(ARGS) $(if $(EXECUTOR),--executor $(EXECUTOR) $(EXECUTOR_ARGS))

again: setup
	$(bin)/python tools/again.py $(ARGS)

test: setup
	$(bin)/python -m pytest

readme: setup
	TQDM_DISABLE=1 $(bin)/jupyter nbconvert --log-level=ERROR --to notebook --execute --inplace nbs/index.ipynb
	$(bin)/nbdev_clean --fname nbs/index.ipynb
	$(bin)/python tools/readme.py

site: setup
	$(bin)/python tools/pages.py

export: setup
	$(bin)/nbdev_clean
	$(bin)/nbdev_clean --fname reproduce
	$(bin)/python tools/clean.py nbs/*.ipynb reproduce/*.ipynb
	$(bin)/nbdev_export
	cp results/found.json xvae/found.json

# Releases that all of this was tested with, for each Python and system (uv resolves for all of them at once; pip-tools for the one it runs on)
lock: setup
	$(bin)/python -m pip install uv
	$(bin)/uv pip compile pyproject.toml --extra dev --universal --python-version 3.10 --no-header --no-annotate --upgrade -o constraints.txt

# Known holes of these releases; it asks the package index
audit: setup
	$(bin)/python -m pip install pip-audit
	$(bin)/pip-audit --requirement constraints.txt --no-deps --disable-pip

clean:
	rm -rf .venv _runs _site build *.egg-info
