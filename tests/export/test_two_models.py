"""Two exported models in one C++ program, from two contexts each, in turn: on the host and on an emulated Cortex-M4."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from edge_tr.golden.ends import Samples, sample_shape
from edge_tr.golden.run import run
from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder
from tests.conftest import PROJECT
from tests.firmware.harness_build import FIRMWARE, command
from tests.system.helpers import DIGITS, succeed

PROGRAMS = Path(__file__).parent / "programs"
COMMON = PROJECT / "applications" / "common"
STEPS = 3
CONTEXTS = 2
TIMEOUT = 120


@pytest.fixture(scope="module")
def exported(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with builds `first`, of two budgets, and `second`, which keeps states; and `both`, their export."""
    folder = tmp_path_factory.mktemp("exported")
    target = ("--target", "mps2-an386")
    budgets = ("--budget", "g=8,k=4", "--budget", "lossless")
    succeed("build", DIGITS, *target, *budgets, "--name", "first", "-o", folder / "first")
    second = shared / "models" / "okay_nabu_v2.tflite"
    succeed("build", second, *target, "--name", "second", "-o", folder / "second")
    succeed("export", folder / "first", folder / "second", "--as", "cmake", "-o", folder / "both")
    x = {name: inputs(folder / name) for name in ("first", "second")}
    (folder / "samples.h").write_text(samples_header(x))
    (folder / "expected").write_bytes(expected(folder, x))
    return folder


def inputs(build: Path) -> np.ndarray:
    """Noise, [contexts, steps, ...], as the model inside takes it."""
    graph = tflite.load(BuildFolder(build).model)
    (tensor,) = graph.named_inputs
    return np.random.default_rng(5).integers(-128, 128, (CONTEXTS, STEPS, *sample_shape(tensor)), np.int8)


def samples_header(x: dict[str, np.ndarray]) -> str:
    lines = ["#include <stdint.h>", f"#define STEPS {STEPS}u"]
    for name, values in x.items():
        flat = values.view(np.uint8).reshape(CONTEXTS, STEPS, -1)
        rows = (", ".join(f"{{{', '.join(map(str, step))}}}" for step in context.tolist()) for context in flat)
        body = ", ".join(f"{{{row}}}" for row in rows)
        lines.append(f"static const uint8_t {name}_x[{CONTEXTS}][{STEPS}][{flat.shape[2]}] = {{{body}}};")
    return "\n".join([*lines, ""])


def expected(folder: Path, x: dict[str, np.ndarray]) -> bytes:
    """What two_models.cpp writes, by golden: the first model's context 0 has the lower budget."""
    build = BuildFolder(folder / "first")
    levels = [tflite.load(build.revealed_of(level)) for level in build.read().levels]
    stateful = tflite.load(folder / "second" / "model.tflite")
    first = [[run(graph, values).output for values in x["first"]] for graph in levels]
    second = run(stateful, Samples({stateful.inputs[0]: x["second"]}, STEPS)).output
    assert not np.array_equal(first[0][1], first[1][1]) and not np.array_equal(second[0, 0], second[0, 1])
    parts = [part for step in range(STEPS) for n in range(CONTEXTS) for part in (first[n][n][step], second[n, step])]
    parts += [first[1][1][0], second[0, 0]]
    return b"".join(np.ascontiguousarray(part).tobytes() for part in parts)


def built(exported: Path, folder: Path, *options: str) -> Path:
    """The program, by CMake."""
    command("cmake", "-S", PROGRAMS, "-B", folder, f"-DEXPORT={exported / 'both'}", f"-DSAMPLES={exported}", *options)
    command("cmake", "--build", folder, "--target", "two_models")
    return folder / "two_models"


def test_on_the_host_both_models_give_their_goldens(exported: Path, tmp_path: Path) -> None:
    """By the portable plan: this core is not the one that the models were planned for."""
    done = subprocess.run([built(exported, tmp_path)], capture_output=True, timeout=TIMEOUT)
    assert done.returncode == 0 and done.stdout == (exported / "expected").read_bytes()


def test_on_an_emulated_cortex_m4_both_models_give_their_goldens(exported: Path, tmp_path: Path) -> None:
    """By the plan for it, with assembly; static memory lies where the program says."""
    memory = f"-DMEMORY_FUNCTIONS={FIRMWARE / 'src' / 'tr_string.c'}"
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={COMMON / 'cortex-m4.cmake'}"
    elf = built(exported, tmp_path, toolchain, memory)
    machine = ("qemu-system-arm", "-M", "mps2-an386", "-display", "none", "-monitor", "none")
    semihosting = ("-semihosting-config", "enable=on,target=native")
    received = tmp_path / "received"
    done = subprocess.run([*machine, *semihosting, "-serial", f"file:{received}", "-kernel", elf], timeout=TIMEOUT)
    assert done.returncode == 0 and received.read_bytes() == (exported / "expected").read_bytes()
    places = {line.split()[-1]: int(line.split()[0], 16) for line in command("arm-none-eabi-nm", elf).splitlines()}
    arenas = [exported / name for name in ("first", "second")]
    taken = sum(BuildFolder(build).read().arena_bytes for build in arenas)
    assert places["mine_end"] - places["mine_start"] >= taken
