# `make test` and `make demo` install everything they need inside this folder, and nothing outside.

PYTHON ?= python3
# target-duckdb needs duckdb before 1.2, which has no wheel for Python 3.14 and newer.
TARGETS_PYTHON ?= $(PYTHON)
BIN := .venv/bin
WORKFLOWS := $(wildcard .github/workflows/*.yml examples/ci/*.yml)
FORMS := $(filter-out %/config.yml,$(wildcard .github/ISSUE_TEMPLATE/*.yml))
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup lint types check test coverage test-examples kill histories plant demo bench mutants pins clean

help: ## list all targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1: /p' Makefile

setup: .venv/.ready .venv-targets/.ready .venv-postgres/.ready .venv-meltano/.ready ## create the virtual environments

lint: .venv/.ready ## check style, dependencies, workflows, scripts and meltano.yml
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pip check
	$(BIN)/deptry tap_leadlex
	$(BIN)/check-jsonschema --builtin-schema vendor.meltano meltano.yml $(wildcard examples/*/meltano.yml)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-forms $(FORMS)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml
	$(BIN)/actionlint $(WORKFLOWS)
	$(BIN)/zizmor --offline --quiet .github examples/ci
	$(BIN)/shellcheck .ci/run $(wildcard examples/*/*.sh)

types: .venv/.ready ## check types
	$(BIN)/mypy tap_leadlex tests scripts benchmarks

check: lint types ## run the linters, the type checker and the fast tests (two minutes)
	$(BIN)/pytest --numprocesses=auto -m "not slow"

test: setup lint types ## run the linters, the type checker and all tests except those of the examples
	$(BIN)/pytest --numprocesses=auto

coverage: setup ## run all tests except those of the examples, and check their coverage
	$(BIN)/pytest --numprocesses=auto --cov --cov-report=term:skip-covered

test-examples: setup .venv-airflow/.ready .venv-duckdb/.ready .venv-moto/.ready ## run every example the way users run it
	$(BIN)/pytest --numprocesses=auto --dist=loadfile tests/examples

demo: .venv/.ready .venv-targets/.ready ## sync a sandbox, or your workspace, into a DuckDB file
	@$(BIN)/python scripts/demo.py

kill: .venv/.ready ## stop and resume syncs at random moments, 500 times (two hours)
	$(BIN)/python scripts/kill.py --seeds 500

histories: .venv/.ready ## sync workspaces that change at random, 500 for each way to sync them (fifteen minutes)
	$(BIN)/pytest --numprocesses=auto --hypothesis-profile=many tests/test_histories.py

plant: .venv/.ready ## plant 3,000 random defects in syncs, list those that leadlex-validate misses (ten minutes)
	$(BIN)/python scripts/plant.py --seeds 3000

bench: .venv/.ready ## compare exports, speed and memory with other tools (half an hour)
	@$(BIN)/python benchmarks/exports.py --json build/exports.json
	@$(BIN)/python benchmarks/repair.py --json build/repair.json
	@$(BIN)/python benchmarks/speed.py --json build/speed.json

mutants: .venv/.ready .venv-mutants/.ready ## change the tap at MUTANTS random places (60), and list the changes that no test detects
	@.venv-mutants/bin/python scripts/mutants.py --mutants $(or $(MUTANTS),60) --seed $(or $(SEED),0)

pins: .venv/.ready ## update the pinned versions in requirements/
	$(call pin,dev,--group dev --all-extras pyproject.toml)
	$(call pin,targets,requirements/targets.in)
	$(call pin,duckdb,requirements/duckdb.in)
	$(call pin,postgres,requirements/postgres.in)
	$(call pin,meltano,requirements/meltano.in)
	$(call pin,airflow,requirements/airflow.in)
	$(call pin,moto,requirements/moto.in)
	$(call pin,mutants,requirements/mutants.in)

clean: ## remove the virtual environments and the output of demo and benchmarks
	rm -rf .venv .venv-* .demo build

# pip, because every Python has it and every package mirror is configured for it.
define environment
	@echo "Installing the $$(grep -c == $<) packages of $< into $(@D)"
	@rm -rf $(@D)
	@$(or $(ITS_PYTHON),$(PYTHON)) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --quiet --require-hashes --requirement $<
	@touch $@
endef

.venv/.pins: requirements/dev.txt
	$(environment)

.venv/.ready: .venv/.pins pyproject.toml
	@echo "Installing tap-leadlex into .venv"
	@$(BIN)/pip install --quiet --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-targets/.ready: ITS_PYTHON := $(TARGETS_PYTHON)
.venv-%/.ready: requirements/%.txt
	$(environment)

pin = UV_CUSTOM_COMPILE_COMMAND="make pins" $(BIN)/uv pip compile --quiet --upgrade --universal \
	--python-version 3.11 --generate-hashes --output-file requirements/$(1).txt $(2)
