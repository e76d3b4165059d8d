.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --quiet

.PHONY: help setup demo serve test test-first test-rest thorough browser check lint fix bench bench-full lock clean

help: ## Show what each target does
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

.venv/run: requirements/build.txt requirements/run.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "reinstate needs Python 3.11 or later: make $(MAKECMDGOALS) PYTHON=python3.13"; exit 2; }
	@$(PYTHON) -m venv .venv
	@echo "Installing the locked requirements ..."
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt -r requirements/run.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $@

.venv/dev: .venv/run requirements/dev.txt
	@$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

setup: .venv/run ## Make .venv with the locked requirements and the project

demo: setup ## Replay the Carenotes recovery and serve it on http://127.0.0.1:8000
	@$(BIN)/reinstate demo

serve: setup ## Serve the API on DATABASE_URL, or on the embedded PostgreSQL
	@$(BIN)/reinstate serve

test: .venv/dev ## Run every test but those in a browser, in two halves at once
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=target test-first test-rest

FIRST := tests/isolation tests/lifecycle tests/outlook tests/people tests/readiness tests/reinstatement

test-first: .venv/dev
	@$(BIN)/pytest $(FIRST)

test-rest: .venv/dev
	@$(BIN)/pytest --ignore tests/browser $(addprefix --ignore ,$(FIRST))

thorough: .venv/dev ## Run whatever is generated or sampled at length (hours)
	@$(BIN)/pytest --thorough tests/lifecycle/test_lifecycle.py tests/isolation tests/test_as_known_at.py

browser: .venv/dev ## Look at the pages in Debian's chromium, by keyboard alone
	@$(BIN)/pytest tests/browser

check: .venv/dev lint test browser ## What CI runs: linters, types, import rules, tests

lint: .venv/dev ## Linters, types and import rules alone
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

fix: .venv/dev ## Format, and mend what the linter can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: .venv/run ## Measure beside limits and peers at seed scale (needs wrk and npm; some 11 minutes)
	@$(BIN)/python -m bench

bench-full: .venv/run ## The same in more rounds, at national scale too, and how cost grows (an hour)
	@$(BIN)/python -m bench --full

lock: .venv/dev ## Lock the requirements again, hashed, without any registry's address
	@$(LOCK) --group build --output-file requirements/build.txt
	@$(LOCK) pyproject.toml --output-file requirements/run.txt
	@$(LOCK) pyproject.toml --group dev --output-file requirements/dev.txt

clean: ## Remove what was built; the demo's data stays
	@rm -rf .venv dist build .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
