# Every target sets itself up in $(VENV) from nothing; needs Python >= 3.11, pip and a C compiler.
#   make test ARGS="-k gradient -x"     PYTHON=python3.13 VENV=.venv313 make test

PYTHON ?= python3
VENV   ?= .venv
CC     ?= cc
ARGS   ?=

BIN    := $(VENV)/bin
DONE   := $(VENV)/.done
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check
KERNEL := $(shell find ext -name "*.py" -o -name "*.pyx" -o -name "*.pxi" -o -name "*.h")

# Warnings are errors here, not for those who only install: their compiler may know others.
export SMOOTHXENT_WERROR ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo quick test peers examples docs wheel bench race accuracy guard lint sanitize uncleared tsan fuzz mutants clean

help:  ## show this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

demo: $(DONE)/native $(DONE)/demo  ## train on digits with wrong labels, with and without label smoothing; saves build/demo.png
	$(BIN)/python examples/digits $(ARGS)

# At least two processes, else as many as half the cores: the kernel has threads of its own.
CORES    := $(shell nproc 2>/dev/null || echo 1)
PARALLEL := $(shell [ $(CORES) -gt 1 ] && echo --numprocesses=$$(($(CORES) > 4 ? $(CORES) / 2 : 2)) --dist=loadgroup)

quick: $(DONE)/built $(DONE)/test  ## run the fast tests: a minute
	$(BIN)/python -m pytest -q -m "not slow" $(PARALLEL) $(ARGS)

test: $(DONE)/built $(DONE)/test  ## run the test suite
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

peers: $(DONE)/built $(DONE)/test $(DONE)/peers  ## compare with PyTorch, torchmetrics, JAX, pyarrow and ONNX, which it installs, and test the bridges
	$(BIN)/python -m pytest tests/bridges tests/process/test_neighbours.py tests/process/test_processes.py \
	    tests/project/test_doc_examples.py $(ARGS)

examples: $(DONE)/built $(DONE)/test $(DONE)/examples  ## run the examples of docs/; installs Ray, Spark, ONNX Runtime, transformers
	$(BIN)/python -m pytest tests/bridges/test_clusters.py tests/bridges/test_recipes.py tests/bridges/test_dask.py \
	    tests/project/test_examples.py $(ARGS)

docs: $(DONE)/native $(DONE)/docs  ## build the documentation site into build/docs; a warning is an error
	$(BIN)/sphinx-build -q -W -n --keep-going -b html -d build/doctrees $(ARGS) docs build/docs

# One wheel for each of these, tried in new environments without a compiler.
PYTHONS ?= $(PYTHON)

wheel: $(DONE)/wheel  ## Linux: build sdist and wheels into dist/, check them and test them as users have them
	PATH="$(abspath $(BIN)):$$PATH" python -m tools.wheel $(ARGS) $(PYTHONS)  # which calls auditwheel and others

bench: $(DONE)/built $(DONE)/bench  ## time the library against the NumPy formula and the peers that are installed
	$(BIN)/python -m bench $(ARGS)

race: $(DONE)/built $(DONE)/race  ## the same against all peers, which it installs: several GB, half an hour
	$(BIN)/python -m bench $(ARGS)

accuracy: $(DONE)/built $(DONE)/accuracy  ## errors in ulps against exact values, and those of the peers, which it installs
	$(BIN)/python -m bench.accuracy $(ARGS)

guard: $(DONE)/built  ## count instructions with valgrind, compare with those saved
	$(BIN)/python -m bench.instructions $(ARGS)

lint: $(DONE)/lint  ## ruff, mypy --strict, cython-lint, clang-format and zizmor; actionlint where it is installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check --quiet .
	$(BIN)/mypy
	PATH="$(abspath $(BIN)):$$PATH" cython-lint $(filter %.pyx %.pxi %.pxd,$(KERNEL))  # it runs pycodestyle
	$(BIN)/clang-format --dry-run --Werror $(filter %.h,$(KERNEL))
	$(BIN)/zizmor --offline --quiet .
	@if command -v actionlint; then actionlint; fi  # not a requirement: its package downloads a binary

# A build of its own under build/sanitize, next to the ordinary one. The runtimes come first in the
# process, libstdc++ with them so that exceptions of other extensions find their handler. Python's
# own caches look like leaks; huge requests must fail with MemoryError as they do without; GCC's
# stand-in for the stack, which use-after-return needs, is not aligned for 64-byte registers. -g1
# in setup.py: all of -g doubles the two minutes and the gigabyte that a kernel takes.
SANITIZED := $(CURDIR)/build/sanitize/lib
RUNTIMES   = $(foreach name,libasan.so libubsan.so libstdc++.so.6,$(shell $(CC) -print-file-name=$(name)))

sanitize: $(DONE)/built $(DONE)/test  ## run the test suite under the address and undefined-behaviour sanitizers
	SMOOTHXENT_SANITIZE=1 $(BIN)/python setup.py --quiet build --build-base build/sanitize --build-lib $(SANITIZED)
	LD_PRELOAD="$(strip $(RUNTIMES))" PYTHONPATH=$(SANITIZED) PYTHONMALLOC=malloc SMOOTHXENT_SANITIZE=1 \
	ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:detect_stack_use_after_return=0:handle_segv=0 \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 \
	$(BIN)/python -m pytest -p no:cacheprovider $(ARGS)

# What memory holds before it is written may not matter: a build in which the compiler fills every
# variable with a pattern has the digests of the ordinary one. GCC 12 or newer, or Clang.
PATTERNED := $(CURDIR)/build/uncleared/lib

