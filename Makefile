# Two commands on a fresh machine: `make repro` and `make test`. `make help` lists the rest.
# The newest that runs: a name on the PATH may be a shim without a Python behind it.
PYTHON ?= $(or $(firstword $(foreach p,python3.13 python3.12 python3.11,$(if $(shell $(p) -c 'print(1)' 2>/dev/null),$(p)))),\
	$(error there is no Python 3.11, 3.12 or 3.13; name one: make $(MAKECMDGOALS) PYTHON=/its/path))
BIN := .venv/bin
UV := $(BIN)/python -m uv
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help
.PHONY: help repro page test quick lint format bench bench-scale lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

repro: .venv/installed ## run the whole pipeline (dvc repro) and show the leaderboard
	@find -L data/files -type l -exec rm {} + 2>/dev/null || true  # to what is gone: dvc stops at them
	dvc repro
	@cat results/leaderboard.md

page: .venv/installed ## a local page that asks the trained systems and shows what was found
	$(BIN)/python -m pipeline.page

test: .venv/installed ## run every test, on all cores
	$(BIN)/python -m pytest -n logical --dist loadfile

quick: .venv/installed ## run the tests that take no time: a minute on one core
	$(BIN)/python -m pytest -m "not slow"

lint: .venv/installed ## check style, docstrings, formatting and types
	ruff check .
	ruff format --check .
	basedpyright

format: .venv/installed ## apply the formatter and the safe fixes
	ruff check --fix .
	ruff format .

bench: .venv/installed ## measure speed, each figure as a ratio to its limit in the same run
	$(BIN)/python -m benchmarks

bench-scale: .venv/installed ## measure what each stage costs as posts grow (SIZES="3000 10000" tries it small)
	$(BIN)/python -m benchmarks.scale $(SIZES)

lock: .venv/installed ## write requirements.txt from requirements.in
	$(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --no-emit-index-url --no-header requirements.in -o requirements.txt

clean: ## remove everything that `make repro` can make again
	rm -rf .venv data/*.parquet data/audit.json data/candidates.json $(addprefix data/,attention cache code features files images inputs models plan predictions reasons sample times)

.venv/installed: requirements.txt
	@$(BIN)/python -c '' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements.txt)"
	$(UV) pip install --quiet --python $(BIN)/python -r requirements.txt
	@touch $@
