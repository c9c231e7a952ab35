"""`edge-tr bench`: what one inference of a build costs on its core, layer by layer.

The build's own firmware runs on an emulated core (no board, no emulator of the board), on one seeded input:
only saturation, rounding's exact path and multiplication by software depend on the data. Every tensor must equal
golden's, so that the counted run is a right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_tr import boards
from edge_tr.errors import MismatchError, UsageError
from edge_tr.files.changes import held
from edge_tr.golden.ends import Samples
from edge_tr.golden.samples import seeded_samples
from edge_tr.graph import Graph
from edge_tr.ir import tflite
from edge_tr.lower import cores
from edge_tr.manifest import BuildFolder, LayerRecord, Manifest
from edge_tr.report.bench import BenchReport, LayerBench
from edge_tr.target.count import Count, Figures, estimate
from edge_tr.target.count_stack import Stack, worst_case
from edge_tr.target.count_trace import Trace, trace
from edge_tr.target.expected import Expected


@dataclass(frozen=True)
class Run:
    """A traced run that was found right; `on` gives its figures on any core of its instruction set."""

    manifest: Manifest
    board: boards.Board
    trace: Trace
    stack: Stack

    def on(self, core: str | None = None, wait_states: int = 0) -> BenchReport:
        """The figures on `core`, by default the one that the build was planned for."""
        table = cores.find(core or self.manifest.core)
        return _report(self, table, estimate(self.trace, table, wait_states))


def bench(path: Path, core: str | None = None, wait_states: int = 0) -> BenchReport:
    """Count a build's instructions and estimate its cycles; MismatchError if its answers are wrong."""
    if wait_states < 0:
        raise UsageError(f"--wait-states {wait_states}: flash cannot be faster than at once")
    cores.find(core or _open(path)[1].core)  # before the work is done
    return trace_build(path).on(core, wait_states)


def trace_build(path: Path) -> Run:
    """Run a build's layers on the seeded input; compare every tensor with golden's."""
    _open(path)  # says that there is no build, before anything is locked
    with held(path):
        folder, manifest, board = _open(path)
        levels = [tflite.load(folder.revealed_of(level)) for level in manifest.levels]
        x = seeded_input(levels[-1])
        inputs = [values.tobytes() for values in x.values.values()]
        traced = trace(folder.elf, inputs, len(manifest.layers), manifest.name)
        _compare(levels, manifest, x, traced)
        return Run(manifest, board, traced, worst_case(folder.elf, folder.objects))


def _open(path: Path) -> tuple[BuildFolder, Manifest, boards.Board]:
    folder = BuildFolder(path)
    manifest = folder.read()
    if not isinstance(manifest, Manifest):
        raise UsageError(f"{manifest.target} is an accelerator: edge-tr check gives its cycles, simulated or measured")
    if not folder.elf.is_file():
        raise UsageError(f"{path} holds no program: run edge-tr build again")
    return folder, manifest, boards.load(manifest.board_folder or manifest.target)


def seeded_input(graph: Graph) -> Samples:
    """Noise: the first sample of `check` without data, or the first step of its first sequence."""
    return Samples(seeded_samples(graph).part(slice(1)).step(0))


def _compare(levels: Sequence[Graph], manifest: Manifest, x: Samples, traced: Trace) -> None:
    tensors = Expected(levels, len(levels) - 1, manifest).tensors(x)
    for layer, ran in zip(manifest.layers, traced.layers):
        if tensors[layer.tensor_index].tobytes() != ran.output:
            raise MismatchError(f"layer {layer.name} computed something else than golden: its cost says nothing")


def _report(ran: Run, core: cores.Core, counted: Count) -> BenchReport:
    manifest, stack = ran.manifest, ran.stack
    total = counted.total
    return BenchReport(
        model=manifest.model,
        target=manifest.target,
        budget=manifest.budget,
        core=core.name,
        table=core.source,
        wait_states=counted.wait_states,
        **asdict(total),
        flash_bytes=manifest.flash_bytes,
        flash_limit=manifest.flash_limit,
        ram_bytes=manifest.ram_bytes,
        ram_limit=manifest.ram_limit,
        arena_bytes=manifest.arena_bytes,
        stack_bytes=stack.bytes,
        stack_reserved=ran.board.memory.stack_bytes,
        stack_note=stack.note,
        layers=tuple(
            _layer(record, figures, total.cycles_estimated) for record, figures in zip(manifest.layers, counted.layers)
        ),
    )


def _layer(record: LayerRecord, figures: Figures, all_cycles: int) -> LayerBench:
    return LayerBench(
        name=record.name,
        op=record.op,
        kernel=record.kernel,
        macs=record.macs + record.macs_removed,
        outputs=record.tensor_bytes,
        flash_bytes=record.flash_bytes,
        share=round(figures.cycles_estimated / all_cycles, 4),
        cycles_planned=record.cycles_estimated,
        **asdict(figures),
    )
