# Everything runs from a fresh clone: each target makes the environment it needs.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: help demo test lint types format bench audit-torch audit-packages clean
.DEFAULT_GOAL := help

help:  ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/demo: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv (a few minutes, once) ..."
	@$(PIP) --editable '.[demo]'
	@touch $@

.venv/dev: .venv/bin/python pyproject.toml constraints.txt
	@echo "Installing into .venv (a few minutes, once) ..."
	@$(PIP) --editable '.[dev]'
	@touch $@ .venv/demo

demo: .venv/demo  ## check the seed, a published package and a broken layer
	@$(BIN)/python examples/demo.py

test: .venv/dev  ## run every test, the README's among them
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --quiet

lint: .venv/dev  ## ruff: lint and format, nothing rewritten
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/dev  ## mypy --strict
	$(BIN)/mypy

format: .venv/dev  ## rewrite what ruff can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/dev  ## calls and seconds beside torch's gradcheck, as ratios
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m benchmarks

audit-torch: .venv/dev  ## the check over PyTorch's operator database, minutes
	$(BIN)/python -m audits.torch_ops

audit-packages: .venv/dev  ## audit and watch published packages, in a venv of their own
	$(BIN)/python -m audits.packages

clean:  ## remove the environment and what builds leave
	rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache
