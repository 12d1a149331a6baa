# What you can do here; `make help` lists it. Without make (Windows), README.md has the commands that do the same.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

DAY ?= 2013-01-15
VENV ?= .venv
STATE = $(or $(ETL_HOME),data/state)
PYTEST_ARGS ?= -n 4 --dist worksteal
LAB_ARGS ?=
UPGRADE ?=

PY := $(VENV)/bin/python
READY := $(VENV)/.installed
TEST_READY := $(VENV)/.installed-test
PIP := $(PY) -m pip --disable-pip-version-check --no-input --quiet
# An environment made for another folder (this one was moved or copied) still points there: it is made anew.
MOVED := $(shell [ ! -e $(READY) ] || [ "$$(cat $(READY))" = "$(CURDIR)" ] || echo moved)

.PHONY: help run lab test test-slow test-all lint bench notebooks lock fresh install moved

help:  ## list these
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# ---- the environment ------------------------------------------------------------------------------------------------

# Starts each candidate rather than trusting its name: a shim may exist for a version that does not run, and a system's Python may
# lack venv. PYTHON=/path/to/python chooses one.
define make_venv
set -e; \
if [ -n "$(MOVED)" ] || ! $(PY) -c pass 2>/dev/null; then \
	found=; chosen=; \
	for candidate in $(or $(PYTHON),python3.13 python3.12 python3.11 python3 python); do \
		version=$$($$candidate -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue; \
		case $$version in \
			3.11|3.12|3.13) \
				if $$candidate -c 'import ensurepip, venv' 2>/dev/null; then chosen=$$candidate; break; fi; \
				found="$$found $$candidate ($$version, but without venv: install python3-venv)" ;; \
			*) found="$$found $$candidate ($$version)" ;; \
		esac; \
	done; \
	if [ -z "$$chosen" ]; then \
		echo "Python 3.11, 3.12 or 3.13 is needed; found:$${found:- none}. Name one with make PYTHON=/path/to/python" >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$chosen ($$version)."; \
	$$chosen -m venv --clear $(VENV); \
fi; \
$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null
endef

install: $(READY)  ## make .venv and install what the workbook needs

moved:

$(READY): requirements.txt pyproject.toml $(MOVED)
	@$(make_venv)
	@echo "Installing into $(VENV) (about 700 MB; a minute or two, the first time only)."
	@$(PIP) install -r requirements.txt
	@echo "$(CURDIR)" > $@

$(TEST_READY): requirements-test.txt $(READY)
	@echo "Installing what tests need into $(VENV)."
	@$(PIP) install -r requirements-test.txt
	@touch $@

# ---- use ------------------------------------------------------------------------------------------------------------

run: export DAY := $(DAY)
run: $(READY)  ## run the pipeline for one day by its notebook (make run DAY=2013-02-08)
	@case "$$DAY" in [0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]) ;; *) \
		echo "DAY: found '$$DAY', expected a day written YYYY-MM-DD (several days: etl run FIRST LAST)" >&2; exit 2 ;; esac
	@mkdir -p "$(STATE)/runs"
	@echo "Running notebooks/run_pipeline.ipynb for $$DAY (some seconds, most of them the kernel's start)."
	@status=0; executed="$(STATE)/runs/$$DAY.ipynb"; \
	newest() { $(PY) -m etl_core history --json --limit 1 2>/dev/null; }; \
	before=$$(newest); \
	$(PY) -m papermill notebooks/run_pipeline.ipynb "$$executed" -p day "$$DAY" \
		--inject-output-path --no-progress-bar --log-level WARNING || status=$$?; \
	if [ "$$(newest)" != "$$before" ]; then $(PY) -m etl_core show last || true; fi; \
	if [ -e "$$executed" ]; then echo "The executed notebook: $$executed"; fi; \
	exit $$status

lab: $(READY)  ## open the lessons in JupyterLab
	@$(PY) -m notebooks.lab $(LAB_ARGS)

# Of the notebooks, those that git knows as this folder's; where it is no clone, none.
fresh:  ## start over: empty data/state, put the notebooks back as they came (asks first)
	@changed=$$(git diff HEAD --name-only --relative --diff-filter=MDTU -- 'notebooks/*.ipynb' 2>/dev/null) || changed=; \
	echo 'This deletes all in data/state: warehouse, history, schedules, executed notebooks, which exercises you passed.'; \
	if [ -n "$$changed" ]; then \
		echo 'It puts these notebooks back as they came; what you wrote in them is lost:'; echo "$$changed" | sed 's/^/  /'; \
	fi; \
	printf 'Go on? [y/N] '; read -r answer || true; \
	case $$answer in y|Y|yes) ;; *) echo 'Nothing changed.'; exit 0 ;; esac; \
	find data/state -mindepth 1 ! -path data/state/runs ! -path data/state/runs/.gitkeep -delete; \
	if [ -n "$$changed" ]; then git checkout --quiet HEAD -- $$changed; fi; \
	echo 'A fresh start.'

# ---- making it ------------------------------------------------------------------------------------------------------

test: $(TEST_READY)  ## the quick tests
	@$(PY) -m pytest -m 'not slow' $(PYTEST_ARGS)

test-slow: $(TEST_READY)  ## the tests that take long
	@$(PY) -m pytest -m slow $(PYTEST_ARGS) tests/exercises tests/notebooks
	@$(PY) -m pytest -m slow --ignore=tests/exercises --ignore=tests/notebooks  # crashes and browser: one at a time

test-all: test test-slow  ## every test

lint: $(TEST_READY)  ## style, the direction of imports, spelling
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(VENV)/bin/lint-imports
	@$(VENV)/bin/codespell

bench: $(TEST_READY)  ## measure, and print the figures
	@$(PY) -m tests.benchmarks

notebooks: $(READY)  ## write the notebooks from notebooks/source (ONLY=03: one lesson)
	@$(PY) -m notebooks.build $(ONLY)

lock: $(READY)  ## write requirements*.txt from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@$(PY) -m pip --disable-pip-version-check --quiet install uv
	@for extra in '' '-test'; do \
		set -e; lock=requirements$$extra.txt; new=$$lock.new; \
		if [ -f $$lock ]; then grep -v '^-e ' $$lock > $$new || true; fi; \
		$(PY) -m uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url $(UPGRADE) \
			--custom-compile-command 'make lock' $${extra:+--extra test --no-annotate --constraint requirements.lock} pyproject.toml -o $$new; \
		if [ -z "$$extra" ]; then cp $$new requirements.lock; fi; \
		printf -- '-e .\n' >> $$new; mv $$new $$lock; echo "$$lock written."; \
	done; rm -f requirements.lock
