# Needs python3 (3.11 or newer) with venv, and make; nothing else has to be installed by hand.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=

# pip never resolves anything here: the lock is complete, and a file whose hash differs is refused.
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet --no-deps
LOCKED := $(INSTALL) --require-hashes
# The tool that writes the lock files. It is needed for nothing else and stays out of $(VENV).
UV_VERSION := 0.13.9
COMPILE := build/lock-venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
	--custom-compile-command "make lock" --extra postgres $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help run test check format schema approve-history bench lock upgrade wheel clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/.run ## serve config.example.yaml on 127.0.0.1:8095
	$(BIN)/ingestd serve --config.file=config.example.yaml $(ARGS)

test: $(VENV)/.dev ## run the tests (ARGS="-k page" narrows them), on all cores
	$(BIN)/python -m pytest -q -n auto --dist loadgroup $(ARGS)

check: $(VENV)/.dev ## lint, format, types and the rules of the architecture
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/tidy

format: $(VENV)/.dev ## put the code into its format and mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

schema: $(VENV)/.run ## write schema/, docs/cli.md and docs/rules/reference.md anew from the models and commands
	$(BIN)/ingestd write-schema schema
	$(BIN)/ingestd write-documentation >docs/cli.md
	$(BIN)/ingestd write-documentation rules >docs/rules/reference.md

approve-history: $(VENV)/.dev ## what is decided now about tests/history is what ought to be decided
	$(BIN)/python -m tests.history.approve

bench: $(VENV)/.dev ## measure intake and the way through, against a bare HTTP handler
	$(BIN)/python tests/bench/run.py $(ARGS)

lock: build/lock-venv/bin/uv ## write the lock files anew after a change of the dependencies; keeps versions where it can
	printf 'hatchling\neditables\n' | $(COMPILE) --extra dev --output-file requirements-dev.lock - pyproject.toml
	printf 'hatchling\neditables\n' | $(COMPILE) --constraint requirements-dev.lock --output-file requirements.lock - pyproject.toml

upgrade: ## write the lock files anew with the newest versions
	$(MAKE) lock UPGRADE=--upgrade

wheel: $(VENV)/.run ## build the wheel into dist/
	$(BIN)/python -m hatchling build -t wheel

clean: ## remove what make made, but not var/, which is data
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The stamps: a lock or pyproject.toml that is newer than its stamp is installed again.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	$(LOCKED) -r requirements.lock
	$(INSTALL) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml | $(BIN)/python
	$(LOCKED) -r requirements-dev.lock
	$(INSTALL) --no-build-isolation --editable .
	@touch $@ $(VENV)/.run

build/lock-venv/bin/uv: Makefile
	$(PYTHON) -m venv build/lock-venv
	build/lock-venv/bin/python -m pip --disable-pip-version-check install --quiet uv==$(UV_VERSION)
	@touch $@
