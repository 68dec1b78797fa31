# Every target does all of its own set-up, on a machine with python3 (3.11 or later), make and git.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check --quiet
export PYTHON

# Three files of tests at a time: mostly they wait, for sound and for servers. ARGS of one's own run in one process.
ARGS ?= --numprocesses=2 --dist=loadfile --no-loadscope-reorder

.PHONY: help demo test static docs check format bench clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    two phones call each other on the embedded SBC; needs no server"
	@echo "make test    all tests, those against real servers too (installs them as root)"
	@echo "make check   format, lint, types, docs, then all tests"
	@echo "make docs    the site, into build/docs"
	@echo "make format  format the code and mend what the linter can mend"
	@echo "make bench   the benchmarks (with JsSIP from npm and baresip to compare with)"
	@echo "make clean   remove everything that these targets made"

demo: $(VENV)/ready
	@$(BIN)/python -m jzrx demo

test: $(VENV)/ready-dev
	@tests/interop/install.sh || [ "$$CI" != true ]
	@$(BIN)/python -m pytest $(ARGS)

static: $(VENV)/ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/mypy
	@$(MAKE) --no-print-directory docs

docs: $(VENV)/ready-dev
	$(BIN)/sphinx-build -W --keep-going -q docs build/docs

check: static test

format: $(VENV)/ready-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/ready-dev
	@command -v npm >/dev/null || tools/apt-install nodejs npm
	@command -v baresip >/dev/null || tools/apt-install baresip
	@cd benchmarks && npm install --silent --no-audit --no-fund
	@status=0; for benchmark in benchmarks/*.py; do $(BIN)/python $$benchmark || status=1; done; exit $$status

clean:
	rm -rf $(VENV) .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist benchmarks/node_modules tests/interop/node_modules
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps: packages are installed anew only when pyproject.toml has changed.
$(VENV)/ready: pyproject.toml
	@tools/venv $(VENV)
	@echo "installing jzrx into $(VENV)"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/ready-dev: pyproject.toml $(VENV)/ready
	@echo "installing the tools for tests and checks"
	@$(PIP) install --editable '.[dev]'
	@{ command -v cc >/dev/null && $(PIP) install pesq; } || echo "no C compiler: what is heard is not judged by PESQ"
	@touch $@
