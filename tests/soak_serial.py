"""Checks over a bad wire, and transfers in which the host or the board is killed: `make soak PARTS=wire,kill`.

The wire's board is the firmware as a process of this computer; what is killed is a process that flashes an emulated
board through its UART, or that board's emulator. Two images take turns, so that a mixture of both would be seen.
"""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from edge_tr import boards, compiler
from edge_tr.errors import DeviceError
from edge_tr.golden.ends import samples_of
from edge_tr.ir.tflite import parse
from edge_tr.manifest import BuildFolder
from edge_tr.target import check as device_check
from edge_tr.target.costs import Device
from edge_tr.target.emulator import RunningBoard, emulate
from edge_tr.target.flash import flash
from edge_tr.target.link import Link, Patience, identify
from edge_tr.target.port import open_port
from edge_tr.target.transfer import NoLoader
from tests.reliability import Row, processor_seconds, record
from tests.system.helpers import DIGITS, placed
from tests.system.lossy import Faults, lossy_wire

RATES = (0.001, 0.01)
SAMPLES = 500
KILLS = 60
RESETS = 3  # a host that is late, on a busy computer, finds the older program running
BOARD = "mps2-an386"
USUAL = Patience(reply_seconds=0.25, infer_seconds=120.0)
"""A board's on a cable, but for shorter seconds."""


def faults(rate: float) -> Faults:
    """Of each byte, a quarter of each kind."""
    kinds = dict.fromkeys(("lose", "double", "flip", "insert"), rate / 4)
    return Faults(**kinds, repeat=0.02, stale=0.02, delay=0.01, delay_seconds=0.1)


def wire(scratch: Path, seed: int, count: int) -> Iterator[Row]:
    """One check of so many samples at each rate."""
    folder = BuildFolder(scratch / "wire")
    compiler.build(DIGITS, "host", folder.path)
    compiler.flash(folder.path)
    models = device_check.Models(folder.model.read_bytes(), (folder.revealed.read_bytes(),))
    for rate in RATES:
        noise = np.random.default_rng(seed).integers(-128, 128, (count or SAMPLES, 8, 8, 1), np.int8)
        x = samples_of(parse(models.given), noise)
        before, wrong, notes = processor_seconds(), 0, ""
        with (
            emulate(boards.load("host"), folder.state) as running,
            lossy_wire(running.url, faults(rate), seed) as bad,
            open_port(bad.url, 115200) as port,
        ):
            device = Device(Link(port, USUAL), boards.load("host").board_id)
            try:
                report = device_check.check(device, folder.read(), models, x, {}, layers=True, progress=_say(rate))
                wrong, ended = report.mismatched_samples, 0
            except DeviceError as error:
                ended, notes = 1, str(error)
            notes = notes or f"{bad.frames:,} requests, {bad.faulty:,} chunks with a fault"
        what = f"every layer of random inputs, {100 * rate:g} % of bytes"
        yield Row(what, len(x), "samples", wrong + ended, round(processor_seconds() - before), seed, notes)


def kill(scratch: Path, seed: int, count: int) -> Iterator[Row]:
    """So many transfers that the host's end, and as many that the board's end."""
    dice, images = random.Random(seed), [BuildFolder(scratch / name) for name in ("lossless", "revealed")]
    for folder, budget in zip(images, ("lossless", "g=8,k=8")):
        compiler.build(DIGITS, BOARD, folder.path, budget=budget)
    for what, one in (("`flash` killed", _flash_killed), ("the board killed", _board_killed)):
        before, found, cut = processor_seconds(), 0, 0
        for number in range(count or KILLS):
            try:
                cut += one(images[number % 2], scratch / "state", dice)
            except (AssertionError, DeviceError) as error:
                found += 1
                print(f"\nsoak: {what}, {number}: {error!r}; seed {seed}", file=sys.stderr)
            print(f"\rsoak: {what}, {number + 1} transfers, {found} found", end="", file=sys.stderr, flush=True)
        spent = round(processor_seconds() - before)
        yield Row(what, count or KILLS, "kills", found, spent, seed, f"{cut} left half an image")


