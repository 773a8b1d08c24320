# One thin line a target. `make` alone prepares the checkout: an environment of its own, pinned, and the
# collection inside it, so that `ansible-playbook` finds canary.ecs from any folder.
PYTHON ?= python3
UV_VERSION := 0.13.9
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
export PATH := $(CURDIR)/$(BIN):$(PATH)
# All is done on the lab: what a shell holds for a real account must not mix with the lab's own credentials.
unexport AWS_PROFILE AWS_SESSION_TOKEN
# Where no bytecode may be kept, each module of each playbook compiles boto3 anew, and takes twice as long to start.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := $(VENV)/.lab
.PHONY: help demo test molecule awx guides chaos versions bench permissions policies lint docs requirements clean

help: ## These targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

demo: $(VENV)/.lab ## A whole canary on this machine, under load
	$(BIN)/python -m lab.demo

test: $(VENV)/.test ## Units, gates, the lab, whole releases: a file at a time on each of four workers
	$(BIN)/python -m pytest --numprocesses 4 --dist loadfile --no-loadscope-reorder

molecule: $(VENV)/.test ## The role's scenarios on a lab of their own, two at a time; SCENARIO=rollback runs one
	$(BIN)/molecule destroy
	$(BIN)/molecule test $(if $(SCENARIO),--scenario-name $(SCENARIO),--all --workers 2)

awx: $(VENV)/.test ## The job templates on an imitation of AWX, and its jobs under ansible-runner on the lab
	$(BIN)/python -m pytest tests/awx

guides: $(VENV)/.test ## Every example of README, guides and reference, as it is printed, on labs
	$(BIN)/python -m pytest tests/guides --numprocesses 3 --dist loadgroup

bench: $(VENV)/.test ## What a shift takes, ours beside others: writes docs/measurements.md
	$(BIN)/python -m tests.bench

chaos: $(VENV)/.test ## Kill each flow at each of its API calls; EVERY=10 takes each tenth, ONLY=promote some flows
	EVERY=$(or $(EVERY),1) $(BIN)/python -m pytest tests/chaos --capture no --numprocesses 4 --dist load --maxschedchunk 1 \
	  $(if $(ONLY),-k '$(ONLY)')

versions: $(VENV)/.test ## Units, sanity and flows on each set of versions that is claimed
	$(BIN)/python -m tests.versions

permissions: $(VENV)/.test ## Each playbook with its policy, and less each single action; ONLY=canary takes some
	$(BIN)/python -m pytest tests/permissions --numprocesses 3 $(if $(ONLY),-k '$(ONLY)')

policies: $(VENV)/.test ## Write docs/policies of what the playbooks use
	$(BIN)/python -m tests.permissions

lint: $(VENV)/.test ## The quick gates
	$(BIN)/python -m pytest tests/gates -k "lint or sanity or house or documentation"

docs: $(VENV)/.test ## The guides and the reference as a website, in build/docs/html
	$(BIN)/python docs/docsite/build.py build/docs

requirements: $(VENV)/.uv ## Pin anew what requirements/*.in ask for
	for name in lab test importer; do \
	  $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --custom-compile-command 'make requirements' \
	    --output-file requirements/$$name.txt requirements/$$name.in || exit 1; done

clean: ## Remove what make has made
	rm -rf $(VENV) .ansible build

$(VENV)/.uv:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	touch $@

$(VENV)/.lab: $(VENV)/.uv requirements/lab.txt
	$(UV) pip install --quiet --python $(BIN)/python --requirement requirements/lab.txt
	$(BIN)/python -m lab.link
	touch $@

$(VENV)/.test: $(VENV)/.lab requirements/test.txt requirements/importer.txt
	$(UV) pip install --quiet --python $(BIN)/python --requirement requirements/test.txt
	$(UV) venv --quiet --clear --python $(BIN)/python $(VENV)/importer
	$(UV) pip install --quiet --python $(VENV)/importer/bin/python --requirement requirements/importer.txt
	touch $@
