# Two targets matter: `make harden` and `make test`; before a release `make test-long`. `make help` lists the rest.
#
# Nothing here reads or writes ~/.ansible; everything made lies in .build/ and .venv/.

SHELL := /bin/sh
.DEFAULT_GOAL := help

PY := .venv/bin/python
COLLECTION := dockernet.baseline
STAGE := .build/ansible_collections/dockernet/baseline

# Names the lab that `make lab` and `make lab-down` work on; tests take one of their own.
LAB ?= lab
HOSTS ?=

# What `make harden INVENTORY=...` gives back of what is set below: the values of the user, as arguments of env.
QUOTED = '$(subst ','\'',$(1))'
OURS := PATH ANSIBLE_HOME ANSIBLE_COLLECTIONS_PATH ANSIBLE_CONFIG PYTHONDONTWRITEBYTECODE
GIVEN := $(foreach name,$(OURS),$(if $(filter environment%,$(origin $(name))),$(name)))
USERS := $(foreach name,$(filter-out $(GIVEN),$(OURS)),-u $(name)) $(foreach name,$(GIVEN),$(name)=$(call QUOTED,$($(name))))

# Only this project's tools and the system's: wrappers of Python version managers confuse ansible-test.
export PATH := $(CURDIR)/.venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export ANSIBLE_HOME := $(CURDIR)/.build/ansible-home
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build
export ANSIBLE_CONFIG := $(CURDIR)/ansible.cfg
export PYTHONDONTWRITEBYTECODE := 1

# What a step of `make test-long` says of itself: with which of these variables, and of those that all have, it runs.
SAY_SIZE = @echo $(call QUOTED,size: $(strip $(foreach name,$(1) HOSTS EXTRA,$(if $($(name)),$(name)=$($(name))))))

LAB_TESTS := $(PY) -m pytest tests/lab tests/integration tests/prober tests/hostile -n 4 --dist loadgroup

# One at a time: two would write to one cache.
MYPY := flock '$(CURDIR)/.build/mypy.lock' mypy --config-file '$(CURDIR)/pyproject.toml' --cache-dir '$(CURDIR)/.build/mypy-cache'

# For tools that write to the home directory unasked.
AWAY := mkdir -p '$(CURDIR)/.build/home' && HOME='$(CURDIR)/.build/home'

# A collection's scenarios are looked for elsewhere; Molecule's own state is kept out of the home directory.
MOLECULE := MOLECULE_GLOB='molecule/*/molecule.yml' MOLECULE_EPHEMERAL_DIRECTORY='$(CURDIR)/.build/molecule' molecule

NOT_INSTALLED := tests/ tools/ benchmarks/
LINT_STEPS := lint-ruff lint-format lint-mypy lint-mypy-tests lint-shell lint-yaml lint-ansible lint-changelog lint-docs
# Long ones first, so that no processor waits for the last of them. Tests of the lab wait for real daemons, with limits, and
# leave a third of the processors: the others have that, at a low priority.
TEST_STEPS := unit sanity unit-debian11 browser molecule $(LINT_STEPS) build --in-turn test-lab
# One after the other: they wait for real daemons and kernels, too.
LONG_STEPS := test-lab-long unit-long sanity-long faults daemon-json check-mode rules recorded hostile differential prober

.PHONY: help venv chromium stage harden demo-notice test test-long lint $(LINT_STEPS) sanity sanity-long unit unit-long browser unit-debian11 build lab lab-down test-lab test-lab-long faults daemon-json check-mode rules hostile recorded differential prober bench mutants checks-page diagnosis-pages changelog molecule clean

help: ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1	/p' $(MAKEFILE_LIST) | while IFS='	' read -r name text; do printf '  %-15s %s\n' "$$name" "$$text"; done

venv: ## build .venv when requirements-dev.txt changed
	@tools/bootstrap

chromium: ## install Chromium where it is missing (before the steps of a test: apt has one lock)
	@tools/bootstrap --chromium

stage: venv ## copy the collection to where Ansible looks for it
	@$(PY) tools/stage.py >/dev/null