PARTS: dict[str, Callable[[Path, int, int], Iterator[Row]]] = {"wire": wire, "kill": kill}


def campaign(part: str, scratch: Path, seed: int, count: int, recorded: bool) -> bool:
    """Whether nothing was found."""
    found = 0
    for row in PARTS[part](scratch, seed, count):
        print(f"\nsoak: {part}: {row.what}: {row.tried} {row.unit}, {row.found} found; {row.notes}", file=sys.stderr)
        found += row.found
        if recorded:
            record(part, row)
    return found == 0


# --- kills ------------------------------------------------------------------------------------------


def _flash_killed(folder: BuildFolder, state: Path, dice: random.Random) -> bool:
    """The board stays as it was left, is not reset, and is flashed again. Whether the image was not whole."""
    with _board(folder, state) as running:
        _killed_at_random(folder, running.url, dice, lambda process: process.kill())
        half = not _is_whole(folder, state)
        try:
            _flash(folder, running.url)
        except NoLoader:  # an older program runs, for the host was late or died before it called: reset, as it says
            running.process.kill()
    _flash_and_run(folder, state)
    return half


def _board_killed(folder: BuildFolder, state: Path, dice: random.Random) -> bool:
    """It is switched on again: what then runs is whole, or it waits in its loader; and it is flashed again."""
    with _board(folder, state) as running:
        _killed_at_random(folder, running.url, dice, lambda _: running.process.kill())
    half = not _is_whole(folder, state)
    if half:
        try:
            _assert_runs(folder, state)
        except DeviceError as error:
            assert "in its loader and has no good image" in str(error) or "runs another build" in str(error), error
        else:
            raise AssertionError("half an image runs")
    _flash_and_run(folder, state)
    return half


def _flash_and_run(folder: BuildFolder, state: Path) -> None:
    """Flash a board that is switched on again, if it has not the whole image; and see that it runs."""
    for left in reversed(range(RESETS)):
        if _is_whole(folder, state):
            break
        with _board(folder, state) as running:
            try:
                _flash(folder, running.url)
            except NoLoader:
                if not left:
                    raise
    assert _is_whole(folder, state), "another image than was asked for"
    _assert_runs(folder, state)


def _killed_at_random(
    folder: BuildFolder, url: str, dice: random.Random, end: Callable[[multiprocessing.Process], None]
) -> None:
    """Begin a transfer in a process of its own, and end one side of it once a random share of it is done."""
    context = multiprocessing.get_context("fork")
    done = context.Value("i", 0)
    process = context.Process(target=_flash, args=(folder, url, done), daemon=True)
    process.start()
    wanted = dice.randrange(len(folder.image.read_bytes()))
    while done.value < wanted and process.is_alive():
        time.sleep(0.001)
    time.sleep(dice.random() * 0.02)
    end(process)
    process.join(60.0)
    assert not process.is_alive(), "flash hangs"


def _flash(folder: BuildFolder, url: str, done: object | None = None) -> None:
    def progress(moved: int, total: int) -> None:
        if done is not None:
            done.value = moved

    flash(boards.load(BOARD), folder.image.read_bytes(), url, Path(), progress=progress)


def _board(folder: BuildFolder, state: Path) -> RunningBoard:
    return emulate(boards.load(BOARD), state, loader_elf=folder.loader)


def _is_whole(folder: BuildFolder, state: Path) -> bool:
    return placed(folder.path, BOARD, state) == folder.image.read_bytes()


def _assert_runs(folder: BuildFolder, state: Path) -> None:
    """The board, switched on again, is the build's; DeviceError if not."""
    manifest = folder.read()
    with _board(folder, state) as running, open_port(running.url, 115200) as port:
        link = Link(port, Patience(tries=60))
        board = boards.load(BOARD).board_id
        identify(link, board, model_sha256=manifest.model_sha256, build_id=int(manifest.build_id, 16))


def _say(rate: float) -> Callable[[str, int, int, str], None]:
    def say(what: str, done: int, total: int, unit: str) -> None:
        line = f"soak: wire, {100 * rate:g} % of bytes, {what}, {done} of {total}"
        print(f"\r{line:<100}", end="", file=sys.stderr, flush=True)

    return say
