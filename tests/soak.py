"""Many inferences with injected faults: `make soak`.

Three take turns: the firmware behind a wire that loses, doubles, flips, inserts, repeats and delays, and the
co-simulated accelerator whose transfers are cut short, stuck or misdirected, that hangs, is reset in mid-run, and
whose streams pause at random, and commands that are killed while they change a build folder. After every fault the
next inference must be right and the folder whole; buffers and memory must not grow.
"""

from __future__ import annotations

import argparse
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edge_tr import boards, compiler
from edge_tr.accel import lower_accel
from edge_tr.errors import DeviceError
from edge_tr.formats import accelerator as f
from edge_tr.golden.run import run
from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder
from edge_tr.prepared.budget import parse as parse_budget
from edge_tr.target.emulator import emulate
from edge_tr.target.link import Link, Patience
from edge_tr.target.port import open_port
from edge_tr.target.virtual_zynq import VirtualZynq
from tests import soak_serial
from tests.accel.simulated_board import BOARD, SimulatedBoard
from tests.firmware.harness_models import random_network
from tests.system.helpers import DIGITS
from tests.system.killed import contents, events_of, killed_at
from tests.system.lossy import Faults, lossy_wire

WIRE = Faults(lose=0.001, double=0.001, flip=0.001, insert=0.001, repeat=0.1, delay=0.02, delay_seconds=0.3)
PATIENT = Patience(reply_seconds=0.5, tries=80, infer_seconds=120.0)
STREAM_CYCLES = 3000  # a stuck stream is an error after so many
MOST_GROWTH = 64 << 10  # KB of memory between the first quarter and the end
ACCELERATOR, DMA = BOARD.addresses["accelerator"], BOARD.addresses["dma"]


class FaultyZynq(VirtualZynq):
    """A fake Zynq that reads or writes something else at some addresses while `reads` and `writes` say so."""

    def __init__(self, board: object, core: object) -> None:
        super().__init__(board, core)
        self.reads: dict[int, int] = {}
        self.writes: dict[int, Callable[[int], int]] = {}

    def _read(self, address: int) -> int:
        value = super()._read(address)
        return self.reads.get(address, value)

    def _write(self, address: int, value: int) -> None:
        super()._write(address, self.writes.get(address, int)(value))


def firmware(scratch: Path, rng: np.random.Generator) -> Iterator[str]:
    """Inferences of the digits firmware over the bad wire; what was done, after each."""
    folder = BuildFolder(scratch / "digits")
    compiler.build(DIGITS, "host", folder.path)
    compiler.flash(folder.path)
    graph = tflite.load(DIGITS)
    with emulate(boards.load("host"), folder.state) as running:
        for wires in range(1 << 30):
            with lossy_wire(running.url, WIRE, wires) as wire, open_port(wire.url, 115200) as port:
                link = Link(port, PATIENT)
                for sample in range(10):
                    x = rng.integers(-128, 128, (1, 8, 8, 1), np.int8)
                    golden = run(graph, x).output.tobytes()
                    number = int(rng.integers(1 << 31))
                    link.load_input(number, x.tobytes())
                    link.infer(number)
                    assert link.read_output(number, len(golden)) == golden, f"wire {wires}, sample {sample}"
                    yield f"firmware, {wire.faulty} faults on wire {wires}"


def killed(scratch: Path, rng: np.random.Generator) -> Iterator[str]:
    """Commands that SIGKILL ends at some operation on files: the folder has the old files or the new ones."""
    folder, now = scratch / "old", scratch / "now"
    compiler.build(DIGITS, "host", folder)
    compiler.flash(folder)
    compiler.check(folder, limit=1)
    commands = (
        ["build", DIGITS, "--target", "host", "--budget", "k=4", "-o"], ["flash"], ["check", "--limit", "2"],
    )  # fmt: skip
    shutil.copytree(folder, now)
    old, ends = contents(now), []  # of a copy, as the others are
    shutil.rmtree(now)
    for command in commands:
        shutil.copytree(folder, now)
        ends.append((command, events_of([*command, now]), contents(now)))
        shutil.rmtree(now)
    for number in range(1 << 30):
        command, events, new = ends[number % len(ends)]
        shutil.copytree(folder, now)
        killed_at([*command, now], at := int(rng.integers(1, events + 1)))
        compiler.levels(now)  # opens the folder
        assert contents(now) in (old, new), f"{command[0]} killed at file operation {at} of {events}"
        compiler.flash(now)
        shutil.rmtree(now)
        yield f"{command[0]} killed at file operation {at} of {events}"


def accelerator(scratch: Path, rng: np.random.Generator) -> Iterator[str]:
    """Inferences of several programs, with a fault before every other one."""
    board = SimulatedBoard(scratch, FaultyZynq, seconds=60.0)
    try:
        while True:
            graph = tflite.parse(random_network(rng))
            program = lower_accel(graph, parse_budget(str(rng.choice(["lossless", "g=8,k=8", "g=8,k=6,s=3"]))))
            driver = board.load(program, STREAM_CYCLES)
            held = board.zynq.allocated
            for _ in range(10):
                board.core.pause(*(int(v) for v in rng.integers(0, 160, 2)), int(rng.integers(1, 1 << 16)))
                shape = graph.tensor(graph.inputs[0]).shape[1:]
                x = rng.integers(-128, 128, (int(rng.integers(1, 4)), *shape), np.int8)
                fault = FAULTS[int(rng.integers(len(FAULTS)))]
                fault(board, driver, x, rng)
                golden = run(graph, x, weights=program.most.revealed, data_terms=program.data_terms).output
                np.testing.assert_array_equal(driver.predict(x).reshape(golden.shape), golden, err_msg=fault.__name__)
                assert board.zynq.allocated == held, f"{fault.__name__} left buffers behind"
                yield f"accelerator, after {fault.__name__}"
    finally:
        board.close()


