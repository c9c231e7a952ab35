"""Counting whole builds: as many instructions as QEMU counts on the board, and a stack that is as deep as promised."""

from __future__ import annotations

import functools
import json
from importlib.resources import as_file
from pathlib import Path

import numpy as np
import pytest

from edge_tr import bench, boards, cli, compiler, demo
from edge_tr.errors import EdgeTrError, MismatchError, UsageError
from edge_tr.ir import tflite
from edge_tr.kernels.machines import planned_for
from edge_tr.lower import cores
from edge_tr.manifest import BuildFolder
from edge_tr.report.bench import bench_text
from edge_tr.target.count_stack import worst_case
from edge_tr.target.count_trace import Machine
from tests.firmware.harness_models import Network
from tests.system.helpers import ONE_OF_EACH_CORE, place, succeed

COUNTING = [name for name in boards.names() if boards.load(name).instructions_per_tick]
CYCLES = [name for name in boards.names() if boards.load(name).cycles_per_tick]
FREESTANDING = [name for name in ONE_OF_EACH_CORE if boards.load(name).toolchain.freestanding]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory):
    @functools.cache
    def make(board: str, budget: str = "lossless") -> Path:
        out = tmp_path_factory.mktemp(board) / "build"
        with as_file(demo.MODEL) as model:
            compiler.build(model, board, out, budget=budget)
        return out

    return make


@pytest.mark.parametrize("board", COUNTING)
def test_every_layer_takes_the_instructions_that_the_board_counts(board: str, built) -> None:
    """Up to one constant for all layers, the calls between two readings of the board's counter: exactly where
    a tick is an instruction, elsewhere to the tick at either end."""
    folder = built(board)
    place(folder, board)
    measured = [layer.cost for layer in compiler.check(folder, limit=1).layer_costs]
    counted = [layer.instructions for layer in bench.bench(folder).layers]
    overhead = np.array(measured) - np.array(counted)
    assert len(counted) == len(measured) > 3
    tick = float(boards.load(board).instructions_per_tick or 0)
    assert overhead.max() - overhead.min() <= (0 if tick == 1 else 2 * tick), dict(zip(counted, measured))
    assert 0 < overhead.min() < 100


@pytest.mark.parametrize("board", CYCLES)
def test_an_emulator_that_counts_cycles_agrees_with_the_published_table(board: str, built) -> None:
    """Another's reading of the core's manual, over another's execution; neither waits for flash. Layers are short:
    their readings are to a tick at either end."""
    folder, tick = built(board), float(boards.load(board).cycles_per_tick or 0)
    succeed("flash", folder)
    report, counted = compiler.check(folder, limit=1), bench.bench(folder)
    assert report.cost.unit == "cycles" and "an emulator: not cycles of a board" in report.cost.source
    assert report.cost.per_inference == pytest.approx(counted.cycles_estimated, rel=0.02)
    for layer, measured in zip(counted.layers, report.layer_costs, strict=True):
        assert measured.cost == pytest.approx(layer.cycles_estimated, rel=0.05, abs=2 * tick), layer.name


@pytest.mark.parametrize("board", FREESTANDING)
def test_every_board_has_a_cycle_table_or_says_that_there_is_none_and_a_bounded_stack(board: str, built) -> None:
    report, core = bench.bench(built(board)), boards.load(board).core
    assert report.core == (core if core in cores.CORES else planned_for(board, core, None))
    assert report.instructions == sum(layer.instructions for layer in report.layers)
    if cores.find(report.core).cycles is None:
        assert {report.cycles_estimated, *(layer.cycles_estimated for layer in report.layers)} == {None}
        assert "instructions per MAC, counted; cycles are not estimated" in bench_text(report)
    else:
        assert report.cycles_estimated == sum(layer.cycles_estimated for layer in report.layers) > report.instructions
    assert report.loads + report.stores + report.branches + report.multiplies < report.instructions
    assert sum(layer.share for layer in report.layers) == pytest.approx(1.0, abs=0.001)
    margin = boards.load(board).memory.stack_margin_bytes
    assert report.stack_bytes is not None and report.stack_bytes > 100, report.stack_note
    assert 0 <= report.stack_reserved - report.stack_bytes - margin < 16


