# Every target prepares what it needs by itself; `make .venv` does that alone.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test lint bench .venv clean

demo: .venv
	$(BIN)/s2f demo demo

test: .venv
	$(BIN)/python -m pytest

lint: .venv
	mkdir -p build/types/s2f
	ln -sfn ../../../pipeline build/types/s2f/pipeline
	ln -sfn ../../../model build/types/s2f/model
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p s2f.pipeline -p s2f.model

bench: .venv
	$(BIN)/python -m pytest -o python_files='bench_*.py' tests/benchmarks -s

.venv: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "s2f needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[demo,test]"
	# Without its dependencies: it asks for the OpenCV that needs a system's libGL.
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --no-deps mediapipe
	touch $@

clean:
	rm -rf .venv build demo