# --- what goes wrong on the accelerator ---------------------------------------------------------


def no_fault(board: SimulatedBoard, driver: object, x: np.ndarray, rng: np.random.Generator) -> None:
    """Nothing."""


def _fails(board: SimulatedBoard, driver: object, x: np.ndarray) -> None:
    """An inference that must end in an error; then the fault is gone."""
    try:
        driver.predict(x)
    except board.module("errors").DeviceError:
        return
    finally:
        board.zynq.reads.clear()
        board.zynq.writes.clear()
    raise AssertionError("a fault went by without an error")


def short_transfer(board: SimulatedBoard, driver: object, x: np.ndarray, rng: np.random.Generator) -> None:
    """The DMA sends less than it was told."""
    board.zynq.writes[DMA + 0x28] = lambda length: max(8, length // 2 // 8 * 8) if length > 8 else 0
    _fails(board, driver, x)


def stuck_stream(board: SimulatedBoard, driver: object, x: np.ndarray, rng: np.random.Generator) -> None:
    """The DMA never sends."""
    board.zynq.writes[DMA + 0x28] = lambda length: 0
    _fails(board, driver, x)


def lost_output(board: SimulatedBoard, driver: object, x: np.ndarray, rng: np.random.Generator) -> None:
    """The DMA never receives."""
    board.zynq.writes[DMA + 0x58] = lambda length: 0
    _fails(board, driver, x)


def wrong_address(board: SimulatedBoard, driver: object, x: np.ndarray, rng: np.random.Generator) -> None:
    """The DMA is told to read where nothing is."""
    board.zynq.writes[DMA + 0x18] = lambda address: 0x10
    _fails(board, driver, x)


def hang(board: SimulatedBoard, driver: object, x: np.ndarray, rng: np.random.Generator) -> None:
    """The accelerator is busy for ever."""
    board.zynq.reads[ACCELERATOR + f.REGISTER.STATUS] = f.STATUS.BUSY
    patience, driver.seconds = driver.seconds, 0.05
    try:
        _fails(board, driver, x)
    finally:
        driver.seconds = patience


def reset_in_mid_run(board: SimulatedBoard, driver: object, x: np.ndarray, rng: np.random.Generator) -> None:
    """Somebody resets everything while a batch is under way."""
    outputs = driver.stream(x)
    next(outputs)
    board.core.run(int(rng.integers(1, 2000)))
    driver.reset()
    outputs.close()


def abandoned_layers(board: SimulatedBoard, driver: object, x: np.ndarray, rng: np.random.Generator) -> None:
    """A run layer by layer that ends early."""
    list(driver.run_layers(x[0], int(rng.integers(0, len(driver.program.levels[0].names)))))


FAULTS = (no_fault, short_transfer, stuck_stream, lost_output, wrong_address, hang, reset_in_mid_run, abandoned_layers)


SOURCES = (firmware, accelerator, killed)


def main() -> int:
    """Entry point; the exit code: 1 after the first wrong answer or leak."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=0, help="inferences; 0: until the time is up")
    parser.add_argument("--minutes", type=float, default=10.0, help="if no count is given (default %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="of all faults (default: by the clock)")
    parser.add_argument("--parts", default="", help="instead, some of wire,kill; --count: samples or kills of each")
    parser.add_argument("--record", action="store_true", help="of those, write the figures into docs/reliability/")
    arguments = parser.parse_args()
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    if arguments.parts:
        return _campaigns(arguments.parts.split(","), seed, arguments)
    start, done, settled = time.monotonic(), 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        folders = [Path(scratch) / source.__name__ for source in SOURCES]
        for folder in folders:
            folder.mkdir()
        sources = [source(folder, np.random.default_rng([seed, i])) for i, (source, folder) in enumerate(
            zip(SOURCES, folders))]  # fmt: skip
        try:
            while (share := _share(done, start, arguments)) < 1:
                said = next(sources[done % len(sources)])
                done += 1
                settled = settled if settled and share > 0.25 else _memory()
                line = f"soak: {done} inferences, {time.monotonic() - start:.0f} s, {said}"
                print(f"\r{line:<100}", end="", file=sys.stderr, flush=True)
        except (AssertionError, DeviceError) as error:
            print(f"\nsoak: inference {done}: {error}; reproduce: make soak SEED={seed}", file=sys.stderr)
            return 1
        finally:
            for source in sources:
                source.close()
    growth = _memory() - settled
    print(f"\nsoak: {done} inferences from seed {seed}, all right; memory grew by {growth:,} KB", file=sys.stderr)
    return 0 if growth < MOST_GROWTH else 1


def _campaigns(parts: list[str], seed: int, arguments: argparse.Namespace) -> int:
    """Those of soak_serial; the exit code."""
    with tempfile.TemporaryDirectory() as scratch:
        good = [soak_serial.campaign(part, Path(scratch), seed, arguments.count, arguments.record) for part in parts]
    return 0 if all(good) else 1


def _share(done: int, start: float, arguments: argparse.Namespace) -> float:
    """How much of the work is done."""
    return done / arguments.count if arguments.count else (time.monotonic() - start) / (60 * arguments.minutes)


def _memory() -> int:
    """The most memory that this process has had, KB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    sys.exit(main())
