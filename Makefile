# One command each. The first one makes .venv (about three minutes); later ones reuse it until
# pyproject.toml or requirements.lock changes.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

# Faust's Cython path inlines `ack`, which the ordered consumer has to see.
export NO_CYTHON := 1
# More words for a command: `make demo ARGS=--help`.
ARGS ?=
# Test files that run at the same time, each in the order of its tests.
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo up test test-slow lint format bench soak train contract install clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

demo: $(STAMP) ## a feed, a worker and a subscriber in one terminal, with nothing else to install
	@$(BIN)/sensorium demo $(ARGS)

up: $(STAMP) ## the broker, Redis and the workers on this machine, until Ctrl-C
	@$(BIN)/sensorium up $(ARGS)

test: $(STAMP) ## every test that is not slow
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

test-slow: $(STAMP) ## the slow tests
	@$(BIN)/python -m pytest -m slow $(ARGS)

lint: $(STAMP) ## ruff (rules and format) and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(STAMP) ## rewrite the code as lint wants it
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP) ## measure throughput, latency, inference and tracking, beside bare loops
	@$(BIN)/sensorium bench align $(ARGS)
	@$(BIN)/sensorium bench latency
	@$(BIN)/sensorium bench inference
	@$(BIN)/sensorium bench vehicle

soak: $(STAMP) ## sessions come and go for half an hour: memory, and what is left
	@$(BIN)/sensorium bench soak $(ARGS)

train: $(STAMP) ## train the shipped fusion models
	@$(BIN)/sensorium train $(ARGS)

contract: $(STAMP) ## write the JSON Schemas and the AsyncAPI document
	@$(BIN)/sensorium contract $(ARGS)

install: $(STAMP) ## only make .venv

clean: ## remove .venv and every cache
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

# The stamp is written last, so that an interrupted installation is done again.
$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v < (3, 14) else \
	  f"Sensorium needs Python 3.11, 3.12 or 3.13; $(PYTHON) is {v[0]}.{v[1]}. Try: make PYTHON=python3.12")'
	@echo "Installing into $(VENV), about three minutes on the first run (log: $(VENV)/install.log)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check \
	  -c requirements.lock -e '.[dev]' > $(VENV)/install.log 2>&1 \
	  || { tail -n 20 $(VENV)/install.log; echo "Installation failed; nothing was started."; exit 1; }
	@# TrackEval asks for the OpenCV with windows, which would be laid over the one without; it runs
	@# with either.
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  -c requirements.lock trackeval >> $(VENV)/install.log 2>&1
	@! $(BIN)/python -m pip check | grep -v -e 'No broken' -e 'trackeval .* requires opencv-python,'
	@touch $@
