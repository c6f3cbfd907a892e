# Everything a fresh machine needs besides this file: Python 3.11 or newer. ARGS are passed on, e.g.
#   make demo ARGS="--exit --report report.json"     make test ARGS="tests/models -x"

ARGS ?=
BIN := .venv/bin
# An active environment has both names; a Debian machine may have only the second, a macOS one only a versioned one.
CANDIDATES := python3 python python3.14 python3.13 python3.12 python3.11

# Where it is set, as in many images, each process compiles everything anew, and the sandbox each workflow file per run.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo test lint types bench format environment

help: ## what there is to run
	@grep -E '^[a-z]+:.*## ' Makefile | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'

demo: environment ## a simulated shop and ten suppliers, 43 orders, live in the terminal
	@$(BIN)/dropwright demo $(ARGS)

# The servers come first and apart: building one may take longer than a test may. Without ARGS: what can share the
# machine, in two processes; then, one after the other, the stories that start and kill whole stacks.
test: environment ## the whole test suite, on real servers started for it
	@$(BIN)/python -m tests.programs
ifneq ($(strip $(ARGS)),)
	@$(BIN)/pytest $(ARGS)
else
	@$(BIN)/pytest --ignore=tests/e2e -n 2 --dist=loadfile --no-loadscope-reorder; first=$$?; \
	if [ $$first -gt 1 ]; then exit $$first; fi; \
	$(BIN)/pytest tests/e2e && exit $$first
endif

lint: environment ## ruff's rules and format, and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports

types: environment ## mypy, strict
	@$(BIN)/mypy $(ARGS)

bench: environment ## speed and cost per order, printed and written to bench/report.json
	@$(BIN)/python -m bench $(ARGS)

format: environment ## bring every file into ruff's format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

environment:
	@for python in $(CANDIDATES); do \
	  if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
	    exec "$$python" starter/bootstrap.py; \
	  fi; \
	done; \
	echo "Python 3.11 or newer is needed; none of these is: $(CANDIDATES)." >&2; \
	echo "On Debian and Ubuntu: apt-get install python3 python3-venv; on macOS: brew install python@3.13" >&2; \
	exit 1
