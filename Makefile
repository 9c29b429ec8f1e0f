# Each target works on a fresh clone: it makes the environment first. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint bench docs clean environment

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# The first on the PATH that fits and can make environments; PYTHON=/path/to/python3.12 chooses another.
FITS := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
PYTHON ?= $(shell for candidate in python3.13 python3.12 python3.11 python3; do \
	"$$candidate" -c '$(FITS)' 2>/dev/null && command -v "$$candidate" && break; done)
PIP = $(BIN)/python -m pip install --disable-pip-version-check --no-deps --no-compile
PROVIDER := tests/identity_provider
# Each process has a PostgreSQL of its own; the tests of a file stay together, and the longest files come first.
SIDE_BY_SIDE := -n 2 --dist loadfile --no-loadscope-reorder
CHROMIUMS := chromium chromium-browser google-chrome google-chrome-stable

help: ## List the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 22

demo: $(STAMP) ## Run the product with a simulated company in it; Ctrl-C ends it
	@exec $(BIN)/dpp demo $(ARGS)

test: $(STAMP) ## Run every test, the browser's included: make test ARGS="-k forecast"
	@for name in $(CHROMIUMS); do command -v "$$name" >/dev/null && exit 0; done; \
	echo "No Chromium found, which the browser tests drive: apt-get install chromium" >&2; \
	if [ "$${CI:-}" = true ]; then exit 1; else echo "Without it they are skipped." >&2; fi
	@if command -v npm >/dev/null; then $(MAKE) --no-print-directory $(PROVIDER)/node_modules/.package-lock.json; else \
	echo "No npm found, which installs the tests' identity provider: apt-get install nodejs npm" >&2; \
	if [ "$${CI:-}" = true ]; then exit 1; else echo "Without it some tests are skipped." >&2; fi; fi
	@exec $(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

$(PROVIDER)/node_modules/.package-lock.json: $(PROVIDER)/package-lock.json
	@npm ci --prefix $(PROVIDER) --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

lint: $(STAMP) ## Run every static check
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar dbt_project/models

bench: $(STAMP) ## Run the benchmarks (minutes)
	@$(BIN)/python -m benchmarks.git_extraction
	@$(BIN)/python -m benchmarks.freshness
	@$(BIN)/python -m benchmarks.forecast
	@exec $(BIN)/python -m benchmarks.demo

docs: $(STAMP) ## Write docs/metrics.md anew from the catalogue, the published cases and the tiers
	@exec $(BIN)/python -m app.reports.metrics_page

clean: ## Remove the environment and everything generated; the demo's data in .dpp stays
	@rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@rm -rf dbt_project/target dbt_project/logs dbt_project/dbt_packages
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment: $(STAMP) ## Make the environment of the committed lock, and nothing else

# Bytecode is compiled here, once: an environment without it (PYTHONDONTWRITEBYTECODE) would compile the
# imports again at every start, seconds for dbt and Dagster each.
$(STAMP): requirements.lock pyproject.toml
	@if ! "$(PYTHON)" -c '$(FITS)' 2>/dev/null; then \
		echo "No Python 3.11, 3.12 or 3.13 that can make virtual environments was found." >&2; \
		echo "Install one: apt-get install python3 python3-venv (or name one: make PYTHON=/path/to/python3.12)" >&2; \
		exit 1; fi
	@echo "… Python environment in $(VENV), from requirements.lock (some minutes the first time)"
	@if [ ! -x $(BIN)/python ]; then rm -rf $(VENV) && "$(PYTHON)" -m venv $(VENV); fi
	@$(PIP) --require-hashes -r requirements.lock 2>$(VENV)/pip.log | awk \
		-v total=$$(grep -c '==' requirements.lock) -v terminal=$$([ -t 1 ] && echo 1 || echo 0) \
		'/^(Collecting|Processing)/ { n++; if (terminal) printf "\r  %d of %d packages ", n, total; else if (n % 50 == 0) print "  " n " of " total " packages"; fflush() } \
		/^Installing/ { if (terminal) printf "\r"; print "  unpacking " n " packages …"; fflush() }' \
		|| { tail -n 20 $(VENV)/pip.log >&2; exit 1; }
	@$(PIP) --quiet --no-build-isolation -e . 2>$(VENV)/pip.log || { tail -n 20 $(VENV)/pip.log >&2; exit 1; }
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m compileall -q -j 0 $(VENV)/lib core ingestion orchestration app || true
	@touch $(STAMP)
	@echo "✓ Python environment"
