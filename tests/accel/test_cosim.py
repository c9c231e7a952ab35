"""The scheduled program on the Verilated RTL: every layer's tensor equals the golden model's, bit for bit."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from edge_tr.accel import AccelLayer, AccelProgram, Part, lower_accel
from edge_tr.formats import accelerator as f
from edge_tr.golden.run import run
from edge_tr.ir import tflite
from edge_tr.prepared.budget import parse
from edge_tr.target.cosim import PACES, Core, Pace, build
from tests.firmware.harness_models import Network

R, C = f.REGISTER, f.CONTROL
LIMIT = 1_000_000  # cycles


@pytest.fixture(scope="module")
def library() -> Path:
    """The Verilated core, built once."""
    return build()


def control(core: Core, bit: int) -> None:
    """Start something; the interrupt of what ran before falls while the registers are read."""
    core.write(R.CONTROL, bit)
    assert core.read(R.ID) == f.ACCEL_ID.value
    core.read(R.ID)


def load(core: Core, program: AccelProgram) -> None:
    """The program's memories."""
    core.write(R.INTERRUPT, 1)
    core.write(R.TIMEOUT, 5000)
    control(core, C.LOAD)
    core.send(program.load)
    core.run(LIMIT)


def infer(core: Core, program: AccelProgram, x: np.ndarray, stop: int = f.NO_STOP.value) -> int:
    """One inference up to a command; its cycles."""
    core.write(R.ENTRY, program.most.segments[0].entry)
    core.write(R.STOP, stop)
    core.drop()
    control(core, C.START)
    (segment,) = program.most.segments
    sent = np.append(x.ravel(), 0)[segment.sends[0].index].astype(np.int8).view("<u8")
    core.send(np.concatenate([sent, segment.stream]))
    core.run(LIMIT)
    assert core.read(R.ERROR) == f.ERROR.NONE
    return core.read(R.CYCLES)


def output(core: Core, program: AccelProgram) -> np.ndarray:
    """What came out, int8 [elements]."""
    (read,) = program.most.segments[-1].reads
    beats, last = core.receive(8 * read.words)
    assert last
    return beats.view(np.int8)[read.index]


def dump(core: Core, part: Part) -> np.ndarray:
    """What lies where part of a layer's tensor is, int8 [elements]."""
    core.write(R.DUMP_ADDRESS, part.address)
    core.write(R.DUMP_COUNT, part.words)
    control(core, C.DUMP)
    core.run(LIMIT)
    beats, last = core.receive(8 * part.words)
    assert last
    return beats.view(np.int8)[part.index]


def stops_of(program: AccelProgram) -> list[tuple[int, AccelLayer, int]]:
    """(command, layer, part) in order: where a part of a layer's tensor is there."""
    stops = [(part.stop, layer, n) for layer in program.most.layers for n, part in enumerate(layer.parts)]
    return sorted(stops, key=lambda entry: entry[0])


def assert_part(core: Core, layer: AccelLayer, number: int, expected: np.ndarray) -> None:
    """A part of a layer's tensor equals that of `expected`."""
    part = layer.parts[number]
    there, own = part.index >= 0, expected.ravel()[part.first : part.first + len(part.index)]
    assert there.any() and np.array_equal(dump(core, part)[there], own[there]), (layer.name, number)


def assert_every_layer(core: Core, program: AccelProgram, x: np.ndarray, expected: Mapping[int, np.ndarray]) -> None:
    """An inference that is stopped where a layer, or a part of one, is there, and goes on from there."""
    stops = stops_of(program)
    infer(core, program, x, stops[0][0])
    for (stop, layer, part), following in zip(stops, [*stops[1:], None]):
        assert_part(core, layer, part, expected[layer.tensor])
        core.write(R.ENTRY, stop)
        core.write(R.STOP, following[0] if following else f.NO_STOP.value)
        control(core, C.START)
        core.run(LIMIT)
        assert core.read(R.ERROR) == f.ERROR.NONE
    assert np.array_equal(output(core, program), expected[program.most.layers[-1].tensor].ravel())


CASES = [
    *[(name, budget) for name in ("digits_cnn_int8", "kws_ref_model", "mnist_dscnn_int8")
      for budget in ("lossless", "g=8,k=4", "g=8,k=8", "g=8,k=12", "g=8,k=16", "g=8,k=8,s=3")],
    ("digits_mlp_int8", "lossless"),
    ("mnist_mlp_784_512_512_10_int8", "lossless"), ("mnist_lenet5_int8", "lossless"), ("ad01_int8", "lossless"),
    ("vww_96_int8", "lossless"), ("pretrainedResnet_quant", "lossless"), ("pretrainedResnet_quant", "g=8,k=8"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "budget"), CASES)
def test_every_layer_equals_golden(library: Path, shared: Path, name: str, budget: str) -> None:
    graph = tflite.load(shared / "models" / f"{name}.tflite")
    program = lower_accel(graph, parse(budget))
    shape = graph.tensor(graph.inputs[0]).shape[1:]
    x = np.random.default_rng(3).integers(-128, 128, (1, *shape)).astype(np.int8)
    golden = run(graph, x, weights=program.most.revealed, data_terms=program.data_terms, keep="all")
    expected = program.most.alive.of(golden.tensors)
    with Core(library) as core:
        load(core, program)
        assert core.read(R.PROGRAM) == program.program_crc
        infer(core, program, x)
        assert np.array_equal(output(core, program), expected[program.most.layers[-1].tensor].ravel())
        assert_every_layer(core, program, x, expected)


