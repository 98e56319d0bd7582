# make demo and make test do everything from a fresh clone; make help lists the rest.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq
PYTEST := $(BIN)/python -m pytest
# Each core takes whole files, so that what a file prepares is prepared once.
SPREAD := --numprocesses auto --dist loadfile

CANDIDATES := python3 python3.12 python3.13 python3.14
USABLE := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))
PYTHON = $(firstword $(foreach p,$(CANDIDATES),$(shell $p -c '$(USABLE)' 2>/dev/null && echo $p)))

.PHONY: help browser demo test test-long test-bounds check lint types bench odd picture dist clean
.DEFAULT_GOAL := help

help:  ## list what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1	\2/p' $(MAKEFILE_LIST) | expand -t 21

demo: $(VENV)/.installed  ## 10,000 traders through the crash of August 2024; writes demo/report.html
	@echo "Simulating 10,000 traders around 5 August 2024. The first run compiles the model."
	@$(BIN)/crossmargin run august-2024 --seed 1 --report --out demo

test: $(VENV)/.installed-dev browser  ## the tests, but for the long ones
	$(PYTEST) $(SPREAD)

test-long: $(VENV)/.installed-dev browser  ## the tests marked long
	$(PYTEST) $(SPREAD) -m long

test-bounds: $(VENV)/.installed-dev  ## the property tests with every array index checked
	NUMBA_BOUNDSCHECK=1 $(PYTEST) $(SPREAD) tests/properties

check: lint types test  ## lint, types and tests

lint: $(VENV)/.installed-dev  ## ruff: rules and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(VENV)/.installed-dev  ## mypy, strict
	$(BIN)/mypy crossmargin

bench: $(VENV)/.installed-dev  ## benchmarks, compared in the same run with other order books
	$(BIN)/python -m tests.benchmarks.run

odd: $(VENV)/.installed-dev  ## write the generated tables of model/README.md anew
	$(BIN)/python -m tests.odd

picture: $(VENV)/.installed  ## simulate the picture of the README anew
	$(BIN)/python -c "import crossmargin as xm; from crossmargin.dashboards.figures.picture import \
	write_picture; write_picture(xm.simulate('august-2024', seed=1), 'docs/picture.svg')"

dist: $(VENV)/.installed-dev  ## wheel and source distribution, in dist/
	$(BIN)/python -m build --outdir dist

clean:  ## remove all that make has made
	rm -rf $(VENV) .cache build dist demo *.egg-info

browser:
	@for name in chromium google-chrome chromium-browser chrome; do \
	  command -v $$name >/dev/null && exit 0; done; \
	echo "Installing Chromium with apt: it draws the pictures that some tests look at"; \
	{ apt-get update -qq && apt-get install -y -qq chromium; } >/dev/null 2>&1 || { \
	  echo "No Chromium or Chrome was found, and apt cannot install one here: install one"; \
	  echo "(Debian: apt install chromium) and run make again."; exit 1; }

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing crossmargin and what it needs into $(VENV); this can take a minute"
	@$(PIP) -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing crossmargin and its development tools into $(VENV); this can take a minute"
	@$(PIP) -c constraints.txt -e '.[dev]'
	@touch $(VENV)/.installed $@

$(BIN)/pip:
	@test -n "$(PYTHON)" || { \
	  echo "crossmargin needs Python 3.12 or later with its venv module; tried: $(CANDIDATES)."; \
	  echo "Install it, for example with 'apt install python3 python3-venv' (Debian 13 and Ubuntu"; \
	  echo "24.04 or later), 'brew install python' (macOS) or 'pyenv install 3.12', and run make again."; \
	  exit 1; }
	@echo "Making $(VENV) with $(PYTHON), $$($(PYTHON) --version)"
	@$(PYTHON) -m venv --clear $(VENV)
