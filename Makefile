# `make demo` and `make test` do all the set-up on first use: a virtual environment in .venv, filled from pyproject.toml.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test conformance quick bench lint format clean

demo: .venv/.complete
	$(BIN)/imagebind-hf demo

test: .venv/.complete lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --doctest-modules src

# transformers' own common tests on our classes; downloads its source distribution on first use.
conformance: .venv/.complete
	OMP_NUM_THREADS=1 $(BIN)/python tests/conformance/harness.py -q -n 2 -rfE

# Without the slow tests.
quick: .venv/.complete
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow"

# Writes benchmarks/RESULTS.md; about twenty minutes on two quiet cores.
bench: .venv/.complete
	$(BIN)/python benchmarks/all.py --quick

lint: .venv/.complete
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: .venv/.complete
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The mark appears only when everything is installed, so that a broken installation is done again.
.venv/.complete: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[dev]"
	@touch $@

clean:
	rm -rf .venv outputs
