# The lab in two commands: `make run` serves it, `make test` checks it. Both set up what they need.
PYTHON ?= python3
PORT ?= 8501
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test fast lint bench setup setup-dev clean

run: setup
	$(BIN)/streamlit run app.py --server.port $(PORT)

test: setup-dev lint
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python -c 'from mnist_core.training.data import load; load("mnist")'
	LAB_EXAMPLES=2000 $(BIN)/pytest -n 2 -m "not browser and not mnist"
	$(BIN)/pytest -m "browser or mnist" --durations=12

fast: setup-dev
	$(BIN)/pytest -n 2

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: setup-dev
	$(BIN)/python tests/browser/chromium.py
	$(BIN)/python benchmarks/all.py

setup: $(VENV)/.run
setup-dev: $(VENV)/.dev

# uv installs several times faster than pip and shares its cache between checkouts. It does not know pip's own
# settings (a mirror, a certificate): where it cannot install, pip does.
install = $(BIN)/uv pip install --quiet --python $(BIN)/python -r $(1) || $(BIN)/python -m pip install -r $(1)

$(BIN)/uv:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; choose one with make PYTHON=python3.11") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

$(VENV)/.run: $(BIN)/uv requirements.txt
	$(call install,requirements.txt)
	$(BIN)/python -m mnist_core.training.processor
	touch $@

$(VENV)/.dev: $(BIN)/uv requirements.txt requirements-dev.txt
	$(call install,requirements-dev.txt)
	$(BIN)/python -m mnist_core.training.processor
	touch $@ $(VENV)/.run

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
