"""`edge-tr bench`: what one inference of a build costs on its core, layer by layer.

The build's own firmware runs on an emulated core (no board, no emulator of the board), on one seeded input:
only saturation, rounding's exact path and multiplication by software depend on the data. Every tensor must equal
golden's, so that the counted run is a right one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from edge_tr import boards
from edge_tr.errors import MismatchError, UsageError
from edge_tr.files.changes import held
from edge_tr.golden.ends import Samples
from edge_tr.golden.samples import seeded_samples
from edge_tr.graph import Graph
from edge_tr.ir import tflite
from edge_tr.kernels.machines import counted_on
from edge_tr.lower import cores
from edge_tr.manifest import BuildFolder, LayerRecord, Manifest
from edge_tr.report.bench import BenchReport, LayerBench, Waiting
from edge_tr.report.boards import reads_text
from edge_tr.target.count import Count, Figures, Timing, estimate
from edge_tr.target.count_stack import Stack, worst_case
from edge_tr.target.count_trace import Trace, trace
from edge_tr.target.expected import Expected
from edge_tr.target.waits import Stalls


@dataclass(frozen=True)
class Run:
    """A traced run that was found right; `on` gives its figures on any core of its instruction set."""

    manifest: Manifest
    board: boards.Board
    trace: Trace
    stack: Stack
    reads: boards.Reads | None
    timed: tuple[str, ...]

    def on(self, core: str | None = None) -> BenchReport:
        """The figures on `core`, by default the board's own, or the one that the build was planned for instead; with
        memory on those whose waiting was played."""
        table = _table(core, self.board, self.manifest)
        listener = self.timed.index(table.name) if table.name in self.timed else None
        return _report(self, table, estimate(self.trace, table, listener))


def bench(path: Path, core: str | None = None, wait_states: int | None = None) -> BenchReport:
    """Count a build's instructions and estimate its cycles; MismatchError if its answers are wrong. `wait_states`:
    other ones than the board's."""
    if wait_states is not None and wait_states < 0:
        raise UsageError(f"--wait-states {wait_states}: the number of wait states cannot be negative")
    _, manifest, board = _open(path)
    core = _table(core, board, manifest).name  # before the work is done
    return trace_build(path, (core,), wait_states).on(core)


def _table(core: str | None, board: boards.Board, manifest: Manifest) -> cores.Core:
    """Of `core`, by default the board's own; of the one that the build was planned for where that is another, or where
    there is none of the board's."""
    own = counted_on(board.core, manifest.core)
    return cores.find(core or (own if own in cores.CORES else manifest.core))


_WORD = boards.Reads(clock_hz=0, wait_states=0, width=4, manual="none: 32 bits an access, no prefetch, no cache")
"""What `wait_states` are of where the board does not say what it reads through."""


def _reads(board: boards.Board, wait_states: int | None) -> boards.Reads | None:
    if wait_states is None:
        return board.reads
    return replace(board.reads or _WORD, wait_states=wait_states)


def trace_build(path: Path, timed: Sequence[str] = (), wait_states: int | None = None) -> Run:
    """Run a build's layers on the seeded input; compare every tensor with golden's. `timed`: cores whose waiting for
    memory is played too, one after the other through the same run; by default the build's own. Of a core whose cycles
    are not known nobody knows when it waits."""
    _open(path)  # says that there is no build, before anything is locked
    with held(path):
        folder, manifest, board = _open(path)
        reads, memory = _reads(board, wait_states), board.memory
        known = [name for name in timed or (manifest.core,) if cores.find(name).cycles is not None]
        names = tuple(known) if reads is not None else ()
        origin = memory.flash_origin if board.flash.base is None else board.flash.base
        size = memory.flash_origin + memory.flash_bytes - origin
        timings = [Timing(cores.find(name), reads, origin, size) for name in names if reads is not None]
        levels = [tflite.load(folder.revealed_of(level)) for level in manifest.levels]
        x = seeded_input(levels[-1])
        inputs = [values.tobytes() for values in x.values.values()]
        traced = trace(folder.elf, inputs, len(manifest.layers), manifest.name, timings)
        _compare(levels, manifest, x, traced)
        return Run(manifest, board, traced, worst_case(folder.elf, folder.objects), reads, names)


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
            raise MismatchError(
                f"layer {layer.name} computed a result that differs from golden's, so its cost is meaningless"
            )


def _report(ran: Run, core: cores.Core, counted: Count) -> BenchReport:
    manifest, stack = ran.manifest, ran.stack
    total, waiting = counted.total, _waiting(ran.reads, counted)
    all_cycles = waiting.cycles_with_memory or total.cycles_estimated
    stalls = counted.stalls or [None] * len(manifest.layers)
    return BenchReport(
        model=manifest.model,
        target=manifest.target,
        budget=manifest.budget,
        core=core.name,
        table=core.source,
        **_shown(total, core),
        **asdict(waiting),
        flash_bytes=manifest.flash_bytes,
        flash_limit=manifest.flash_limit,
        ram_bytes=manifest.ram_bytes,
        ram_limit=manifest.ram_limit,
        arena_bytes=manifest.arena_bytes,
        stack_bytes=stack.bytes,
        stack_reserved=manifest.ram.stack,
        stack_note=stack.note,
        layers=tuple(
            _layer(record, figures, waited, all_cycles, core)
            for record, figures, waited in zip(manifest.layers, counted.layers, stalls, strict=True)
        ),
    )


def _waiting(reads: boards.Reads | None, counted: Count) -> Waiting:
    """All None where no memory was played."""
    if reads is None or not counted.stalls:
        return Waiting(None, None, None, None, None, None)
    code, data = (sum(getattr(stalls, of) for stalls in counted.stalls) for of in ("code", "data"))
    cycles = counted.total.cycles_estimated + code + data
    milliseconds = round(cycles * 1000 / reads.clock_hz, 3) if reads.clock_hz else None
    return Waiting(reads_text(reads), reads.wait_states, cycles, code, data, milliseconds)


def _shown(figures: Figures, core: cores.Core) -> dict[str, int | None]:
    """Without cycles where nobody has published what the core's instructions take."""
    return asdict(figures) | ({} if core.cycles else {"cycles_estimated": None, "cycles_requantising": None})


def _layer(
    record: LayerRecord, figures: Figures, stalls: Stalls | None, all_cycles: int, core: cores.Core
) -> LayerBench:
    with_memory = None if stalls is None else figures.cycles_estimated + stalls.code + stalls.data
    return LayerBench(
        name=record.name,
        op=record.op,
        kernel=record.kernel,
        macs=record.macs + record.macs_removed,
        outputs=record.tensor_bytes,
        flash_bytes=record.flash_bytes,
        share=round((with_memory or figures.cycles_estimated) / all_cycles, 4),
        cycles_planned=record.cycles_estimated,
        cycles_with_memory=with_memory,
        stalls_code=None if stalls is None else stalls.code,
        stalls_data=None if stalls is None else stalls.data,
        **_shown(figures, core),
    )
