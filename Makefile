# Everything here needs python3 >= 3.11 with its venv module, and make. Nothing is installed outside this directory.
#   make PYTHON=/path/to/python3.12 test     chooses the interpreter

SHELL := /bin/sh
VENV := .venv
BENCH_VENV := .venv-bench
SEEDS ?= 20000
ROUNDS ?= 3
ARGS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

CANDIDATES := $(if $(PYTHON),$(PYTHON),python3.13 python3.12 python3.11 python3)

# Each candidate is run, not just looked up: a launcher on PATH may stand for a version that is not there.
define find_python
found=; \
for candidate in $(CANDIDATES); do \
	if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then found=$$candidate; break; fi; \
done; \
if [ -z "$$found" ]; then \
	echo "farcall needs Python 3.11 or newer; none of these is one: $(CANDIDATES). Install it, or name one: make PYTHON=/path/to/python3 …" >&2; exit 1; \
fi; \
if ! "$$found" -c 'import venv, ensurepip' >/dev/null 2>&1; then \
	echo "$$found has no venv module. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
fi
endef

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# Leaves a venv of this interpreter at $(1): one of another version is replaced, one of the same is kept and updated.
make_venv = echo "making $(1) with $$("$$found" --version)"; \
	if [ "$$($(1)/bin/python --version 2>/dev/null)" != "$$("$$found" --version)" ]; then rm -rf $(1); fi; \
	"$$found" -m venv $(1)

# The stamps are the only thing make looks at: nothing is installed again while lock and pyproject stay as they are,
# unless PYTHON asks for another version than the one that is there.
ifneq ($(PYTHON),)
WANTED := $(shell $(PYTHON) --version 2>/dev/null)
ifneq ($(shell $(VENV)/bin/python --version 2>/dev/null),$(WANTED))
$(VENV)/.installed: FORCE
endif
ifneq ($(shell $(BENCH_VENV)/bin/python --version 2>/dev/null),$(WANTED))
$(BENCH_VENV)/.installed: FORCE
endif
endif
.PHONY: FORCE
FORCE:

$(VENV)/.installed: pyproject.toml requirements/dev.txt
	@$(find_python); $(call make_venv,$(VENV))
	@$(VENV)/bin/python -m pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(BENCH_VENV)/.installed: pyproject.toml requirements/bench.txt
	@$(find_python); $(call make_venv,$(BENCH_VENV))
	@$(BENCH_VENV)/bin/python -m pip install --quiet --require-hashes --requirement requirements/bench.txt
	@$(BENCH_VENV)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: demo
demo: $(VENV)/.installed  ## the whole story in one command, with real processes
	@$(VENV)/bin/farcall demo $(ARGS)

.PHONY: test
test: $(VENV)/.installed  ## the tests, on all cores up to four; make test ARGS="-k words" runs some
	@$(VENV)/bin/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

.PHONY: check
check: $(VENV)/.installed  ## style, types and the order of imports
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports

.PHONY: bench
bench: $(BENCH_VENV)/.installed  ## farcall and its peers in one run; make bench ARGS="--quick --only farcall,ray"
	@$(BENCH_VENV)/bin/python -m bench $(ARGS)

.PHONY: fuzz
fuzz: $(VENV)/.installed  ## the property tests with new random examples, ROUNDS times; make test takes the same ones each time
	@for round in $$(seq $(ROUNDS)); do \
		$(VENV)/bin/python -m pytest -m hypothesis --hypothesis-profile searching --quiet $(ARGS) || exit 1; \
	done

.PHONY: simulate
simulate: $(VENV)/.installed  ## the dispatch core under seeded faults: make simulate SEEDS=1000000
	@$(VENV)/bin/python -m farcall.testing.simulate --seeds $(SEEDS) $(ARGS)

# uv is only needed to write the locks, so it lives in a directory of its own and is gone afterwards.
.PHONY: lock
lock:  ## write requirements/*.txt anew from pyproject.toml; make lock ARGS=--upgrade takes newer versions
	@$(find_python); scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	"$$found" -m venv "$$scratch" && "$$scratch/bin/python" -m pip install --quiet uv && \
	scripts/lock "$$scratch/bin/uv" $(ARGS)

.PHONY: clean
clean:  ## remove what make made
	rm -rf $(VENV) $(BENCH_VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis build dist bench/results.json
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