# ---- the main job ----------------------------------------------------------------------------------------------------

# On the user's hosts the user's own settings hold: see tools/users_ansible.py.
harden: $(if $(INVENTORY),,demo-notice) stage ## harden a throw-away Docker host; INVENTORY=hosts.yml: your hosts (CHECK=1 only says what it would do; EXTRA="--limit web1 -K")
ifdef INVENTORY
	@env $(USERS) '$(CURDIR)/$(PY)' tools/users_ansible.py -i $(call QUOTED,$(INVENTORY)) $(if $(CHECK),--check --diff) $(COLLECTION).harden_docker_net $(EXTRA)
else
	@$(PY) -m tests.lab.demo $(EXTRA)
endif

demo-notice:
	@tools/demo_notice

# ---- tests, cheap ones first -----------------------------------------------------------------------------------------

test: stage chromium ## lint, sanity, unit, browser, lab and molecule; ends with one line "N passed, N failed"
	@$(PY) tools/run_tests.py $(TEST_STEPS)

test-long: stage ## before a release: what takes too long for `make test`; writes docs/long-tests.md (STEPS="rules hostile": these alone)
	@PYTHONPATH='$(CURDIR)' $(PY) tools/run_tests.py --in-turn $(or $(STEPS),$(LONG_STEPS)) --record docs/long-tests.md --rows $(LONG_STEPS)

lint: $(LINT_STEPS) ## ruff, mypy, yamllint, ansible-lint, changelog and documentation

lint-ruff: stage
	ruff check .

lint-format: stage
	ruff format --check .

lint-mypy: stage
	cd .build && $(MYPY) ansible_collections/dockernet/baseline/plugins ansible_collections/dockernet/baseline/extensions

lint-mypy-tests: stage
	$(MYPY) $(wildcard tests tools benchmarks)

lint-shell: stage
	git ls-files -z | xargs -0 grep -lZE '^#!/bin/(ba)?sh' | xargs -0 shellcheck

lint-yaml: stage
	yamllint --strict .

lint-ansible: stage
	$(PY) tools/lint_ansible.py

lint-changelog: stage
	cd $(STAGE) && antsibull-changelog lint && antsibull-changelog lint-changelog-yaml changelogs/changelog.yaml

lint-docs: stage
	cd $(STAGE) && $(AWAY) antsibull-docs lint-collection-docs --plugin-docs --skip-rstcheck --validate-collection-refs=all --disallow-unknown-collection-refs .

# What the artifact has; the rest is ruff's and mypy's. So is here what pylint would say of plugin_utils, and the plugins
# import it, which takes minutes file by file.
sanity: stage ## all sanity tests of ansible-test on what is installed
	$(PY) tools/sanity.py $(addprefix --exclude ,$(NOT_INSTALLED)) --skip-test import --skip-test pylint
	$(PY) tools/sanity.py $(addprefix --exclude ,$(NOT_INSTALLED) plugins/plugin_utils/) --test import --test pylint

sanity-long: stage ## all sanity tests of ansible-test on every file
	$(call SAY_SIZE,)
	$(PY) tools/sanity.py

unit: stage ## unit tests
	SHARE=short $(PY) -m pytest tests/unit --junitxml=.build/results/unit.xml $(EXTRA)

unit-long: stage ## unit tests with all examples of those that try many
	$(call SAY_SIZE,)
	SHARE= $(PY) -m pytest tests/unit --junitxml=.build/results/unit-long.xml $(EXTRA)

browser: stage chromium ## the pages that reports write, in a headless Chromium
	$(PY) -m pytest tests/browser --junitxml=.build/results/browser.xml $(EXTRA)

unit-debian11: stage ## unit tests with Debian 11's Python and libraries, if there is a Python 3.9
	SHARE=short tools/unit_debian11 --junitxml=.build/results/unit-debian11.xml $(EXTRA)

