# `make test` and `make demo` set up all they need inside this folder; nothing global is touched.

PYTHON ?= python3
# duckdb before 1.2, which target-duckdb needs, is not built for Python 3.14 and newer.
TARGETS_PYTHON ?= $(PYTHON)
BIN := .venv/bin
WORKFLOWS := $(wildcard .github/workflows/*.yml examples/ci/*.yml)
export UV_PYTHON_DOWNLOADS := never

.PHONY: help setup lint types test test-examples kill plant demo bench mutants pins clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  make \1: /p' Makefile

setup: .venv/.ready .venv-targets/.ready .venv-postgres/.ready .venv-meltano/.ready ## make the virtual environments

lint: .venv/.ready ## check style, dependencies, workflows, scripts and meltano.yml
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pip check
	$(BIN)/deptry tap_leadlex
	$(BIN)/check-jsonschema --builtin-schema vendor.meltano meltano.yml $(wildcard examples/*/meltano.yml)
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows $(WORKFLOWS)
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/actionlint $(WORKFLOWS)
	$(BIN)/zizmor --offline --quiet .github examples/ci
	$(BIN)/shellcheck .ci/run $(wildcard examples/*/*.sh)

kill: .venv/.ready ## stop and resume syncs at random moments, 500 times (two hours)
	$(BIN)/python scripts/kill.py --seeds 500

plant: .venv/.ready ## plant 3,000 random defects in syncs, list those that leadlex-validate misses (ten minutes)
	$(BIN)/python scripts/plant.py --seeds 3000

types: .venv/.ready ## check types
	$(BIN)/mypy tap_leadlex tests scripts benchmarks

test: setup lint types ## check style and types, run all tests but those of the examples
	$(BIN)/pytest --numprocesses=auto

test-examples: setup .venv-airflow/.ready .venv-duckdb/.ready .venv-moto/.ready ## run every example as users run it
	$(BIN)/pytest --numprocesses=auto --dist=loadfile tests/examples

demo: .venv/.ready .venv-targets/.ready ## sync a sandbox, or your workspace, into a DuckDB file
	@$(BIN)/python scripts/demo.py

bench: .venv/.ready ## compare exports, speed and memory with other tools (half an hour)
	@$(BIN)/python benchmarks/exports.py --json build/exports.json
	@$(BIN)/python benchmarks/speed.py --json build/speed.json

mutants: .venv/.ready .venv-mutants/.ready ## change the tap at MUTANTS random places (60), list the changes that no test notices
	@.venv-mutants/bin/python scripts/mutants.py --mutants $(or $(MUTANTS),60) --seed $(or $(SEED),0)

pins: .venv/.ready ## update the pins in requirements/
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

# pip, because it is what every Python has and what every package mirror is configured for.
define environment
	rm -rf $(@D)
	$(or $(ITS_PYTHON),$(PYTHON)) -m venv $(@D)
	$(@D)/bin/pip install --quiet --quiet --require-hashes --requirement $<
	@touch $@
endef

.venv/.pins: requirements/dev.txt
	$(environment)

.venv/.ready: .venv/.pins pyproject.toml
	$(BIN)/pip install --quiet --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-targets/.ready: ITS_PYTHON := $(TARGETS_PYTHON)
.venv-%/.ready: requirements/%.txt
	$(environment)

pin = UV_CUSTOM_COMPILE_COMMAND="make pins" $(BIN)/uv pip compile --quiet --upgrade --universal \
	--python-version 3.11 --generate-hashes --output-file requirements/$(1).txt $(2)
