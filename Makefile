# Every target installs what it needs into .venv by itself; `make .venv` does that alone.
PYTHON ?= python3
DATA ?= ../shared/data
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt
# Three workers keep two cores busy, since many tests wait for a server or a process. A file of tests is one
# worker's, so that what its tests share is made once.
PYTEST := $(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder

.PHONY: help demo check test lint docs fuzz bench pretrained .venv clean

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

demo: .venv/demo-installed ## a few minutes from nothing to a face that speaks
	$(BIN)/s2f demo demo

check: lint ## after every change: lint, types, and the tests that are quick
	$(PYTEST)

test: .venv/test-installed ## all tests
	$(PYTEST) -m ""

lint: .venv/test-installed ## style, format, types
	mkdir -p build/types/s2f
	ln -sfn ../../../pipeline build/types/s2f/pipeline
	ln -sfn ../../../model build/types/s2f/model
	ln -sfn ../../../pipeline/app/api/__init__.py build/types/s2f/__init__.py
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy -p s2f

docs: .venv/docs-installed ## these pages as a site, build/docs/index.html; a link that leads nowhere is an error
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --fresh-env --doctree-dir build/doctrees docs build/docs

fuzz: .venv/test-installed ## ten thousand damaged videos, photos and sounds; about half an hour
	S2F_FUZZ=10000 $(PYTEST) -m "" tests/pipeline/test_fuzz.py

bench: .venv/test-installed ## speed, against a baseline measured in the same run
	$(BIN)/python -m pytest -m "" -o python_files='bench_*.py' tests/benchmarks -s

pretrained: .venv/test-installed ## the weights of the package, from the corpora in DATA; hours
	$(BIN)/python -m s2f.pipeline.app.pretraining $(DATA) build/pretrained

clean: ## delete what these targets made
	rm -rf .venv build demo docs/reference

.venv: .venv/test-installed

.venv/demo-installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable ".[demo]"
	touch $@

.venv/docs-installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable ".[docs]"
	touch $@

.venv/test-installed: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --editable ".[demo,test]"
	# Without its dependencies: it asks for the OpenCV that needs a system's libGL.
	$(PIP) --no-deps mediapipe
	touch $@ .venv/demo-installed .venv/docs-installed

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "s2f needs Python 3.11 or later: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