EXCEPTION_FRAME = 104 + 4
"""Bytes that a Cortex-M pushes at most, with registers of its FPU and padding (DDI 0403E, B1.5.7); RISC-V pushes
none."""


@pytest.mark.parametrize("board", FREESTANDING)
def test_the_margin_of_the_stack_holds_a_fault_and_its_handler(board: str, built) -> None:
    """No interrupt is ever enabled, so that a fault is all that comes on top of the bound."""
    folder, memory = BuildFolder(built(board)), boards.load(board).memory
    arm = boards.load(board).toolchain.prefix.startswith("arm")
    handler = worst_case(folder.elf, folder.objects, "fault" if arm else "tr_trap")
    assert handler.bytes is not None and EXCEPTION_FRAME * arm + handler.bytes <= memory.stack_margin_bytes, handler


@pytest.mark.parametrize("board", FREESTANDING)
def test_no_layer_digs_deeper_into_the_stack_than_the_bound(board: str, built) -> None:
    folder = BuildFolder(built(board))
    machine = Machine(folder.elf)
    top, size = machine.symbols["tr_stack_top"], machine.symbols["TR_STACK_BYTES"]
    machine.write(top - size, b"\xa5" * size)
    machine.write(machine.call("tr_model_input"), bench.seeded_input(tflite.load(folder.revealed)).data(0))
    for layer in range(len(folder.read().layers)):
        machine.call("tr_model_run_layer", layer)
    used = len(machine.read(top - size, size).lstrip(b"\xa5"))
    bound = bench.bench(folder.path).stack_bytes
    assert bound is not None and 0 < used <= bound


def test_another_core_of_the_same_instruction_set_costs_more(built) -> None:
    run = bench.trace_build(built("qemu-cortex-m0"))
    fast, slow = run.on("cortex-m0plus"), run.on("cortex-m0-mul32")
    assert fast.instructions == slow.instructions
    assert fast.cycles_estimated < run.on().cycles_estimated < slow.cycles_estimated
    assert slow.cycles_estimated - run.on().cycles_estimated == 31 * slow.multiplies
    assert run.on().cycles_with_memory is None and run.on().milliseconds is None


@pytest.mark.parametrize("board", [name for name in FREESTANDING if boards.load(name).reads])
def test_a_board_that_says_what_it_reads_through_waits_for_it(board: str, built) -> None:
    report, instant = bench.bench(built(board)), bench.bench(built(board), wait_states=0)
    assert report.cycles_estimated == instant.cycles_estimated == instant.cycles_with_memory
    assert report.cycles_with_memory == report.cycles_estimated + report.stalls_code + report.stalls_data
    assert report.stalls_code == sum(layer.stalls_code for layer in report.layers) > 0
    assert report.stalls_data == sum(layer.stalls_data for layer in report.layers) > 0
    assert report.milliseconds == round(1000 * report.cycles_with_memory / boards.load(board).reads.clock_hz, 3)


@pytest.mark.parametrize("board", ["nucleo-g0b1re", "nucleo-l4r5zi"])
def test_the_plan_knows_what_a_layer_takes_with_the_board_s_memory(board: str, built) -> None:
    """Of a model as small as this one within 16 %: what a layer takes once weighs more than in larger ones."""
    report = bench.bench(built(board))
    layers = [layer for layer in report.layers if layer.share > 0.02 and layer.op.endswith(("CONV_2D", "CONNECTED"))]
    assert len(layers) >= 3
    for layer in layers:
        assert layer.cycles_planned == pytest.approx(layer.cycles_with_memory, rel=0.16), layer.name
        assert abs(layer.cycles_planned - layer.cycles_with_memory) < report.cycles_with_memory / 10


