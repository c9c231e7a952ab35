# Two commands do all the set-up: `make demo` and `make test`.
SHELL := /bin/sh
BIN := .venv/bin

# One thread of a library in each of the two workers; processes that tests start find their modules compiled.
TEST_ENVIRONMENT := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=

# Tuning adds up floats, which numpy's OpenBLAS does in an order of its own on each kind of processor: published tables
# come from the one that every x86-64 processor with AVX2 can follow.
SAME_SUMS := OPENBLAS_CORETYPE=Haswell

# `make -j` would start two package managers at once.
.NOTPARALLEL:
.PHONY: install-demo install-docs install-test install-reproduce demo test docs documents tutorials bench cycles synth bitstream comparison reproduce fuzz fuzz-serial conformance matrix soak reliability pynq-matrix lint lock sbom formats clean help

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1	/p' Makefile

demo: install-demo ## build, flash and check the digits model on an emulated board
	$(BIN)/edge-tr demo

test: install-test ## the whole test suite, every tool needed
	@echo "== generated formats are fresh"
	$(BIN)/python -m edge_tr.formats.emit --check
	$(BIN)/python -m edge_tr.codegen.structs --check
	@echo "== ruff"
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@echo "== pytest"
	EDGE_TR_NO_SKIPS=$(CI) $(TEST_ENVIRONMENT) $(BIN)/python -m pytest -n 2 --dist worksteal --durations=10 tests

docs: install-docs ## build the documentation as a site in out/site; a dead link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

documents: install-test ## write the pages, pictures and numbers of the documentation that come from the source
	$(BIN)/python -m documents.reference
	$(BIN)/python -m documents.pictures
	$(BIN)/python -m documents.numbers
	$(BIN)/python -m documents.sizes

tutorials: install-test ## run every command of docs/tutorials, each page in an empty folder (gigabytes, minutes): PAGES=docs/tutorials/keras.md
	$(BIN)/python -m documents.commands $(PAGES)

bench: install-test install-reproduce ## tune, count whole models on every core and write docs/benchmarks.md and docs/benchmarks-mobile.md (minutes)
	$(SAME_SUMS) $(BIN)/python -m edge_tr.bench_table
	$(BIN)/python -m tests.mobile_table

cycles: install-test ## count the accelerator's cycles of nine models at six budgets and write docs/accelerator-cycles.md (minutes)
	$(BIN)/python -m edge_tr.cycles_table

cycles-large: install-test ## the same of models larger than the accelerator, and docs/accelerator-large.md: MODELS=names (an hour of one core; resumable)
	$(BIN)/python -m tests.large_cycles $(MODELS)

synth: install-test ## estimate the accelerator's resources with yosys and write docs/accelerator-resources.md (minutes)
	$(BIN)/python -m edge_tr.synth_table

comparison: install-test install-reproduce ## compare the term array with multipliers and the paper's term MAC at equal LUTs and write docs/accelerator-comparison.md (minutes)
	$(BIN)/python -m edge_tr.comparison_table

bitstream: install-test ## make the bitstream of the ULX3S by yosys and nextpnr and write docs/ulx3s-bitstream.md (many minutes, once)
	$(BIN)/python -m edge_tr.bitstream_table

reproduce: install-reproduce ## measure the published tables and write docs/reproduction.md (minutes)
	$(SAME_SUMS) $(BIN)/python -m edge_tr.reproduction

fuzz: install-test ## random models, damaged files and frames through everything that must agree: COUNT=models, MINUTES=, SEED=, PARTS=
	$(BIN)/python -m tests.fuzz $(call option,count,COUNT) $(call option,minutes,MINUTES) $(call option,seed,SEED) $(call option,parts,PARTS)

fuzz-serial: install-test ## hostile bytes to the firmware, the loader and the host: COUNT=executions, SEED=, PARTS=, RECORD=1
	$(BIN)/python -m tests.fuzz_serial $(call option,count,COUNT) $(call option,seed,SEED) $(call option,parts,PARTS) $(if $(RECORD),--record)

conformance: install-test ## hundreds of cases of every operator through everything that must agree, and docs/operators.md: COUNT=cases (about 45 minutes of one core; resumable)
	$(BIN)/python -m tests.conformance $(call option,count,COUNT)

matrix: install-test ## every model of a folder on the host, emulated cores and the accelerator, and docs/models.md: MODELS=folder (hours; resumable)
	$(BIN)/python -m tests.model_matrix $(call option,models,MODELS)

soak: install-test ## inferences with faults on the wire, in the DMA and in the accelerator: COUNT=inferences, MINUTES=, SEED=; PARTS=wire,kill: checks over a bad wire and killed transfers, RECORD=1
	$(if $(PARTS),,$(BIN)/python -m tests.flips -o docs/reliability/flips.json)
	$(BIN)/python -m tests.soak $(call option,count,COUNT) $(call option,minutes,MINUTES) $(call option,seed,SEED) $(call option,parts,PARTS) $(if $(RECORD),--record)

reliability: install-demo ## print docs/reliability.md from what campaigns recorded
	$(BIN)/python -m tests.reliability

pynq-matrix: install-test ## the accelerator's package under pynq 3.0.1, 3.1.2 and 4.0.0, each in an environment of its own (minutes)
	$(BIN)/python tests/pynq_matrix.py

lint: install-test ## format and lint
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

lock: install-test ## choose the versions in requirements/ anew for what pyproject.toml asks
	$(BIN)/python -m pip install -q -e '.[lock]'
	UV=$(BIN)/uv requirements/lock.sh

sbom: install-test ## list the licences of all packages in docs/licences.md, and what edge-tr runs on as CycloneDX
	$(BIN)/python -m requirements.licences

formats: install-demo ## print the packed formats as C, SystemVerilog and Markdown
	$(BIN)/python -m edge_tr.formats.emit

clean: ## remove what was built, not the virtual environment
	rm -rf out build dist *.egg-info .pytest_cache .ruff_cache .hypothesis

# What is missing is installed first; ./install.sh says which group is what. PYTHON=/path/to/python3 chooses one.
install-demo install-docs install-test install-reproduce: install-%:
	@PYTHON='$(PYTHON)' ./install.sh $*

# --name VALUE if the variable is set
option = $(if $($(2)),--$(1) $($(2)))
