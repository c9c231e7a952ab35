"""The fuzzers of the device's side, compiled: fuzz_frames.c with the applications of tiny models, fuzz_loader.c."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np

from edge_tr.formats import image
from edge_tr.ir.tflite import parse
from edge_tr.lower.program import Program
from tests.firmware.harness_build import FIRMWARE, HERE, compile_c, compile_runtime, write_tree
from tests.firmware.harness_models import Network, lower_levels, lower_with
from tests.models.with_ends import stream

LOADER = {
    "TR_IMAGE_ORIGIN": 0x2100_0000,
    "TR_IMAGE_BYTES": 0x4000,
    "TR_FLASH_BYTES": 0x4000,
    "TR_PAGE_BYTES": 0x400,
    "TR_PRODUCT_ID": 0xED01,
    "TR_BOARD_ID": image.board_id("a-board"),
    "TR_BOOT_WAIT_MS": 300,
    "TR_BOOT_TIMEOUT_MS": 500,
}


def compile_frames(folder: Path) -> Path:
    """Three layers, an input of 18 bytes, two budgets: what costs time is the link, not the inference."""
    net = Network(np.random.default_rng(1), (3, 3, 2))
    net.flatten()
    net.dense(5)
    net.softmax()
    return _application(lower_levels(parse(net.finish()), "g=8,k=3; g=8,k=12"), folder)


def compile_states(folder: Path) -> Path:
    """The same of a model with a state and two outputs."""
    return _application(lower_with(parse(stream(first=[1, 2, 3, 4, 5])), "planes", "lossless"), folder)


def _application(program: Program, folder: Path) -> Path:
    tree = write_tree(program, folder)
    sources = [FIRMWARE / "app/link.c", FIRMWARE / "app/main.c", HERE / "fuzz_frames.c", compile_runtime(folder)]
    includes = [tree / "model", tree / "include", tree / "app"]
    return compile_c(folder / "frames", [*(tree / "model").glob("*.c"), *sources], includes, ["-Dmain=app_main"])


def compile_loader(folder: Path) -> Path:
    """The loader of unsigned images, without memory.c."""
    sources = [path for path in sorted((FIRMWARE / "boot").glob("*.c")) if path.name != "memory.c"]
    sources += [FIRMWARE / "src/tr_crc32.c", HERE / "fuzz_loader.c"]
    defines = [f"-D{name}={value}u" for name, value in LOADER.items()]
    return compile_c(folder / "loader", sources, [FIRMWARE / "boot"], ["-Dmain=loader_main", *defines])


PARTS: dict[str, Callable[[Path], Path]] = {
    "device-frames": compile_frames,
    "device-states": compile_states,
    "device-loader": compile_loader,
}


def run(program: Path, first: int, count: int) -> None:
    """So many executions from a seed on; AssertionError with the report of what was found."""
    done = subprocess.run([program, str(first), str(count)], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr[:3000]