def test_weights_are_copied_where_that_pays_and_ram_is_left(built) -> None:
    board = "nucleo-l4r5zi"
    folder, limited = built(board), BuildFolder(built(board)).path.parent / "limited"
    staged = [region for region in BuildFolder(folder).read().arena if region.kind == "staged weights"]
    with as_file(demo.MODEL) as model:
        compiler.build(model, board, limited, ram_limit=2_600)
    narrow = [region for region in BuildFolder(limited).read().arena if region.kind == "staged weights"]
    assert staged and sum(region.bytes for region in narrow) < sum(region.bytes for region in staged)
    assert bench.bench(folder).cycles_with_memory < bench.bench(limited).cycles_with_memory


def test_code_runs_from_ram_beside_tensors_that_only_fit_above_it(tmp_path: Path) -> None:
    """Every tensor equal to golden's, and hardly a wait for code."""
    net, folder = Network(np.random.default_rng(22), (120, 128, 8)), tmp_path / "build"
    net.conv(16, (1, 1), (1, 1))
    net.mean()
    (tmp_path / "net.tflite").write_bytes(net.finish())
    manifest = compiler.build(tmp_path / "net.tflite", "nucleo-l4r5zi", folder)
    assert manifest.arena_bytes > 0x3_0000 and manifest.ram.code > 0
    report = bench.bench(folder)
    assert 0 < report.stalls_code < report.cycles_with_memory / 200


def test_wait_states_can_be_given_where_the_board_has_none(built) -> None:
    fast, slow = (bench.bench(built("qemu-cortex-m0"), wait_states=wait) for wait in (1, 2))
    assert (fast.wait_states, slow.wait_states) == (1, 2)
    assert slow.stalls_code == 2 * fast.stalls_code > 0 and slow.stalls_data == 2 * fast.stalls_data > 0
    assert slow.milliseconds is None


def test_a_build_that_computes_something_else_is_refused(built, tmp_path: Path) -> None:
    """Here golden gets other weights than the board has."""
    lossless, cut = BuildFolder(built("qemu-cortex-m0")), BuildFolder(built("qemu-cortex-m0", "g=8,k=6"))
    other = BuildFolder(tmp_path)
    other.revealed.write_bytes(lossless.revealed.read_bytes())
    other.elf.write_bytes(cut.elf.read_bytes())
    other.manifest_file.write_bytes(cut.manifest_file.read_bytes())
    with pytest.raises(MismatchError, match="conv_2d_0"):
        bench.bench(other.path)


def test_the_command_prints_json_and_nothing_else(built, capsys: pytest.CaptureFixture[str]) -> None:
    folder = built("qemu-cortex-m0")
    assert cli.main(["bench", str(folder), "--json"]) == 0
    output = capsys.readouterr()
    report = json.loads(output.out)
    assert output.err == ""
    assert {"cycles_with_memory", "stalls_code", "stalls_data", "milliseconds", "reads"} <= report.keys()
    assert {"instructions", "cycles_estimated", "flash_bytes", "ram_bytes", "layers", "stack_bytes"} <= report.keys()
    assert {"name", "instructions", "cycles_estimated", "share"} <= report["layers"][0].keys()
    assert report == json.loads(bench.bench(folder).to_json())


def test_the_command_prints_a_table_with_its_source(built, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", str(built("qemu-cortex-m0")), "--wait-states", "1", "--core", "cortex-m0plus"]) == 0
    text = capsys.readouterr().out
    assert (
        "conv_2d_0" in text
        and "1 wait states" in text
        and "with the board's memory, simulated" in text
        and cores.find("cortex-m0plus").source in text
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("--core", "cortex-m99"), "no cycle table for core 'cortex-m99'"),
        (("--core", "rv32ec"), "rv32ec does not run arm code"),
        (("--wait-states", "-1"), "cannot be negative"),
    ],
)
def test_wrong_arguments_are_explained(arguments, message: str, built, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", str(built("qemu-cortex-m0")), *arguments]) == UsageError.exit_code
    assert message in capsys.readouterr().err


def test_the_host_has_nothing_to_count(built) -> None:
    with pytest.raises(EdgeTrError, match="no cycle table for core 'host'"):
        bench.bench(built("host"))