# What ansible-lint says here, the importer only writes to its log; lint-ansible fails on it.
build: stage ## the artifact for Ansible Galaxy in .build/dist, checked as Galaxy would
	mkdir -p .build/dist
	rm -f .build/dist/*
	cd $(STAGE) && $(AWAY) ansible-galaxy collection build --force --output-path '$(CURDIR)/.build/dist'
	cd .build/dist && $(AWAY) GALAXY_IMPORTER_RUN_ANSIBLE_LINT=no '$(CURDIR)/$(PY)' -m galaxy_importer.main *.tar.gz

# ---- real engines ----------------------------------------------------------------------------------------------------

lab: stage ## start lab hosts (all, or HOSTS="debian13 ..."); LAB=name: a lab of your own; ENGINE=path: an engine of your own
	LAB='$(LAB)' $(PY) -m tests.lab up $(if $(HOSTS),--hosts '$(HOSTS)')

lab-down: venv ## remove what `make lab` made
	LAB='$(LAB)' $(PY) -m tests.lab down

# Every test on every kind of host is in one of these two: tests/lab/shares.py says in which.
test-lab: stage ## tests on real hosts, as `make test` runs them (HOSTS="debian13 ..." on some); KEEP_LAB=1 leaves the lab "test" up
	SHARE=short HOSTS='$(HOSTS)' tools/with_lab test '$(HOSTS)' $(LAB_TESTS) --junitxml=.build/results/test-lab.xml $(EXTRA)

test-lab-long: stage ## tests on real hosts that `make test` leaves out: long ones, and all on all kinds of hosts
	$(call SAY_SIZE,)
	SHARE=long HOSTS='$(HOSTS)' tools/with_lab test '$(HOSTS)' $(LAB_TESTS) --junitxml=.build/results/test-lab-long.xml $(EXTRA)

# A kill takes about four seconds.
faults: KILLS ?= 200
faults: SEED ?= 1
faults: stage ## kill, fill and break hosts amid changes of daemon.json: KILLS=200 SEED=1 HOSTS="debian13 ..."
	$(call SAY_SIZE,KILLS SEED)
	HOSTS='$(HOSTS)' KILLS='$(KILLS)' SEED='$(SEED)' tools/with_lab faults '$(HOSTS)' $(PY) -m pytest tests/faults \
	    -n 4 --dist loadgroup --junitxml=.build/results/faults.xml $(EXTRA)

daemon-json: CASES ?= 10000
daemon-json: SEED ?= 1
daemon-json: stage ## judge generated daemon.json files and ask dockerd --validate of two engines: CASES=10000 SEED=1
	$(call SAY_SIZE,CASES SEED)
	PYTHONPATH=.build tools/with_lab daemon-json 'debian13 debian13-docker28' $(PY) -m tests.differential.daemon_json \
	    --cases '$(CASES)' --seed '$(SEED)' $(EXTRA)

# A broken host takes about half a minute.
check-mode: CASES ?= 100
check-mode: SEED ?= 1
check-mode: stage ## break hosts at random; what check mode foretells must become true, and nothing else: CASES=100 SEED=1
	$(call SAY_SIZE,CASES SEED)
	PYTHONPATH=.build tools/with_lab check-mode '$(HOSTS)' $(PY) -m tests.differential.check_mode \
	    --cases '$(CASES)' --seed '$(SEED)' $(EXTRA)

# In test-lab the same with 1,000 probes. Needs no lab host; a minute makes about 10,000.
rules: CASES ?= 20000
rules: SEED ?= 1
rules: stage ## random rulesets of iptables and nft in network namespaces; the kernel must do as predicted: CASES=20000 SEED=1
	$(call SAY_SIZE,CASES SEED)
	PYTHONPATH=.build $(PY) -m tests.differential.rules --cases '$(CASES)' --seed '$(SEED)' $(EXTRA)

# In test-lab the same with 50. Needs root and no lab host; a minute makes about 300 for each processor.
hostile: CASES ?= 10000
hostile: SEED ?= 1
hostile: stage ## audit hosts whose processes, engine, kernel, rules and files are hostile: CASES=10000 SEED=1
	$(call SAY_SIZE,CASES SEED)
	PYTHONPATH=.build $(PY) -m tests.hostile --cases '$(CASES)' --seed '$(SEED)' $(EXTRA)

# In test-lab the same with 300 probes. Needs no lab host; a minute makes about 1,500.
recorded: CASES ?= 3000
recorded: SEED ?= 1
recorded: stage ## a recorded host of engine 29 with nftables, made of network namespaces, with users' rules on top: CASES=3000 SEED=1
	$(call SAY_SIZE,CASES SEED)
	PYTHONPATH=.build $(PY) -m tests.differential.recorded --cases '$(CASES)' --seed '$(SEED)' $(EXTRA)

# In test-lab the same with one host, which is changed then. A host is asked 150 questions and takes about ten seconds.
# With ENGINE (see tests/lab/README.md) nothing is written: the page is about the engines that Debian has.
differential: CASES ?= 5000
differential: SEED ?= 1
differential: stage ## hold predictions against real connections on random hosts; writes docs/reachability-differential.md
	$(call SAY_SIZE,CASES SEED TRACE ENGINE)
	PYTHONPATH=.build tools/with_lab differential '$(HOSTS)' $(PY) -m tests.differential.reachability \
	    --cases '$(CASES)' --seed '$(SEED)' $(if $(TRACE),--trace) $(if $(ENGINE),,--record) $(EXTRA)

# One host at a time, so that they do not disturb each other.
prober: ROUNDS ?= 6
prober: stage ## count connections lost while dockerd restarts, ours beside bare ones; writes docs/restart-without-loss.md
	$(call SAY_SIZE,ROUNDS)
	PYTHONPATH=.build tools/with_lab prober '$(HOSTS)' $(PY) -m tests.prober --rounds '$(ROUNDS)'

# Each prints its figures; they are compared within one run, never with a limit. "audit", which starts a lab host, takes a
# checkout of docker-bench-security as DOCKER_BENCH=PATH, and leaves it out without one.
bench: BENCHMARKS ?= evaluator matrix judging waivers contract readers reading audit fleet fleet_reports fleet_history fleet_page end_state trace
bench: stage ## run the benchmarks (BENCHMARKS="name ..." DOCKER_BENCH=PATH; with BENCHMARKS=fleet NAMES=1000)
	DOCKER_BENCH='$(DOCKER_BENCH)' NAMES='$(NAMES)' HOSTS='$(or $(HOSTS),debian13)' tools/bench $(BENCHMARKS)

# Needs Python 3.12. The unit tests once, then about three seconds for each mutant.
mutants: COUNT ?= 300
mutants: FIRST ?= 1
mutants: SEED ?= 1
mutants: stage ## change evaluator, checks and plans at random places and count what the unit tests notice: COUNT=300 SEED=1
	$(PY) tools/mutants.py --count '$(COUNT)' --first '$(FIRST)' --seed '$(SEED)' $(EXTRA)

checks-page: stage ## write docs/checks.md from the registry of checks
	PYTHONPATH=.build $(PY) tools/checks_page.py

# Breaks a lab host in the way that each page is about.
diagnosis-pages: stage ## write the transcripts of docs/why from what the playbook prints (EXTRA="name-is-not-resolved.md")
	PYTHONPATH=.build tools/with_lab diagnosis-pages debian13 $(PY) -m tests.integration.diagnosis.pages $(EXTRA)

# Before that version is published it may be run again: it adds to the entry.
changelog: stage ## put what is in changelogs/fragments into changelog.yaml and CHANGELOG.md, as galaxy.yml's version
	cd $(STAGE) && $(AWAY) antsibull-changelog release --update-existing
	cp $(STAGE)/changelogs/changelog.yaml changelogs/
	cp $(STAGE)/CHANGELOG.md .
	rm -f changelogs/fragments/*.yml

molecule: stage ## the roles on a host of their own, from untouched to idempotent
	$(MOLECULE) test

clean: ## remove the lab of this name, .build and .venv
	if [ -x $(PY) ]; then LAB='$(LAB)' $(PY) -m tests.lab down; fi
	rm -rf .build .venv
