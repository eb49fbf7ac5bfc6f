# `make demo` and `make test` set everything up on first use: a virtual environment in .venv with the packages of
# pyproject.toml. `make demo` installs what the demo needs, `make test` everything.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test conformance quick bench lint format clean

demo: .venv/.demo
	$(BIN)/imagebind-hf demo

test: .venv/.dev lint
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --doctest-modules src

# Runs transformers' common tests on our classes; downloads its source distribution on first use.
conformance: .venv/.dev
	OMP_NUM_THREADS=1 $(BIN)/python tests/conformance/harness.py -q -n 2 -rfE

# Leaves out the slow tests.
quick: .venv/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 -m "not slow"

# Writes benchmarks/RESULTS.md; takes about twenty minutes on two idle cores.
bench: .venv/.dev
	$(BIN)/python benchmarks/all.py --quick

lint: .venv/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: .venv/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# A mark appears when its installation is complete, so an interrupted one is repeated. Neither removes packages of the
# other.
.venv/.demo .venv/.dev: .venv/.%: pyproject.toml | .venv/bin/python
	@echo "Installing the packages for 'make $(if $(filter dev,$*),test,demo)' into .venv (PyTorch is most of the download) …"
	$(BIN)/python -m pip install --progress-bar on --editable ".[$*]"
	@touch $@

.venv/bin/python:
	$(PYTHON) -m venv .venv

clean:
	rm -rf .venv outputs
