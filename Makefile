# The few words of this house. `make` alone lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO ?=
PYTEST ?=
# Three files at once on two cores, for tests wait too; what a file's tests share is made once. `make test JOBS=0` runs them one after the other.
JOBS ?= 3
PARALLEL := -n $(JOBS) --dist loadfile --no-loadscope-reorder
# Whole circles, starters and browsers: `test` walks them, `quick` does not even import them.
UNSEEN := $(addprefix --ignore=tests/,ci journeys learn/test_chapters.py loop pages publishing standard starters training)

# What is collected in vain is collected by each worker: all of tests/standard is a row, the rest bears its mark in its file.
ROWS := tests/standard $(shell grep -rlE 'pytest\.mark\.(long|standard)\b' tests --include='test_*.py' | grep -v ^tests/standard/ | sort)

# The exact PyTorch, a CPU build, stands in this file alone: the package itself never replaces a maker's own.
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1
export PIP_ROOT_USER_ACTION := ignore
# The tests start Python hundreds of times: what was compiled once is kept, whatever this shell says.
unexport PYTHONDONTWRITEBYTECODE
PIP := $(BIN)/python -m pip install -qq --progress-bar off

.PHONY: help demo quick test standard nightly peers lint format docs clean
help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18

demo: .make/core ## the whole circle: a site, its visitors, a retrain, a better champion (DEMO="--seed 7 --exit")
	@stopped=; trap 'stopped=yes' INT; $(BIN)/teahouse demo $(DEMO) || test -n "$$stopped"

quick: .make/test ## the tests of the parts: no PyTorch, no browser, no whole circle; in 90 seconds
	@$(BIN)/python -m pytest $(PARALLEL) $(UNSEEN) -m "not torch and not browser and not slow and not standard and not long" $(PYTEST)

test: .make/all .make/browser ## all tests of every day
	@$(BIN)/python -m pytest $(PARALLEL) --ignore=tests/standard -m "not standard and not long" $(PYTEST)

standard: .make/all .make/browser ## the rows of the reliability, security and privacy standard, and the long roads
	@$(BIN)/python -m pytest $(PARALLEL) $(ROWS) -m "standard or long" $(PYTEST)

nightly: .make/all .make/browser ## the standard's full counts: hours
	@TEAHOUSE_KILLS=500 TEAHOUSE_CUTS=1000 TEAHOUSE_FAULTS=100 TEAHOUSE_UPLOADS=1000 TEAHOUSE_MUTATIONS=10000 TEAHOUSE_API_CASES=2000 TEAHOUSE_FUZZ_SECONDS=600 TEAHOUSE_FUZZ_SEED=0 \
		TEAHOUSE_EXACT=1 TEAHOUSE_WORKER_KILLS=200 TEAHOUSE_DEADLINE_S=10 TEAHOUSE_SLOW=1000 TEAHOUSE_SLOW_S=120 \
		TEAHOUSE_OVERLOAD_S=600 TEAHOUSE_STEPS=50 TEAHOUSE_FLOOD=10000 TEAHOUSE_LAST_CREDITS=200 TEAHOUSE_SPENDS=500 TEAHOUSE_LEDGER_STEPS=10000 TEAHOUSE_LEDGER_FLIPS=200 \
		TEAHOUSE_OFFLINE_WHOLE=1 $(BIN)/python -m pytest -m "standard" $(PYTEST)

peers: .make/peers/made ## the servers that benchmarks/serving.py measures beside this one, in an environment of their own

lint: .make/all ## ruff and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports

format: .make/all ## what ruff can mend by itself
	@$(BIN)/ruff check --fix .

docs: .make/test ## write the generated pages of docs/ anew
	@$(BIN)/python scripts/write_docs.py

clean: ## remove the virtual environment and every stamp
	rm -rf $(VENV) .make

$(BIN)/python:
	@PYTHON="$(PYTHON)" VENV="$(VENV)" bash scripts/make_venv.sh

.make/core: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing the serving core (a minute or two) …"
	@$(PIP) -e .
	@mkdir -p .make && touch $@

.make/test: .make/core
	@echo "Installing what the tests need …"
	@$(PIP) -e '.[test]'
	@touch $@

.make/all: .make/test
	@echo "Installing PyTorch (CPU) and the developers' tools …"
	@$(PIP) -e '.[train,dev]'
	@touch $@

.make/peers/made: benchmarks/peers.txt
	@echo "Installing the peers (a few minutes) …"
	@mkdir -p .make && PYTHON="$(PYTHON)" VENV=.make/peers bash scripts/make_venv.sh
	@.make/peers/bin/python -m pip install -qq --progress-bar off -r $<
	@touch $@

.make/browser: scripts/need_chromium.sh
	@bash scripts/need_chromium.sh
	@mkdir -p .make && touch $@
