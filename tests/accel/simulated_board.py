"""The package of a build on the simulated accelerator, in this process: programs come and go, the driver stays."""

from __future__ import annotations

import importlib
import sys
import warnings
from pathlib import Path
from types import ModuleType

import numpy as np

from edge_tr import overlays
from edge_tr.accel import AccelProgram
from edge_tr.codegen import overlay as codegen
from edge_tr.golden.ends import Given, samples_of
from edge_tr.golden.run import run
from edge_tr.graph import Graph
from edge_tr.target.cosim import Core, build
from edge_tr.target.virtual_zynq import VirtualZynq, overlay_files

BOARD = overlays.load("pynq-z2")


class SimulatedBoard:
    """A fake Zynq around a Verilated core, and the driver's modules of the first program that was loaded."""

    def __init__(self, folder: Path, kind: type[VirtualZynq] = VirtualZynq, seconds: float = 200.0) -> None:
        self.folder, self.seconds = folder, seconds
        self.core = Core(build())
        self.zynq = kind(BOARD, self.core)
        self.accelerator = None

    def load(self, program: AccelProgram, stream_cycles: int = 200_000) -> object:
        """The driver's Accelerator with this program."""
        tree = codegen.source_tree(program, BOARD, "random.tflite")
        package = self.folder / codegen.PACKAGE
        package.mkdir(exist_ok=True)
        first = self.accelerator is None
        for name, data in tree.items():
            if name.startswith(f"{codegen.PACKAGE}/program.") or (first and name.startswith(codegen.PACKAGE)):
                (self.folder / name).parent.mkdir(exist_ok=True)
                (self.folder / name).write_bytes(data)
        if first:
            sys.path.insert(0, str(self.folder))
            options = dict(device=self.zynq, seconds=self.seconds, stream_cycles=stream_cycles)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # no interrupt: pynq finds no UIO device
                overlay = self.module("overlay").TermOverlay(overlay_files(self.folder, BOARD), **options)
            self.accelerator = overlay.accelerator
        else:
            self.accelerator.load(self.module("program").read_program(package))
        return self.accelerator

    def module(self, name: str) -> ModuleType:
        """One of the package's."""
        return importlib.import_module(f"{codegen.PACKAGE}.{name}")

    def close(self) -> None:
        """Forget the package and end the simulation."""
        if self.accelerator is not None:
            sys.path.remove(str(self.folder))
        for name in [name for name in sys.modules if name.startswith(codegen.PACKAGE)]:
            del sys.modules[name]
        self.core.close()


def compare(board: SimulatedBoard, graph: Graph, program: AccelProgram, x: Given, *, predicted: bool = True) -> None:
    """Every output of samples x and, of the first one, every layer, with golden, at every level; of a graph with states
    x are sequences. `predicted`: cycles too with what was predicted, which is of streams that never pause."""
    accelerator, given = board.load(program), samples_of(graph, x)
    named = {f"x{i}": given.values[index] for i, index in enumerate(graph.inputs)}
    named = named if len(named) > 1 else {"x": named["x0"]}
    first = (0,) * len(given.leading)
    for number, level in enumerate(program.levels):
        accelerator.level = number
        golden = run(graph, x, weights=level.revealed, data_terms=program.data_terms, keep="all")
        expected = level.alive.of(golden.tensors)
        for index, found in zip(graph.outputs, accelerator.outputs(accelerator.samples(named))):
            np.testing.assert_array_equal(found.ravel(), golden.outputs[index].ravel(), err_msg=f"tensor {index}")
        ran, planned = accelerator.cycles, level.cycles
        assert not predicted or abs(ran - planned) <= max(40, 0.01 * planned), (ran, planned)
        layers = [layer for turn in level.turns for layer in turn.layers]
        accelerator.reset_state()
        steps = list(
            accelerator.run_layers({name: of[first][np.newaxis] for name, of in named.items()}, len(layers) - 1)
        )
        assert len(steps) == len(layers)
        for layer, (tensor, _) in zip(layers, steps):
            np.testing.assert_array_equal(tensor, expected[layer.tensor][first].ravel(), err_msg=layer.name)
