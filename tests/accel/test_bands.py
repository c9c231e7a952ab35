"""The first layers in bands: every value that a piece reads is there, in the simulation every tensor equals golden's,
and nothing is cut where it gains nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from edge_tr.accel import AccelProgram, chain, emitter, lower_accel
from edge_tr.accel.arrival import Stream, arrival_of, paced
from edge_tr.accel.bands import LONGEST, Banded
from edge_tr.accel.layout import planar
from edge_tr.accel.stage import Stage
from edge_tr.accel.tiles import needs_of
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse as import_model
from edge_tr.operators import AddParams, ConvParams, PoolParams
from edge_tr.prepared.budget import parse
from edge_tr.target.cosim import Core, build
from tests.accel.test_cosim import C, R, assert_part, control, f, infer, load, output, stops_of
from tests.firmware.harness_models import Network


def mobile(net: Network) -> None:
    """As vww begins: strided, then depthwise and 1 x 1 layers, the last of which is read with a stride."""
    net.conv(8, (3, 3), (2, 2), "RELU6")
    net.depthwise(1, (3, 3), (1, 1))
    net.conv(9, (1, 1), (1, 1), "RELU")
    net.depthwise(1, (3, 3), (1, 1), (2, 2))


def wide(net: Network) -> None:
    """Windows of odd sizes, and two output channels of each."""
    net.depthwise(1, (2, 3), (1, 1))
    net.depthwise(2, (3, 2), (1, 1))


def strided(net: Network) -> None:
    """The second layer skips rows and columns, and of the input not all is read."""
    net.conv(6, (1, 1), (2, 2), "RELU")
    net.conv(5, (3, 3), (2, 1))


MODELS = {"mobile": (mobile, (64, 48, 3)), "wide": (wide, (53, 37, 4)), "strided": (strided, (64, 64, 6))}


def model(name: str) -> bytes:
    """A .tflite file with seeded weights."""
    grow, shape = MODELS[name]
    net = Network(np.random.default_rng(sum(map(ord, name))), shape)
    grow(net)
    return net.finish()


@pytest.fixture(scope="module")
def found() -> Callable[[str], tuple[AccelProgram, Banded]]:
    """A model's program and its chain, by name, found once."""
    made: dict[str, tuple[AccelProgram, Banded]] = {}

    def find(name: str) -> tuple[AccelProgram, Banded]:
        if name not in made:
            chains: list[Banded] = []
            emit = emitter.Emitter._emit_chain
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(
                    emitter.Emitter, "_emit_chain", lambda s, c, end: chains.append(c.bands) or emit(s, c, end)
                )
                made[name] = lower_accel(import_model(model(name)), parse("lossless")), chains[0]
        return made[name]

    return find


