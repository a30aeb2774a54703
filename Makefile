# Everything runs in a virtual environment, .venv, which the first command makes.
# Another Python: make test PYTHON=python3.12

VENV ?= .venv
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11
FITS := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in $(CANDIDATES); do \
	if $$p -c '$(FITS)' >/dev/null 2>&1; then echo $$p; break; fi; done)
RUN := $(VENV)/bin/python

DEVICE ?= hardware
ON_DEVICE := $(addprefix tests/cuda/test_,totality.py target.py bench.py)
ON_EVERY_TARGET := $(addprefix tests/kinds/test_,nan.py arithmetic.py integers.py positions.py guards.py block_sizes.py) \
	tests/run/test_compiled.py tests/run/test_training.py tests/nn/test_dropout.py tests/differentiate/test_turns.py
SMALL := around_the_sizes or training or rows_agree or agrees_with_the_interpreter

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help demo docs release-check playground test test-cuda test-gpu fuzz mutants coverage lint bench bench-gpu clean distclean

help:
	@echo 'make demo       train a network on handwritten digits; results go to out/'
	@echo 'make playground derivations in a browser: static files in out/playground; needs Node.js with npm'
	@echo 'make docs       build the documentation site in out/docs; a warning is an error'
	@echo 'make test       run all tests'
	@echo 'make test-cuda  compile CUDA kernels and run their PTX, without a GPU'
	@echo 'make test-gpu   run the tests of the target cuda on this machine'"'"'s GPU'
	@echo 'make fuzz       random programs and networks for FUZZ_SECONDS=600, all ways against each other'
	@echo 'make mutants    break a line here and there (SAMPLE=100, SEED=0), and see whether a test notices; hours'
	@echo 'make coverage   which lines and branches the tests run (COVERED=tests/train for a part); pages in out/coverage/html'
	@echo 'make lint       check style and types (ruff, mypy)'
	@echo 'make release-check  build wheel and source archive, install each elsewhere, run them (PYTHONS="python3.11 ...")'
	@echo 'make bench      time symdl against PyTorch, JAX and PyTensor (BENCH=--help for options)'
	@echo 'make bench-gpu  the same on this machine'"'"'s GPU, with PyTorch, JAX and CuPy; ten minutes'
	@echo 'make clean      remove results, builds and caches'
	@echo 'make distclean  the same, and the virtual environment'
	@echo 'PYTHON=...      the Python (3.11 or newer) that makes the virtual environment'

demo: $(VENV)/.has-train
	$(RUN) examples/01_digits.py

playground: $(VENV)/.has-html
	$(RUN) -m symdl.playground out/playground

docs: $(VENV)/.has-docs
	$(RUN) -m sphinx -W --keep-going -q -b html -d out/doctrees docs out/docs
	@echo 'open out/docs/index.html'

test: $(VENV)/.has-test
	$(RUN) -m pytest -n auto

# NVIDIA's compilers take a gigabyte and an older NumPy, so they have an environment of their own.
test-cuda: $(VENV)/cuda/.made
	$(VENV)/cuda/bin/python -m pytest -n auto tests/cuda

# On the device: right numbers first, all that tests of several targets compute; then what NVIDIA's checker finds in the
# small cases, where it is installed. DEVICE=simulated tries these steps without a device, which takes hours.
test-gpu: $(VENV)/gpu/.made
	SYMDL_DEVICE=$(DEVICE) $(VENV)/gpu/bin/python -m pytest -n 4 $(ON_DEVICE) $(ON_EVERY_TARGET)
	@if ! command -v compute-sanitizer >/dev/null; then echo 'compute-sanitizer is not installed'; else \
	set -e; for tool in memcheck racecheck; do SYMDL_DEVICE=$(DEVICE) compute-sanitizer --tool $$tool --error-exitcode 1 \
		$(VENV)/gpu/bin/python -m pytest -x $(ON_DEVICE) -k '$(SMALL)'; done; fi

# What fails is kept in .hypothesis/fuzz, and tried first the next time.
fuzz: $(VENV)/.has-test
	$(RUN) -m tests.fuzz

# What is found is kept in out/mutants.json, and the same command goes on from there.
SAMPLE ?= 100
SEED ?= 0
mutants: $(VENV)/.has-test
	$(RUN) -m tests.mutants --sample $(SAMPLE) --seed $(SEED)

# With an empty kernel cache, since a compiler that is not called is not covered. What only a graphics processor wants
# counts as not run where numba-cuda is not installed. Tests may fail, for instance by a limit of time; the report comes
# anyway.
COVERED ?= tests
coverage: $(VENV)/.has-dev
	rm -rf out/coverage && mkdir -p out/coverage/kernels && chmod 700 out/coverage/kernels
	-SYMDL_CACHE=$(CURDIR)/out/coverage/kernels CI=1 $(RUN) -m coverage run -m pytest -q -n auto $(COVERED)
	$(RUN) -m coverage combine --quiet
	$(RUN) -m coverage html --quiet
	$(RUN) -m coverage report

lint: $(VENV)/.has-dev
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

PYTHONS ?= $(RUN)
release-check: $(VENV)/.has-release
	$(RUN) release/check.py --python $(PYTHONS)

# The other libraries need other versions of Numba, so they have an environment of their own.
bench: $(VENV)/.has-test $(VENV)/peers/.made
	$(RUN) -m tests.benchmarks --python $(VENV)/peers/bin/python $(BENCH)

# Libraries that are missing are named and left out: PEERS=python3 takes those that are there already.
PEERS ?= $(VENV)/gpu-peers/bin/python
bench-gpu: $(VENV)/gpu/.made $(if $(filter $(VENV)/%,$(PEERS)),$(VENV)/gpu-peers/.made)
	$(VENV)/gpu/bin/python -m tests.benchmarks.gpu --python $(PEERS) $(BENCH)

clean:
	rm -rf out build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find symdl tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)

$(VENV)/.made:
	@if ! '$(PYTHON)' -c '$(FITS)' >/dev/null 2>&1; then \
		echo 'symdl needs Python 3.11 or newer with the module venv;' >&2; \
		if test -n '$(PYTHON)'; then echo '$(PYTHON) does not fit or does not run.' >&2; \
		else echo 'none of these fits: $(CANDIDATES).' >&2; fi; \
		echo 'Install one (on Debian and Ubuntu with python3-venv) or name one:' \
			'make PYTHON=/path/to/python3' >&2; \
		exit 1; \
	fi
	'$(PYTHON)' -m venv $(VENV)
	@touch $@

# One stamp for each extra of pyproject.toml, renewed when that file changes.
$(VENV)/.has-%: pyproject.toml | $(VENV)/.made
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@

$(VENV)/cuda/.made: pyproject.toml | $(VENV)/.made
	$(RUN) -m venv $(VENV)/cuda
	$(VENV)/cuda/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[cuda-test]'
	@touch $@

$(VENV)/gpu/.made: pyproject.toml | $(VENV)/.made
	$(RUN) -m venv $(VENV)/gpu
	$(VENV)/gpu/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[cuda,cuda-test]'
	@touch $@

$(VENV)/gpu-peers/.made: pyproject.toml | $(VENV)/.made
	$(RUN) -m venv $(VENV)/gpu-peers
	$(VENV)/gpu-peers/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench-gpu]'
	@touch $@

$(VENV)/peers/.made: pyproject.toml | $(VENV)/.made
	$(RUN) -m venv $(VENV)/peers
	$(VENV)/peers/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@
