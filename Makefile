# Every target prepares what it needs: a machine with Python 3.11 to 3.13, make and a package registry is enough.
# The first interpreter that really runs and is of a supported version.
PYTHON ?= $(shell for p in python3.12 python3.13 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
UV := $(BIN)/uv
# Tests run by file in so many processes: most of them wait for servers. In the order in which they are found, so that
# the long ones come first.
WORKERS ?= 2
BASE ?= cc085e4
PYTEST := $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder
COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock" --group dev pyproject.toml -o

.PHONY: run setup test test-fast soak check audit lock clean bench

run: $(READY) ## the whole daily job against a simulated market, offline
	@$(BIN)/coincast demo

setup: $(READY) ## prepare the environment and nothing else

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "coincast needs Python 3.11 to 3.13 on the PATH; none was found."; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(UV) || $(BIN)/python -m pip install --quiet --disable-pip-version-check "uv>=0.8"
	VIRTUAL_ENV=$(VENV) $(UV) pip sync --quiet --require-hashes --compile-bytecode requirements.lock
	VIRTUAL_ENV=$(VENV) $(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q coincast flows pipeline expectations
	@touch $(READY)

test: $(READY) ## the whole suite
	$(PYTEST)

test-fast: $(READY) ## what needs neither Keras, Great Expectations, a database nor a server
	$(PYTEST) -m "not slow"

soak: $(READY) ## what takes hours: faults by the hundred, kills that only time heals, memory over many fits and nights
	$(BIN)/python -m pytest -m soak

bench: $(READY) ## each of ours beside its reference, in pairs; hours. BASE=COMMIT is the earlier build
	for one in intake.py "start.py help" "start.py inspect" "start.py demo" fit.py "daily.py nothing-new" "daily.py memory" \
		"daily.py night" "daily.py growth" "backfill.py base" "backfill.py processes"; do \
		$(BIN)/python benchmarks/$$one --base $(BASE) || failed=1; done; \
		$(BIN)/python benchmarks/table.py; exit $${failed:-0}

check: $(READY) ## style, types, import directions, licences, lock file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@$(BIN)/pip-licenses >/dev/null
	@cp requirements.lock $(VENV)/requirements.lock && $(COMPILE) $(VENV)/requirements.lock && \
		diff -q requirements.lock $(VENV)/requirements.lock >/dev/null || \
		{ echo "requirements.lock is not what pyproject.toml asks for: run 'make lock'."; exit 1; }

audit: $(READY) ## known vulnerabilities of what the lock installs; asks PyPI
	$(UV) tool run pip-audit@2.10.1 --requirement requirements.lock --require-hashes --disable-pip --strict

lock: $(READY) ## resolve again, keeping what the lock has where pyproject.toml allows it
	$(COMPILE) requirements.lock

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache
