"""Windows that do the padding of PADs before them, in C: every tensor that is left equals golden's of the model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr.ir.tflite import parse
from tests.firmware.harness_build import HERE, compile_model, compile_runtime, run_c
from tests.firmware.harness_cores import TARGETS, compile_runtime_for, link_model, run_model
from tests.firmware.harness_models import KERNELS, expected_bytes, lower_with, samples
from tests.models.padded import padded


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_runtime(tmp_path_factory.mktemp("runtime"))


@pytest.mark.parametrize("kernel", KERNELS)
def test_c_equals_golden_with_every_kernel(kernel: str, tmp_path: Path, runtime: Path) -> None:
    rng = np.random.default_rng([KERNELS.index(kernel), 15])
    net = padded(rng)
    graph = parse(net.finish())
    program, x = lower_with(graph, kernel, ("lossless", "g=8,k=6,s=3")[KERNELS.index(kernel) % 2]), samples(graph, rng)
    assert sum(layer.op.kind in ("PAD", "PADV2") for layer in program.layers) == net.stays
    executable = compile_model(program, tmp_path, runtime, [HERE / "harness_model.c"])
    assert run_c(executable, x.tobytes()) == expected_bytes(graph, program, x)


WAYS = (("cortex-m4", ("pairs", "lanes", "dual")), ("cortex-m0", ("pairs", "lists")), ("rv32ec", ("pairs", "lists")))


@pytest.mark.parametrize(("core", "kernels"), WAYS, ids=[core for core, _ in WAYS])
def test_assembly_equals_golden(core: str, kernels: tuple[str, ...], tmp_path: Path) -> None:
    runtime = compile_runtime_for(TARGETS[core], tmp_path)
    for number, kernel in enumerate(kernels):
        rng = np.random.default_rng([number, len(core)])
        graph = parse(padded(rng).finish())
        program, x = lower_with(graph, kernel, "lossless", TARGETS[core].isa), samples(graph, rng, 3)
        folder = tmp_path / kernel
        folder.mkdir()
        assert run_model(link_model(TARGETS[core], program, runtime, folder), program, x) == expected_bytes(
            graph, program, x
        )
