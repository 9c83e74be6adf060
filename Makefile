# Two commands on a fresh machine: `make repro` and `make test`. `make help` lists the rest.
PYTHON ?= python3.11
BIN := .venv/bin
UV := $(BIN)/python -m uv
export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help
.PHONY: help repro test lint format bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

repro: .venv/installed ## run the whole pipeline (dvc repro) and show the leaderboard
	dvc repro
	@cat results/leaderboard.md

test: .venv/installed ## run every test
	$(BIN)/python -m pytest

lint: .venv/installed ## check style, docstrings and formatting
	ruff check .
	ruff format --check .

format: .venv/installed ## apply the formatter and the safe fixes
	ruff check --fix .
	ruff format .

bench: .venv/installed ## measure speed, each figure as a ratio to its limit in the same run
	$(BIN)/python -m benchmarks

lock: .venv/installed ## write requirements.txt from requirements.in
	$(UV) pip compile --quiet --upgrade --no-emit-index-url --no-header requirements.in -o requirements.txt

clean: ## remove everything that `make repro` can make again
	rm -rf .venv data/*.parquet data/audit.json $(addprefix data/,attention cache code features images inputs models plan predictions sample)

.venv/installed: requirements.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "$$(grep '^uv==' requirements.txt)"
	$(UV) pip install --quiet --python $(BIN)/python -r requirements.txt
	@touch $@
