# make run    every notebook under current law -> output/latest/report.html
# make test   the whole test suite
# make lab    the notebooks in JupyterLab
# make lint   style, format, types and the order of the modules
# make docs   the documentation -> docs/_build/html/index.html
# make bench  how fast the core is; beside other packages after `make peers`
# make lock   newer pins in requirements.lock
# make readme the charts of the README from the newest run, and the policy lab as a browser shows it
# make clean  remove what the others made (the runs in output/ stay)
#
# Needs Python >= 3.11 and a network for the first call. Another interpreter: make PYTHON=python3.13 test

PYTHON ?= python3
ARGS ?=

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed-at
INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --quiet

# The stamp holds the folder it was made in. A moved checkout, or an interpreter that has since been
# removed, leaves a .venv that looks finished and cannot run: forget its stamp, so it is made again.
$(shell test "$$(cat $(STAMP) 2>/dev/null)" = "$(CURDIR)" && test -x $(BIN)/python || rm -f $(STAMP))

.DEFAULT_GOAL := help
.PHONY: help run test lab lint docs bench peers lock readme clean

help:
	@sed -n 's/^# make /make /p' Makefile

run: $(STAMP)
	$(BIN)/tariffmodel run $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(ARGS)

lab: $(STAMP)
	$(BIN)/tariffmodel lab $(ARGS)

lint: $(STAMP)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/lint-imports --no-logo
	$(BIN)/mypy

docs: $(STAMP)
	$(BIN)/python -m sphinx -W --keep-going --jobs auto -b html docs docs/_build/html $(ARGS)

bench: $(STAMP)
	$(BIN)/python -m pytest benchmarks $(ARGS)

# The stamp is the last thing written and --clear the first thing done, so a call that was cut short
# is repaired by the next one. Nothing unpinned is fetched: the lock carries hashes for everything,
# the build backend included, and the package itself is built without a network.
$(STAMP): pyproject.toml requirements.lock
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "tariffmodel needs Python 3.11 or newer; '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1). Name another: make PYTHON=python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' || { \
	  echo "'$(PYTHON)' comes without venv; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Setting up $(VENV) (a few minutes, only once)"
	@"$(PYTHON)" -m venv --clear $(VENV)
	@$(INSTALL) --only-binary :all: --require-hashes -r requirements.lock
	@$(INSTALL) --no-index --no-deps --no-build-isolation --editable .
	@echo "$(CURDIR)" > $@

peers: $(STAMP)
	$(INSTALL) --requirement benchmarks/peers.txt

readme:
	for name in 02_bill 05_car_and_bill 08_gains_and_losses; do cp output/latest/charts/$$name.png docs/; done
	LAB_PICTURE=docs/policy_lab.png $(BIN)/python -m pytest -q tests/test_lab_browser.py  # needs Chromium

lock:
	"$(PYTHON)" -m venv --clear .venv-lock
	.venv-lock/bin/python -m pip install --disable-pip-version-check --quiet uv
	UV_CUSTOM_COMPILE_COMMAND="make lock" .venv-lock/bin/uv pip compile pyproject.toml \
	  --extra test --extra lint --extra docs --group build \
	  --universal --python-version 3.11 --fork-strategy fewest --only-binary :all: --generate-hashes \
	  --no-emit-index-url --no-annotate --upgrade --quiet --output-file requirements.lock
	rm -rf .venv-lock

clean:
	rm -rf $(VENV) .venv-lock dist .pytest_cache .hypothesis .benchmarks \
	  .mypy_cache .ruff_cache .import_linter_cache docs/_build docs/made output/.*.partial
	find tariffmodel tests benchmarks notebooks -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
