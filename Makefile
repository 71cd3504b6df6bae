# Everything sets itself up: the first target that needs .venv makes it. PYTHON names the interpreter to make it with.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help audit test proof check matrix bench comparison clean

help:
	@echo "make audit    audit examples/shop and show the report"
	@echo "make test     run the tests"
	@echo "make proof    make tasks of every kind in fresh projects, and try each there (minutes)"
	@echo "make check    ruff, mypy --strict and the layers"
	@echo "make matrix   the tests on every Python and Celery supported, as far as they are to be had"
	@echo "make bench    what an audit costs, as ratios"
	@echo "make comparison  what other tools find of sixty planted mistakes"
	@echo "make clean    remove the environments"

$(VENV)/.ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "celerycheck needs Python 3.10 or newer: make PYTHON=python3.12 ..."; exit 1; }
	@echo "setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group check
	@touch $@

# The report's exit code is 1, because the example has mistakes to show; here that is a success.
audit: $(VENV)/.ready
	@$(BIN)/celerycheck audit shop --workdir examples/shop; test $$? -eq 1

# Of the slow proofs of new-task, one of each kind and framework is enough here.
test: $(VENV)/.ready
	@$(BIN)/python -m pytest --numprocesses=auto -k "smoke or not proof"

proof: $(VENV)/.ready
	@$(BIN)/python -m pytest --numprocesses=auto -m proof

check: $(VENV)/.ready
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

matrix:
	@.ci/matrix

bench: $(VENV)/.ready
	@$(BIN)/python -m benchmarks

comparison: $(VENV)/.ready
	@$(BIN)/python -m benchmarks comparison

clean:
	rm -rf .venv .venv-matrix .venv-bench