def test_a_run_can_go_on_where_it_was_stopped(library: Path, shared: Path) -> None:
    graph = tflite.load(shared / "models" / "pretrainedResnet_quant.tflite")
    program = lower_accel(graph, parse("g=8,k=4,s=3"))  # tables change often and are under way at many stops
    x = np.random.default_rng(11).integers(-128, 128, (1, 32, 32, 3)).astype(np.int8)
    golden = run(graph, x, weights=program.most.revealed, data_terms=program.data_terms, keep="all")
    expected = program.most.alive.of(golden.tensors)
    with Core(library) as core:
        load(core, program)
        assert_every_layer(core, program, x, expected)


@pytest.mark.parametrize(("name", "limit"), [("kws_ref_model", 9000), ("ad01_int8", 9000)])
def test_cycles_stay_under_their_bar(library: Path, shared: Path, name: str, limit: int) -> None:
    graph = tflite.load(shared / "models" / f"{name}.tflite")
    program = lower_accel(graph, parse("lossless"))
    x = np.zeros((1, *graph.tensor(graph.inputs[0]).shape[1:]), np.int8)
    with Core(library) as core:
        load(core, program)
        cycles = infer(core, program, x)
    assert cycles <= limit and abs(cycles - program.levels[0].cycles) <= 0.005 * cycles


@pytest.mark.parametrize(("share_in", "share_out"), [(128, 0), (0, 200), (100, 100)])
def test_streams_that_pause_change_nothing(library: Path, shared: Path, share_in: int, share_out: int) -> None:
    graph = tflite.load(shared / "models" / "digits_cnn_int8.tflite")
    program = lower_accel(graph, parse("lossless"))
    x = np.random.default_rng(5).integers(-128, 128, (1, 8, 8, 1)).astype(np.int8)
    golden = run(graph, x, keep="all").tensors[program.most.layers[-1].tensor]
    with Core(library) as core:
        core.pause(share_in, share_out, 7)
        load(core, program)
        infer(core, program, x)
        assert np.array_equal(output(core, program), golden.ravel())


@pytest.mark.parametrize("pace", [PACES["published"], Pace(latency=500), Pace(rest_in=2, rest_out=2)])
def test_a_dma_with_a_pace_of_its_own_costs_cycles_and_changes_nothing(library: Path, shared: Path, pace: Pace) -> None:
    graph = tflite.load(shared / "models" / "digits_cnn_int8.tflite")
    program = lower_accel(graph, parse("lossless"))
    x = np.random.default_rng(5).integers(-128, 128, (1, 8, 8, 1)).astype(np.int8)
    golden = run(graph, x, keep="all").tensors[program.most.layers[-1].tensor]
    beats = sum(segment.sent_bytes for segment in program.most.segments) // 8
    with Core(library) as core:
        core.pace(pace)
        load(core, program)
        cycles = infer(core, program, x)
        assert np.array_equal(output(core, program), golden.ravel())
        rests = beats // (pace.rest_in - 1) if pace.rest_in else 0
        assert (
            program.most.cycles + pace.latency + rests - 40 <= cycles <= program.most.cycles + pace.latency + 4 * beats
        )


def test_errors_end_in_a_code_and_the_next_inference_works(library: Path, shared: Path) -> None:
    graph = tflite.load(shared / "models" / "digits_cnn_int8.tflite")
    program = lower_accel(graph, parse("lossless"))
    x = np.random.default_rng(6).integers(-128, 128, (1, 8, 8, 1)).astype(np.int8)
    golden = run(graph, x, keep="all").tensors[program.most.layers[-1].tensor]

    def works(core: Core) -> None:
        infer(core, program, x)
        assert np.array_equal(output(core, program), golden.ravel())

    with Core(library) as core:
        damaged = program.load.copy()
        damaged[5] ^= np.uint64(1)
        core.write(R.INTERRUPT, 1)
        core.write(R.TIMEOUT, 5000)
        control(core, C.LOAD)
        core.send(damaged)
        core.run(LIMIT)
        assert core.read(R.ERROR) == f.ERROR.CRC and core.read(R.PROGRAM) == 0
        core.drop()
        load(core, program)
        works(core)
        control(core, C.START)  # a short transfer
        core.send(np.zeros(3, np.uint64))
        core.run(LIMIT)
        assert core.read(R.ERROR) == f.ERROR.SHORT
        works(core)
        control(core, C.START)  # a stuck stream
        core.run(LIMIT)
        assert core.read(R.ERROR) == f.ERROR.TIMEOUT
        works(core)
        control(core, C.START)  # a reset in flight
        core.send(np.zeros(8, np.uint64))
        core.write(R.CONTROL, C.RESET)
        core.run(20)
        assert core.read(R.ERROR) == f.ERROR.RESET
        works(core)


def test_partial_sums_that_follow_at_once_are_added(library: Path) -> None:
    """One channel, few pixels, and so few terms that a step of the sum takes one word."""
    net = Network(np.random.default_rng(5), (4, 5, 230))
    net.conv(1, (1, 1), (1, 1))
    graph = tflite.parse(net.finish())
    program = lower_accel(graph, parse("g=64,k=1"))
    x = np.random.default_rng(6).integers(-128, 128, (4, 4, 5, 230)).astype(np.int8)
    golden = run(graph, x, weights=program.most.revealed).output
    with Core(library) as core:
        load(core, program)
        for sample, expected in zip(x, golden.reshape(len(x), -1)):
            infer(core, program, sample)
            np.testing.assert_array_equal(output(core, program), expected)
