"""What a user's program may do with the generated C: any argument, its own C library, the largest sums."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr.errors import ModelError
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.ir.writer import ModelWriter
from tests.firmware.harness_build import FIRMWARE, HERE, WARNINGS, command, compile_model, compile_runtime, run_c
from tests.firmware.harness_models import expected_bytes, lower_levels, lower_with, random_network

GIVEN = ("memcpy", "memmove", "memset", "memcmp")
CORE = ("arm-none-eabi-gcc", "-mcpu=cortex-m4", "-mthumb", *WARNINGS, "-O2")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


# --- bounds -----------------------------------------------------------------------


@pytest.mark.parametrize("budgets", ["lossless", "g=8,k=3; g=8,k=12"])
def test_layers_and_levels_beyond_the_last_one_are_nothing(budgets: str, tmp_path: Path, runtime: Path) -> None:
    graph = parse(random_network(np.random.default_rng(4)))
    program = compile_model(lower_levels(graph, budgets), tmp_path, runtime, [HERE / "harness_bounds.c"])
    run_c(program)


# --- sums -------------------------------------------------------------------------


def pooled(kind: str, height: int, width: int) -> Graph:
    """One window over a whole image."""
    model = ModelWriter()
    x, y = model.activation((1, height, width, 1), 0.5, 3), model.activation((1, 1, 1, 1), 0.5, 3)
    options = dict(padding="VALID", stride_h=1, stride_w=1, filter_height=height, filter_width=width)
    model.op(kind, [x], [y], version=2, **options)
    return parse(model.finish([x], [y]))


def mean(count: int) -> Graph:
    model = ModelWriter()
    x, y = model.activation((1, count, 1, 1), 0.5, 127), model.activation((1, 1), 0.5, 127)
    model.op("MEAN", [x, model.constant(np.array([1, 2], np.int32))], [y], version=2, keep_dims=False)
    return parse(model.finish([x], [y]))


def test_averages_over_more_than_an_int32_sums_are_refused() -> None:
    pooled("MAX_POOL_2D", 4096, 4096)
    with pytest.raises(ModelError, match="a window over 16,715,776 elements; supported: up to 16,711,934"):
        pooled("AVERAGE_POOL_2D", 4096, 4081)
    with pytest.raises(ModelError, match="a mean over 8,421,505 elements; supported: up to 8,421,504"):
        mean(8_421_505)


@pytest.mark.parametrize("graph", [pooled("AVERAGE_POOL_2D", 4096, 4080), mean(8_421_504)], ids=["pool", "mean"])
def test_the_largest_averages_overflow_nothing(graph: Graph, tmp_path: Path, runtime: Path) -> None:
    program = lower_with(graph, "pairs", "lossless")
    executable = compile_model(program, tmp_path, runtime, [HERE / "harness_model.c"])
    x = np.full((1, *graph.tensor(graph.inputs[0]).shape[1:]), -128, np.int8)
    assert run_c(executable, x.tobytes()) == expected_bytes(graph, program, x)


# --- the user's C library -----------------------------------------------------------


def test_another_definition_of_the_memory_functions_wins(tmp_path: Path) -> None:
    """Freestanding code and a library: of two definitions the library's is linked."""
    library = tmp_path / "library.c"
    library.write_text(
        "#include <stddef.h>\n"
        "void *memcpy(void *restrict to, const void *restrict from, size_t n);\n"
        "void *memcpy(void *restrict to, const void *restrict from, size_t n) { (void)from; (void)n; return to; }\n"
        "void start(void);\nvoid start(void) { (void)memcpy(0, 0, 0); }\n"
    )
    sources = [FIRMWARE / "src/tr_string.c", library]
    flags = ("-ffreestanding", "-nostdlib", "-Wl,-e,start")
    for order in (sources, sources[::-1]):
        command(*CORE, *flags, *order, "-o", tmp_path / "program")
        listed = command("arm-none-eabi-nm", tmp_path / "program").splitlines()
        kinds = {name: kind for _, kind, name in (line.split() for line in listed)}
        assert kinds["memcpy"] == "T" and {kinds[name] for name in GIVEN[1:]} == {"W"}


def test_with_a_c_library_nothing_of_it_is_defined(tmp_path: Path) -> None:
    """A weak definition would win against a member of an archive, such as newlib's."""
    for compiler, nm in ((CORE, "arm-none-eabi-nm"), (("gcc", *WARNINGS), "nm")):
        command(*compiler, "-c", FIRMWARE / "src/tr_string.c", "-o", tmp_path / "string.o")
        assert command(nm, tmp_path / "string.o").strip() == ""
