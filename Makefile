# Two commands do all the set-up: `make demo` and `make test`.
SHELL := /bin/sh
PYTHON ?= $(shell command -v python3.11 || command -v python3.10 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

# program-or-file:packages, packages separated by +
DEMO_TOOLS := arm-none-eabi-gcc:gcc-arm-none-eabi qemu-system-arm:qemu-system-arm
TEST_TOOLS := $(DEMO_TOOLS) gcc:gcc /usr/include/stdio.h:libc6-dev \
	riscv64-unknown-elf-gcc:gcc-riscv64-unknown-elf qemu-system-riscv32:qemu-system-misc \
	verilator:verilator+g++ iverilog:iverilog yosys:yosys tclsh:tcl git:git

# One thread of a library in each of the two workers; processes that tests start find their modules compiled.
TEST_ENVIRONMENT := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

.PHONY: demo test bench cycles synth reproduce fuzz fuzz-serial soak reliability pynq-matrix lint formats clean help

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

demo: $(VENV)/demo.stamp ## build, flash and check the digits model on an emulated board
	$(call require,$(DEMO_TOOLS))
	$(BIN)/edge-tr demo

test: $(VENV)/test.stamp ## the whole test suite, every tool needed
	$(call require,$(TEST_TOOLS))
	@echo "== generated formats are fresh"
	$(BIN)/python -m edge_tr.formats.emit --check
	@echo "== ruff"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "== pytest"
	EDGE_TR_NO_SKIPS=$(CI) $(TEST_ENVIRONMENT) $(BIN)/python -m pytest -n 2 --dist worksteal --durations=10 tests

bench: $(VENV)/test.stamp $(VENV)/reproduce.stamp ## tune, count whole models on every core and write docs/benchmarks.md (minutes)
	$(call require,$(TEST_TOOLS))
	$(BIN)/python -m edge_tr.bench_table

cycles: $(VENV)/test.stamp ## count the accelerator's cycles of nine models at six budgets and write docs/accelerator-cycles.md (minutes)
	$(call require,$(TEST_TOOLS))
	$(BIN)/python -m edge_tr.cycles_table

synth: $(VENV)/test.stamp ## estimate the accelerator's resources with yosys and write docs/accelerator-resources.md (minutes)
	$(BIN)/python -m edge_tr.synth_table

reproduce: $(VENV)/reproduce.stamp ## measure the published tables and write docs/reproduction.md (minutes)
	$(BIN)/python -m edge_tr.reproduction

fuzz: $(VENV)/test.stamp ## random models, damaged files and frames through everything that must agree: COUNT=models, MINUTES=, SEED=, PARTS=
	$(call require,$(TEST_TOOLS))
	$(BIN)/python -m tests.fuzz $(call option,count,COUNT) $(call option,minutes,MINUTES) $(call option,seed,SEED) $(call option,parts,PARTS)

fuzz-serial: $(VENV)/test.stamp ## hostile bytes to the firmware, the loader and the host: COUNT=executions, SEED=, PARTS=, RECORD=1
	$(call require,$(TEST_TOOLS))
	$(BIN)/python -m tests.fuzz_serial $(call option,count,COUNT) $(call option,seed,SEED) $(call option,parts,PARTS) $(if $(RECORD),--record)

soak: $(VENV)/test.stamp ## inferences with faults on the wire, in the DMA and in the accelerator: COUNT=inferences, MINUTES=, SEED=; PARTS=wire,kill: checks over a bad wire and killed transfers, RECORD=1
	$(call require,$(TEST_TOOLS))
	$(BIN)/python -m tests.soak $(call option,count,COUNT) $(call option,minutes,MINUTES) $(call option,seed,SEED) $(call option,parts,PARTS) $(if $(RECORD),--record)

reliability: $(VENV)/demo.stamp ## print docs/reliability.md from what campaigns recorded
	$(BIN)/python -m tests.reliability

pynq-matrix: $(VENV)/test.stamp ## the accelerator's package under pynq 3.0.1, 3.1.2 and 4.0.0, each in an environment of its own (minutes)
	$(call require,$(TEST_TOOLS))
	$(BIN)/python tests/pynq_matrix.py

lint: $(VENV)/test.stamp ## format and lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

formats: $(VENV)/demo.stamp ## print the packed formats as C, SystemVerilog and Markdown
	$(BIN)/python -m edge_tr.formats.emit

clean: ## remove what was built, not the virtual environment
	rm -rf out build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

$(VENV)/demo.stamp: pyproject.toml
	$(call require,)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e .
	@touch $@

$(VENV)/test.stamp: $(VENV)/demo.stamp
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[test]'
	@touch $@

$(VENV)/reproduce.stamp: $(VENV)/demo.stamp
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[reproduce]'
	@touch $@

# --name VALUE if the variable is set
option = $(if $($(2)),--$(1) $($(2)))

# Install the Debian packages behind the tools in $(1) that are missing, and Python's venv.
define require
	@missing=""; \
	for pair in $(1); do \
		tool=$${pair%%:*}; \
		command -v $$tool >/dev/null || test -f $$tool || missing="$$missing $$(echo $${pair#*:} | tr + ' ')"; \
	done; \
	test -x $(BIN)/python || $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || missing="$$missing python3-venv"; \
	test -n "$$missing" || exit 0; \
	install="apt-get install -y --no-install-recommends$$missing"; \
	if test "$$(id -u)" = 0; then as=""; \
	elif command -v sudo >/dev/null; then as="sudo"; \
	else echo "missing tools; as root, run:  apt-get update && $$install"; exit 5; fi; \
	echo "installing:$$missing"; \
	$$as apt-get update -q && DEBIAN_FRONTEND=noninteractive $$as $$install >$(or $(TMPDIR),/tmp)/edge-tr-apt.log 2>&1 || \
		{ tail -n 20 $(or $(TMPDIR),/tmp)/edge-tr-apt.log; echo "could not install; run:  $$as apt-get update && $$as $$install"; exit 5; }
endef
