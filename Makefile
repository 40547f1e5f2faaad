# `make help` lists the targets. Everything runs in .venv, which is made from
# constraints.txt at the first need, and again only when it or pyproject.toml change.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

PYTHON ?=
# docs/decisions/tests-in-two-processes.md; `make test WORKERS=0` runs in one process.
WORKERS ?= 2
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help demo test slow lint style types floors format bench constraints clean

help:  ## this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "PYTHON=/path/to/python chooses the interpreter, ARGS=... is handed on to demo and to pytest."

demo: $(READY)  ## train in the corner maze at two values of alpha, evaluate, write a report
	@$(BIN)/mesagym demo $(ARGS)

test: $(READY)  ## the tests that are not slow
	@$(BIN)/python -m pytest -q -m "not slow" -n $(WORKERS) --dist loadgroup $(ARGS)

slow: $(READY)  ## the slow tests: kills, full disks, long trainings
	@$(BIN)/python -m pytest -q -m slow $(ARGS)

lint: style types floors  ## style, types and floors

style: $(READY)  ## ruff: rules and formatting
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY)  ## pyright
	@$(BIN)/pyright

floors: $(READY)  ## import-linter: imports only go down
	@$(BIN)/lint-imports --cache-dir .cache/import_linter

format: $(READY)  ## mend what ruff can mend by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(READY)  ## the benchmarks: environment steps, training
	@$(BIN)/python scripts/bench_env.py
	@$(BIN)/python scripts/bench_train.py

constraints:  ## resolve all dependencies anew, with Python 3.11, into constraints.txt
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(if $(PYTHON),"$(PYTHON)",python3.11) -m venv "$$fresh"; \
	"$$fresh/bin/python" -m pip install -qq --disable-pip-version-check -e '.[dev]'; \
	{ sed -n '/^#/p' constraints.txt; \
	  "$$fresh/bin/python" -m pip freeze --exclude-editable | LC_ALL=C sort -f; } > "$$fresh/new"; \
	cp "$$fresh/new" constraints.txt; git --no-pager diff --stat constraints.txt

clean:  ## remove .venv, caches and builds; results stay
	rm -rf $(VENV) .cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A Python is asked what it can do, not believed by its name: version managers leave
# names on the path that fail when run, and Debian ships Python without venv. Modules
# are compiled when first imported: compiling all of them ahead doubles pip's own work.
$(READY): pyproject.toml constraints.txt
	@set -e; \
	candidates='$(PYTHON)'; found=; old=; bare=; \
	[ -n "$$candidates" ] || candidates='python3.11 python3.12 python3.13 python3.14 python3 python'; \
	for python in $$candidates; do \
	  "$$python" -c '' 2>/dev/null || continue; \
	  "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { old=$$python; continue; }; \
	  "$$python" -c 'import ensurepip, venv' 2>/dev/null || { bare=$$python; continue; }; \
	  found=$$python; break; \
	done; \
	if [ -z "$$found" ]; then \
	  if [ -n "$$bare" ]; then \
	    echo "make: $$bare cannot make virtual environments; install its venv module (Debian: apt-get install python3-venv)." >&2; \
	  elif [ -n "$$old" ]; then \
	    echo "make: $$old is $$($$old -V 2>&1); mesagym needs Python 3.11 or newer (PYTHON=/path/to/python chooses one)." >&2; \
	  else \
	    echo "make: no Python found among: $$candidates. mesagym needs 3.11 or newer (PYTHON=/path/to/python chooses one)." >&2; \
	  fi; \
	  exit 1; \
	fi; \
	echo "Setting up $(VENV) with $$("$$found" -V) from constraints.txt: about 1.6 GB, a minute or a few ..."; \
	"$$found" -m venv --clear $(VENV); \
	$(BIN)/python -m pip install -qq --no-compile --disable-pip-version-check \
	  -c constraints.txt -e '.[dev]'; \
	touch $@
