# `make` alone prints the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
# dozens of processes would each compile the code anew
unexport PYTHONDONTWRITEBYTECODE
MAKEFLAGS += --no-print-directory --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(firstword $(foreach name,python3.11 python3 python3.12 python3.13 python3.14,$(shell \
	$(name) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && command -v $(name))))
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq
SETUP := $(VENV)/.setup
BENCH := $(VENV)/.bench
CHECKED := exchange adapters stewards dags demo benchmarks tools

help: ## print this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-14s %s\n", $$1, $$2 }'

setup: $(SETUP) ## make .venv with everything the other targets need (Python 3.11 or later)
	@echo "ready: $(BIN)/hechuan"

$(SETUP): locks/dev.lock pyproject.toml
	@[[ -n "$(PYTHON)" ]] || { echo "Python 3.11 or later is needed; name one: make setup PYTHON=/path/to/python" >&2; exit 1; }
	@[[ -x $(BIN)/python ]] || { echo "making $(VENV) with $$($(PYTHON) -V) ($(PYTHON))"; $(PYTHON) -m venv $(VENV); }
	@echo "installing locks/dev.lock"
	@$(PIP) --require-hashes -r locks/dev.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
	@rm -f $(BENCH)

demo: $(SETUP) ## two hubs, seven agencies, a correction and a case in a minute; DATA=<CNEMC 4-hour CSV> for real input
	@$(BIN)/python -m demo $(if $(DATA),--data "$(DATA)")

demo-airflow: $(SETUP) ## a steward's day: a bad batch and two banks that differ, by Airflow's DAGs, in about a minute
	@$(BIN)/python -m demo.airflow

airflow: $(SETUP) ## Airflow with our DAGs at http://localhost:8080; AGENCY=<directory of the steward's agency>
	@$(if $(AGENCY),HECHUAN_HOME="$(AGENCY)") $(BIN)/python -m stewards

test: $(SETUP) ## the everyday tests, a file at a time on each core; ARGS= goes to pytest
	@$(BIN)/python -m pytest --numprocesses logical --maxprocesses 4 --dist loadfile $(ARGS)

soak: $(SETUP) ## kill -9 hub and gateway again and again, a million fuzzed frames, every suite; ARGS= goes to pytest
	@HECHUAN_KILLS=$${HECHUAN_KILLS:-200} HECHUAN_GATEWAY_KILLS=$${HECHUAN_GATEWAY_KILLS:-50} \
		HECHUAN_FUZZED_FRAMES=$${HECHUAN_FUZZED_FRAMES:-500000} HECHUAN_SUITES=all \
		HECHUAN_AWAY_SECONDS=$${HECHUAN_AWAY_SECONDS:-600} HECHUAN_BAD_ROWS=$${HECHUAN_BAD_ROWS:-1000000} \
		$(BIN)/python -m pytest tests/e2e/test_airflow_faults.py tests/e2e/test_kill.py tests/e2e/test_gateway.py \
		tests/unit/adapters/test_hj212.py tests/unit/adapters/test_sl651.py tests/properties/test_suites.py \
		--timeout 3600 $(ARGS)

bench: $(BENCH) ## compare with peers, write build/bench.json; ONLY=publish,query picks figures by prefix
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only "$(ONLY)")

$(BENCH): locks/bench.lock $(SETUP)
	@echo "installing locks/bench.lock"
	@$(PIP) --require-hashes -r locks/bench.lock
	@touch $@

check: lint types layers drift buf ## every check that runs no test

lint: $(SETUP) ## ruff: rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

format: $(SETUP) ## let ruff format and mend what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: $(SETUP) ## mypy --strict
	@$(BIN)/mypy --strict $(CHECKED)

layers: $(SETUP) ## import-linter: the rooms and what may import what
	@$(BIN)/lint-imports --no-logo

protos: $(SETUP) ## write exchange/v1 anew from protos/
	@$(BIN)/python -m tools.generate

drift: $(SETUP) ## fail if generated code or contract pages are not what their sources give
	@$(BIN)/python -m tools.generate --check
	@$(BIN)/hechuan contracts docs --check

buf: $(SETUP) ## lint the protos; fail on a break against the last release
	@$(BIN)/buf lint
	@$(BIN)/python -m tools.release --check

release-protos: $(SETUP) ## keep this version's protos as the release that later ones must not break
	@$(BIN)/python -m tools.release

docs: $(SETUP) ## run the commands that README.md and docs/adapters.md show and compare what they print
	@$(BIN)/python -m tools.check_docs README.md docs/adapters.md

lock: ## resolve locks/ anew; needs uv in PATH; UPGRADE=1 takes newer versions
	@tools/lock $(if $(UPGRADE),--upgrade)

clean: ## remove everything that can be made again, .venv too
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +
	@echo "clean"

.PHONY: help setup demo demo-airflow airflow test soak bench check lint format types layers protos drift buf release-protos docs lock clean