uncleared: $(DONE)/built $(DONE)/test  ## compare the bits of a build whose variables start out as garbage
	CFLAGS="$(CFLAGS) -ftrivial-auto-var-init=pattern" \
	$(BIN)/python setup.py --quiet build --build-base build/uncleared --build-lib $(PATTERNED)
	SMOOTHXENT_PATTERNED=$(PATTERNED) $(BIN)/python -m pytest -p no:cacheprovider tests/kernel/test_uncleared.py $(ARGS)

# Clang's: its OpenMP runtime says through Archer what it orders. GCC's does not, and each parallel
# region would be reported. Python is not instrumented, nor need it be: it holds its lock. The
# machine's best instruction set is built and watched; they are all the same source.
TSAN_CC   ?= clang
BEST       = $(foreach dtype,float32 float64 float16 bfloat16,$(NATIVE)_$(dtype))
WATCHED   := $(CURDIR)/build/tsan/lib
LLVM_LIBS  = $(dir $(shell $(TSAN_CC) -print-file-name=libomp.so))

tsan: $(DONE)/built $(DONE)/test  ## run the kernel under the thread sanitizer; needs Clang and its libomp
	CC="$(TSAN_CC)" SMOOTHXENT_SANITIZE=thread SMOOTHXENT_OPENMP=1 SMOOTHXENT_WERROR=0 SMOOTHXENT_KERNELS="$(BEST)" \
	$(BIN)/python setup.py --quiet build --build-base build/tsan --build-lib $(WATCHED)
	SMOOTHXENT_TSAN_RUNTIME="$(shell $(TSAN_CC) -print-file-name=libclang_rt.tsan-$(shell uname -m).so)" \
	SMOOTHXENT_WATCHED=$(WATCHED) LD_LIBRARY_PATH="$(LLVM_LIBS)" OMP_TOOL_LIBRARIES=libarcher.so \
	TSAN_OPTIONS=suppressions=$(CURDIR)/tests/process/thread_sanitizer.supp \
	$(BIN)/python -m pytest -p no:cacheprovider tests/process/test_races.py $(ARGS)

# Another build of its own, whose branches libFuzzer learns of from counters.c.
FUZZED := $(CURDIR)/build/fuzz

fuzz: $(DONE)/built $(DONE)/test $(DONE)/fuzz  ## look for a call that the oracle contradicts, for a minute
	SMOOTHXENT_FUZZ=1 $(BIN)/python setup.py --quiet build --build-base $(FUZZED) --build-lib $(FUZZED)/lib
	$(CC) -O2 -Wall -Wextra -Werror -shared -fPIC tools/fuzz/counters.c -o $(FUZZED)/counters.so
	PYTHONPATH=$(FUZZED)/lib:tests/support:tests/loss $(BIN)/python -m tools.fuzz $(ARGS)

mutants: $(DONE)/built $(DONE)/test  ## make small mistakes on purpose and count those that no test notices
	$(BIN)/python -m tools.mutation $(ARGS)

clean:  ## remove the environment and everything that was built
	rm -rf $(VENV) build dist .benchmarks .hypothesis .mypy_cache .pytest_cache .ruff_cache src/*.egg-info
	find src tests bench ext tools -name __pycache__ -prune -exec rm -rf {} +
	rm -f src/smoothxent/_kernel/*.so

# venv: the interpreter with the build requirements of pyproject.toml
# installed: the package, editable, without kernels; again when its metadata or its build change
# built: the kernels; only those that are older than their sources
# native: the kernels of this machine for float32 and float64; enough for the demo and the site
# demo, test, peers, examples, docs, bench, race, accuracy, lint, fuzz, wheel: the groups of these names

$(DONE)/venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "smoothxent needs Python 3.11 or newer, got " + sys.version)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")' \
	    > $(VENV)/build-requires.txt
	$(PIP) --requirement $(VENV)/build-requires.txt
	@mkdir -p $(DONE) && touch $@

$(DONE)/installed: pyproject.toml setup.py $(DONE)/venv
	$(PIP) "pip>=25.1"  # it knows --group
	SMOOTHXENT_KERNELS=none $(PIP) --no-build-isolation --editable .
	@touch $@

# The best instruction set of this machine. The package itself can't be imported before it has kernels.
NATIVE = $$(PYTHONPATH=src/smoothxent/_kernel $(BIN)/python -c 'import cpu; \
    print([isa for isa in ("portable", "neon", "avx2", "avx512") if cpu.supports(isa)][-1])')

$(DONE)/native: $(KERNEL) $(DONE)/installed
	SMOOTHXENT_KERNELS=none $(BIN)/python setup.py --quiet build_ext --inplace
	SMOOTHXENT_KERNELS="$(NATIVE)_float32 $(NATIVE)_float64" $(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

$(DONE)/built: $(KERNEL) $(DONE)/installed
	$(BIN)/python setup.py --quiet build_ext --inplace
	@touch $@

$(DONE)/demo $(DONE)/test $(DONE)/peers $(DONE)/docs $(DONE)/bench $(DONE)/race $(DONE)/accuracy $(DONE)/lint $(DONE)/fuzz $(DONE)/wheel: $(DONE)/installed
	$(PIP) --group $(notdir $@)
	@touch $@

$(DONE)/examples: $(DONE)/installed
	$(PIP) --group examples
	$(PIP) --no-deps textgenrnn  # for the weights that it carries
	@touch $@
