# Every target is one line; `make run` on a fresh machine needs python3 (3.11, with venv), git and make, nothing else.
.PHONY: run test lint bench soak mission protos protos-release lock alone compose-config clean
.DEFAULT_GOAL := run
PYTHON ?= python3
BIN := .venv/bin
MEMBERS := $(wildcard protos/pyproject.toml packages/*/pyproject.toml services/*/pyproject.toml gateway/pyproject.toml)
CONTRACTS := $(wildcard protos/fieldwise/*/v1/*.proto)

.venv/.ready: requirements.lock protos/hatch_build.py tools/bootstrap.py tools/members.py $(MEMBERS) $(CONTRACTS)
	@$(PYTHON) tools/bootstrap.py

run: .venv/.ready  ## start everything, load the demo, print one decision; Ctrl-C stops it all
	@exec $(BIN)/fieldwise up --demo

test: .venv/.ready  ## all tests; ARGS="tests/runtime -k deadline" narrows
	@$(BIN)/python -m pytest -n 2 --dist loadscope --no-loadscope-reorder $(ARGS)

lint: .venv/.ready  ## style, types, import contracts, protos and their compatibility
	@$(BIN)/python tools/lint.py

bench: .venv/.ready  ## NAME=decide, profile, forecast, allocation, recommend or gateway, QUICK=1 for a short run, ARGS for its options
	@$(BIN)/python -m benchmarks.$(or $(NAME),decide) $(if $(QUICK),--quick) $(ARGS)

soak: .venv/.ready  ## the long tests: kills under load, memory over time; NAME=profile runs one subject's
	@$(BIN)/python -m pytest -m soak --timeout 3600 $(if $(NAME),tests/$(NAME)) $(ARGS)

mission: .venv/.ready  ## run the command of every row of docs/mission.md that says `works`, check the figure it claims
	@$(BIN)/python tools/mission.py

protos: .venv/.ready  ## generate the classes of the contracts anew
	@$(BIN)/python protos/hatch_build.py

protos-release: .venv/.ready  ## make today's contracts the ones that later changes must not break
	@$(BIN)/python tools/contracts.py release

lock: .venv/.ready  ## compile requirements.lock; ARGS=--upgrade takes newer versions
	@$(BIN)/python tools/lock.py $(ARGS)

alone: .venv/.ready  ## each member by itself in an empty environment, every module imported
	@$(BIN)/python tools/install_alone.py $(ARGS)

compose-config: .venv/.ready  ## check docker-compose.yml, as far as this machine can
	@$(BIN)/python -m pytest -q tests/contract/test_compose_file_is_valid.py

clean:  ## remove what was built and cached; .fieldwise (the data) stays
	@rm -rf .venv protos/generated .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
