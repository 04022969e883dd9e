# Every target brings what it needs; `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help demo run test lint bench soak audit lock words screenshots browser clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

demo: $(BIN)/.runtime ## the main job end to end on this machine; KEEP=1 leaves everything up, SITE=difficult spoils the site
	$(BIN)/python -m sandbox.demo $(if $(KEEP),--keep) $(if $(SITE),--site $(SITE))

run: $(BIN)/.runtime ## web, workers and clock against the configured services
	$(BIN)/python -m app run

test: $(BIN)/.development browser ## lint, types, import contracts and every test, a real browser included, side by side
	$(BIN)/python -m tests

lint: $(BIN)/.development ## ruff, mypy, import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(BIN)/.development ## the project's own benchmarks, into bench/results.json; ONLY=web for those of the doors
	$(BIN)/python -m bench $(ONLY)

soak: $(BIN)/.development browser ## what takes longer: hostile requests, a whole site, storms, crashes, faults, fairness
	$(BIN)/python -m pytest -q --at-scale tests/integration/ingest/planning/test_tenant_schedule.py \
	  tests/integration/ingest/live/test_drain.py \
	  tests/integration/bench tests/integration/embedded/test_sharing.py \
	  tests/attacks/inbound/test_openapi.py tests/attacks/inbound/test_bodies.py tests/attacks/inbound/test_lifecycle.py \
	  tests/story/faults/test_memory.py tests/story/faults/test_two_machines.py tests/story/faults/test_crash.py \
	  tests/story/test_demo.py
	$(BIN)/python -m tests.attacks.hostile 10000
	$(BIN)/python -m tests.soak completeness
	$(BIN)/python -m tests.soak storm
	$(BIN)/python -m tests.soak storm --kills 10
	$(BIN)/python -m tests.soak crashes
	$(BIN)/python -m tests.soak faults
	$(BIN)/python -m tests.soak fairness

audit: $(BIN)/.development ## ask the advisory databases about every locked version
	$(BIN)/python -m tests.architecture.dependencies.audit

browser: $(BIN)/.development
	sh tests/browser.sh $(BIN)/playwright

words: $(BIN)/.development ## take marked words into the catalogues of the other languages, and compile these
	$(BIN)/python -m tests.words

screenshots: $(BIN)/.development browser ## every page and state into docs/screens
	$(BIN)/python -m pytest -q tests/story/pages/take_screenshots.py

lock: $(BIN)/.development ## resolve pyproject.toml into the two lock files
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  -o requirements.lock pyproject.toml
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  --group dev -o requirements-dev.lock pyproject.toml

clean: ## remove what was built; data in var/ stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(PYTHON) -m venv .venv

$(BIN)/.runtime: requirements.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	touch $@

$(BIN)/.development: requirements-dev.lock | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	touch $@ $(BIN)/.runtime