@pytest.mark.parametrize("name", MODELS)
def test_what_a_piece_reads_is_there_and_whole(name: str, found: Callable) -> None:
    """Memory replayed word by word: who wrote what lies there when it is read."""
    _, banded = found(name)
    source, owner = banded.layers[0].x, {}
    arrival = arrival_of(source)
    come = [source.base + int(word) for word in arrival.order()]
    counts, done = 0, [set() for _ in banded.layers]
    for piece in banded.pieces:
        w = banded.layers[piece.layer]
        steps = len(w.plan) * (piece.end - piece.first)
        waits = paced(piece.waits, steps, arrival.words) if piece.layer == 0 else [0] * steps
        for tile in range(piece.first, piece.end):
            for number, (step, *_) in enumerate(w.plan):
                enough = waits[(tile - piece.first) * len(w.plan) + number]
                owner |= {address: (0, address - source.base) for address in come[counts:enough]}
                counts = max(counts, enough)
                for part, channels, _ in step.loads:
                    for kx, channel in itertools.product(part.kxs, channels):
                        need = needs_of(w.x, w.geometry, w.tiles[tile], (part.ky, kx), channel)
                        for address in set((need[need >= 0] // 64).tolist()):
                            assert owner.get(address) == (piece.layer, address - w.x.base), (piece, tile, address)
            for channel in range(w.y.shape[2]):  # at the earliest now
                word = channel * w.y.blocks + tile
                owner[w.y.base + word] = (piece.layer + 1, word)
            done[piece.layer].add(tile)
    assert counts == arrival.words
    assert [len(tiles) for tiles in done] == [len(w.tiles) for w in banded.layers]
    last = banded.layers[-1].y
    assert all(owner[last.base + word] == (len(banded.layers), word) for word in range(last.words))


@pytest.fixture(scope="module")
def library() -> Path:
    """The Verilated core, built once."""
    return build()


@pytest.mark.parametrize("name", MODELS)
def test_every_band_equals_golden_and_cycles_are_predicted(name: str, library: Path, found: Callable) -> None:
    done, banded = found(name)
    graph = import_model(model(name))
    x = np.random.default_rng(4).integers(-128, 128, (1, *MODELS[name][1])).astype(np.int8)
    golden = run(graph, x, weights=done.most.revealed, keep="all")
    expected = done.most.alive.of(golden.tensors)
    stops = stops_of(done)
    assert len(stops) >= len(banded.pieces) > len(banded.layers)
    with Core(library) as core:
        load(core, done)
        cycles = infer(core, done, x)
        assert np.array_equal(output(core, done), expected[done.most.layers[-1].tensor].ravel())
        assert abs(cycles - done.levels[0].cycles) <= 0.01 * cycles
        infer(core, done, x, stops[0][0])
        for (stop, layer, part), following in zip(stops, [*stops[1:], None]):
            assert_part(core, layer, part, expected[layer.tensor])
            core.write(R.ENTRY, stop)
            core.write(R.STOP, following[0] if following else f.NO_STOP.value)
            control(core, C.START)
            core.run(1_000_000)
        assert core.read(R.ERROR) == f.ERROR.NONE


@pytest.mark.parametrize("name", MODELS)
def test_bands_save_cycles(name: str, found: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    in_bands = found(name)[0].levels[0].cycles
    monkeypatch.setattr(chain, "chain_length", lambda *_: 0)
    assert in_bands < lower_accel(import_model(model(name)), parse("lossless")).levels[0].cycles


def test_nothing_is_cut_where_nothing_is_gained() -> None:
    net = Network(np.random.default_rng(1), (8, 8, 1))  # one word of input, one tile a layer
    net.conv(4, (3, 3), (1, 1))
    net.depthwise(1, (3, 3), (1, 1))
    done = lower_accel(import_model(net.finish()), parse("lossless"))
    assert [len(layer.stops) for layer in done.most.layers] == [1, 1]


def stage(inputs: tuple[int, ...], output: int, kind: type = ConvParams) -> Stage:
    """A layer by what it reads and writes."""
    return Stage(SimpleNamespace(index=output), object.__new__(kind), inputs, output)


@pytest.mark.parametrize(
    ("stages", "result", "cut", "length"),
    [
        ([((0,), 1), ((1,), 2), ((2,), 3)], 3, (), 3),
        ([((0,), 1), ((1,), 2), ((1, 2), 3, AddParams)], 3, (), 1),  # 1 is read twice
        ([((0,), 1), ((1,), 2), ((0, 2), 3, AddParams)], 3, (), 0),  # so is the input
        ([((0,), 1), ((1,), 2)], 1, (), 1),  # 1 is sent
        ([((0,), 1), ((1,), 2), ((2,), 3)], 3, (3,), 2),  # what the third reads is cut by the additions' tables
        ([((0,), 1), ((1,), 2, PoolParams), ((2,), 3)], 3, (), 1),
        ([((i,), i + 1) for i in range(7)], 7, (), LONGEST),
    ],
)
def test_what_ends_a_chain(stages: list, result: int, cut: tuple[int, ...], length: int) -> None:
    layouts = {tensor: planar((4, 4, 1), 0) for tensor in range(8)}
    assert chain.chain_length([stage(*entry) for entry in stages], layouts, 0, (result,), cut) == length


def test_results_come_before_the_input_at_their_shared_port() -> None:
    free, busy = Stream(10), Stream(10)
    busy.occupy(0, 60)
    assert free.when(1) == 4 and busy.when(1) == 62  # written when the port is free again
    assert free.when(10) == 76 and busy.when(10) > 76 + 20  # four words wait, then the stream does
    assert free.busy(76) and not free.busy(77)
