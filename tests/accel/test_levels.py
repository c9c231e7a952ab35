"""Several budgets in one program: switched by register ENTRY, every layer golden's, nothing loaded in between."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge_tr import compiler, demo, overlays
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.formats import frames
from edge_tr.golden.run import run
from edge_tr.ir import tflite
from edge_tr.lower.accel import AccelProgram, lower_accel
from edge_tr.lower.accel import stream as streaming
from edge_tr.lower.budget import Budget, TrSetting, parse
from edge_tr.target.cosim import Core, build
from edge_tr.target.virtual_zynq import VirtualZynq, overlay_files
from tests.accel.test_cosim import LIMIT, C, R, control, dump, load
from tests.system.helpers import DIGITS, succeed

BOARD = overlays.load("pynq-z2")
BUDGETS = ("g=8,k=4", "g=8,k=8", "lossless")


@pytest.fixture(scope="module")
def library() -> Path:
    return build()


def lowered(budgets: tuple[str | Budget, ...]) -> AccelProgram:
    *below, most = (parse(budget) if isinstance(budget, str) else budget for budget in budgets)
    return lower_accel(tflite.read(Path(str(demo.MODEL)).read_bytes()), most, below)


def assert_levels_equal_golden(core: Core, program: AccelProgram, order: tuple[int, ...]) -> None:
    """Every layer of each level, in this order, after one load: stopping behind each layer, then in one run, whose
    cycles are those predicted."""
    graph = tflite.read(Path(str(demo.MODEL)).read_bytes())
    load(core, program)
    for number in order:
        level = program.levels[number]
        x = np.random.default_rng(number).integers(-128, 128, (1, 8, 8, 1)).astype(np.int8)
        tensors = run(graph, x, weights=level.of.revealed, data_terms=program.data_terms, keep="all").tensors
        expected = level.of.alive.of(tensors)
        sent = np.concatenate([np.append(x.ravel(), 0)[program.input_index].astype(np.int8).view("<u8"), level.stream])
        start(core, level.entry, level.stops[0], sent)
        for layer, stop, following in zip(program.layers, level.stops, (*level.stops[1:], f.NO_STOP.value)):
            assert np.array_equal(dump(core, layer), expected[layer.tensor].ravel()), (number, layer.name)
            start(core, stop, following)
        core.drop()  # the output
        start(core, level.entry, f.NO_STOP.value, sent)
        beats, last = core.receive(8 * program.output_words)
        output = beats.view(np.int8)[program.output_index]
        assert last and np.array_equal(output, expected[program.layers[-1].tensor].ravel())
        assert core.read(R.PROGRAM) == program.program_crc and abs(core.read(R.CYCLES) - level.cycles) <= 40


def start(core: Core, entry: int, stop: int, sent: np.ndarray | None = None) -> None:
    """Commands `entry` to `stop` - 1, with what is sent."""
    core.write(R.ENTRY, entry)
    core.write(R.STOP, stop)
    control(core, C.START)
    if sent is not None:
        core.send(sent)
    core.run(LIMIT)
    assert core.read(R.ERROR) == f.ERROR.NONE


TRUNCATED = {"conv_2d_2": TrSetting(8, None, 2)}
"""One layer with a data budget of its own."""
CASES = {
    "three": BUDGETS,
    "with s": ("g=8,k=4,s=3", "g=8,k=8,s=3"),
    "s in one layer": (Budget(TrSetting(8, 6), {"conv_2d_2": TrSetting(8, 4, 2)}), Budget(TrSetting(), TRUNCATED)),
}


@pytest.mark.parametrize("budgets", CASES.values(), ids=CASES)
def test_every_layer_of_every_level_equals_golden_after_one_load(library: Path, budgets: tuple[str, ...]) -> None:
    program = lowered(budgets)
    cycles = [level.cycles for level in program.levels]
    assert cycles == sorted(cycles) and cycles[0] < cycles[-1] and program.fits
    with Core(library) as core:
        assert_levels_equal_golden(core, program, (*range(len(budgets)), 0))


def test_levels_share_what_is_equal() -> None:
    """Gather lists and masks are those of one budget, constants at most the sum; with the most terms, whose channels'
    order all share, a program of several budgets runs like one of that alone."""
    whole, alone = lowered(BUDGETS), [lowered((budget,)) for budget in BUDGETS]
    for memory in ("gather operations", "masks"):
        assert whole.used[memory] == max(one.used[memory] for one in alone)
    for memory in ("channel parameters", "commands"):
        assert whole.used[memory][0] <= sum(one.used[memory][0] for one in alone)
    assert whole.levels[-1].cycles == alone[-1].levels[0].cycles
    assert np.array_equal(whole.input_index, alone[-1].input_index)


def test_weights_of_all_levels_are_streamed_where_they_do_not_fit(
    library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A weight memory of 150 words: each level streams its own words behind its input."""
    small = SimpleNamespace(value=150)
    monkeypatch.setattr(streaming.f, "WEIGHT_WORDS", small)
    monkeypatch.setattr("edge_tr.lower.accel.image._BEATS", _with_weight_words(small.value))
    program = lowered(BUDGETS)
    assert program.fits and any(len(level.stream) for level in program.levels)
    assert len({len(level.stream) for level in program.levels}) > 1
    with Core(library) as core:
        assert_levels_equal_golden(core, program, (2, 0, 1))


