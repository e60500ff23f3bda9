# Two commands: `make demo` (every figure, offline) and `make test`.
# The Python of .venv; without it, envs/find_python looks for one.
PYTHON ?=
CORES ?= 2
BIN := .venv/bin
READY := .venv/ready
# Snakemake and the jobs that it starts find this environment's programs first.
export PATH := $(CURDIR)/$(BIN):$(PATH)
RUN_DEMO := snakemake --cores $(CORES) --configfile demo.yaml -- figures report

.DEFAULT_GOAL := help
.PHONY: help environment demo test slow cluster browser faults bench lint

help: ## List the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

environment: $(READY) ## Make .venv with the locked packages and this one

$(READY): envs/requirements.txt pyproject.toml
	@envs/install $(PYTHON)
	@touch $@

demo: $(READY) ## Every figure and the report from bundled photographs, into results/demo
	@$(BIN)/python workflow/recover.py --configfile demo.yaml
	$(RUN_DEMO)

# Two files of tests at a time, each on one thread: more would take the cores from each other.
test: $(READY) ## The tests, without the slow ones
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist loadfile

slow: $(READY) ## The tests that take minutes, such as loading real weights
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -m slow --numprocesses 2 --dist loadfile

cluster: $(READY) ## The tests on a real SLURM cluster of one node, started here (root, Debian)
	$(BIN)/python -m pytest -m cluster --exitfirst

browser: $(READY) ## The report in Chromium (Debian's; root installs it); REPORT=... opens that one
	$(BIN)/python -m pytest -m browser

# Two draws at a time.
faults: $(READY) ## Damage runs on purpose, and count lost data (root, 20 minutes)
	PYTHONPATH=tests $(BIN)/python -m faults

# Alone on its cores: what runs beside it takes them from one side of a ratio or the other.
bench: $(READY) ## Time every stage, into benchmarks/results.md (half an hour)
	PYTHONPATH=benchmarks $(BIN)/python -m speed

lint: $(READY) ## ruff, snakefmt, snakemake --lint and mypy
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	snakemake --lint
	mypy