def _with_weight_words(depth: int) -> dict[int, tuple[int, int, str]]:
    from edge_tr.lower.accel import image

    bits, _, name = image._BEATS[f.MEMORY.WEIGHTS]
    return image._BEATS | {f.MEMORY.WEIGHTS: (bits, depth, name)}


def test_what_does_not_fit_says_how_much_would(monkeypatch: pytest.MonkeyPatch) -> None:
    from edge_tr.lower.accel import image

    need = lowered(BUDGETS[1:]).used["channel parameters"][0]
    bits, _, name = image._BEATS[f.MEMORY.PARAMETERS]
    monkeypatch.setattr(image, "_BEATS", image._BEATS | {f.MEMORY.PARAMETERS: (bits, need, name)})
    with pytest.raises(DoesNotFitError, match=rf"3 budgets needs \d+ {name} of {need}; what fits: g=8,k=8; lossless"):
        lowered(BUDGETS)
    monkeypatch.setattr(image, "_BEATS", image._BEATS | {f.MEMORY.PARAMETERS: (bits, 3, name)})
    with pytest.raises(DoesNotFitError, match="what fits: not even one of them"):
        lowered(BUDGETS)


# --- the package --------------------------------------------------------------------------------


class Counting(VirtualZynq):
    """A fake Zynq that counts what is started."""

    def __init__(self, core: Core) -> None:
        super().__init__(BOARD, core)
        self.started: list[int] = []

    def _write(self, address: int, value: int) -> None:
        if address == BOARD.addresses["accelerator"] + f.REGISTER.CONTROL:
            self.started.append(value)
        super()._write(address, value)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("levels") / "digits"
    compiler.build(DIGITS, BOARD.name, path, budget=BUDGETS)
    return path


@pytest.fixture
def package(folder: Path) -> Iterator[SimpleNamespace]:
    sys.path.insert(0, str(folder))
    names = ("agent", "errors", "overlay", "validate")
    yield SimpleNamespace(**{name: importlib.import_module(f"edge_tr_pynq.{name}") for name in names})
    sys.path.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith("edge_tr_pynq")]:
        del sys.modules[name]


def test_the_driver_switches_without_loading(
    package: SimpleNamespace, folder: Path, library: Path, tmp_path: Path
) -> None:
    with np.load(folder / "edge_tr_pynq" / "validation.npz") as arrays:
        x, golden = arrays["x"], [arrays[name] for name in ("golden_level0", "golden_level1", "golden")]
    assert not np.array_equal(golden[0], golden[2])
    with Core(library) as core:
        board = Counting(core)
        overlay = package.overlay.TermOverlay(overlay_files(tmp_path, BOARD), device=board, seconds=20.0)
        loaded = overlay.accelerator.ip.read(f.REGISTER.PROGRAM)
        assert overlay.level == 2 and loaded == overlay.accelerator.program.crc != 0
        for level in (2, 0, 1, 0, 2):
            overlay.level = level
            assert np.array_equal(overlay.predict(x), golden[level]), level
        assert np.array_equal(overlay.predict(x, level=0), golden[0]) and overlay.level == 2
        assert np.array_equal(overlay.predict(x), golden[2])
        with pytest.raises(package.errors.DeviceError, match=r"no level 3: this program has 0 \(g=8,k=4\)"):
            overlay.predict(x, level=3)
        assert np.array_equal(overlay.predict(x), golden[2])
        assert overlay.accelerator.ip.read(f.REGISTER.PROGRAM) == loaded
        assert board.started.count(f.CONTROL.LOAD) == 1
        text, same = package.validate.compare(overlay, folder / "edge_tr_pynq" / "validation.npz")
        assert same and [f"level {n}, budget {budget}:" in text for n, budget in enumerate(BUDGETS)] == [True] * 3
        agent = package.agent.Agent(overlay.accelerator)
        hello = frames.decode(agent.answer(frames.encode(frames.Frame(frames.COMMAND.HELLO, 1)).strip(b"\0"))[1:-1])
        assert frames.HELLO_REPLY.unpack(hello.payload)["levels"] == 3


def test_check_runs_every_level_in_one_cosimulation(folder: Path) -> None:
    report = succeed("check", folder, "--layers", "--limit", "2", "--json").json
    assert report["bit_exact"] and [level["budget"] for level in report["levels"]] == list(BUDGETS)
    for level, following in itertools.pairwise(report["levels"]):
        assert level["cost"]["per_inference"] < following["cost"]["per_inference"]
    for level in report["levels"]:
        assert level["layers_compared"] == 6 and level["reference_identical"] == 2
        assert abs(level["cost"]["per_inference"] - level["cost"]["predicted"]) <= 40
    one = succeed("check", folder, "--limit", "2", "--budget-level", "1", "--json").json
    assert one["bit_exact"] and one["cost"] == report["levels"][1]["cost"]
