"""Requantisation of fully connected layers, on this computer and on every core, at the edges of every kind of layer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge_tr.kernels.direct import Direct, direct
from edge_tr.kernels.machines import DIRECT
from edge_tr.kernels.quick import Quick, apply, common, digit_words, quick
from edge_tr.operators import FullyConnectedParams
from edge_tr.target.count_trace import Machine
from tests.firmware.harness_build import FIRMWARE, HERE, command, compile_c, run_c
from tests.firmware.harness_cores import LINKER_SCRIPT, TARGETS
from tests.unit.test_quick import exact, layer, one_scale

CHANNELS, DEPTH = 47, 100
COUNTS = (1, 2, 3, 4, 5, 7, 16, 47)
ROUNDS = 4
INT32 = np.iinfo(np.int32)
KINDS = {  # shift, zero point, activation, one scale
    "rectified": (-7, -128, (-128, 127), True),
    "linear": (-9, 11, (-128, 127), True),
    "few sums a result": (-2, 0, (-128, 127), True),
    "many sums a result": (-12, 127, (-128, 127), True),
    "narrow": (-5, -3, (-3, 90), True),
    "negative only": (-8, 40, (-100, 3), True),
    "exact only": (1, 0, (-128, 127), True),
    "scales": (-8, 5, (-128, 127), False),
    "rectified scales": (-7, -128, (-128, 127), False),
    "hostile": (-7, -128, (-128, 127), True),
}


def records() -> list[FullyConnectedParams]:
    """A layer of each kind, with sums up to millions."""
    found = []
    for number, (name, (shift, zero, activation, one)) in enumerate(KINDS.items()):
        rng = np.random.default_rng(number)
        record = layer(rng, shift, zero, activation, CHANNELS)
        record = replace(record, depth=DEPTH, weights=np.full((CHANNELS, DEPTH), 127, np.int8))
        record = one_scale(record) if one else record
        if name == "hostile":
            record.bias[::5] = rng.choice([INT32.min, INT32.max], len(record.bias[::5]))
        found.append(record)
    return found


def constants(record: FullyConnectedParams, isa: str) -> Quick | Direct:
    bias = record.bias.astype(np.int64)
    return (direct(record, bias) if isa in DIRECT else None) or common(record, bias) or quick(record, bias)


def edge_sums(record: FullyConnectedParams, rng: np.random.Generator) -> np.ndarray:
    """int64 [ROUNDS, CHANNELS]: sums that, with their bias, are beside the ends of the range, or zero, or anywhere in
    it, or of the exact routine."""
    of = quick(record, np.zeros(CHANNELS, np.int64))
    reach = 127 * 256 * DEPTH
    sums = np.zeros((ROUNDS, CHANNELS), np.int64)
    for channel in range(CHANNELS):
        low, high = (max(-reach, min(reach, int(end[channel]))) for end in (of.low, of.high))
        inside = rng.integers(min(low, high - 1), high, 4000)
        near = inside[apply(of, inside, channel)[1]]
        beside = [around + np.arange(-2, 3) for around in (low, high, 0)]
        sums[:, channel] = rng.choice(np.concatenate([*beside, near[:10], inside[:10]]), ROUNDS)
    return np.where(np.abs(record.bias.astype(np.int64)) > reach, sums, sums - record.bias)


def header(of: Sequence[tuple[FullyConnectedParams, Quick | Direct]]) -> str:
    """The layers in C."""
    lines, outputs = ['#include "tr_output.h"', f"#define CHANNELS {CHANNELS}u"], []
    for n, (record, way) in enumerate(of):
        fields = f".zero_point = {record.output_zero_point}, .common = {int(way.common)}"
        fields += ", .minimum = {}, .maximum = {}".format(*record.activation)
        if isinstance(way, Direct):
            bias, rows = way.bias, zip([0] if way.common else way.bias, way.multiplier, way.shift)
            lines += _array("struct tr_direct", f"direct{n}", ("{{{}, {}, {}}}".format(*row) for row in rows))
            fields += f", .direct = direct{n}"
        else:
            bias = way.addends(record.bias.astype(np.int64)).astype(np.int32)
            rows = zip(way.low, way.high, way.factor, way.offset, way.near)
            lines += _array("struct tr_channel", f"quick{n}", (_channel(*map(int, row)) for row in rows))
            fields += f", .quick = quick{n}, .multiplier = multiplier{n}, .shift = shift{n}"
        lines += _array("int32_t", f"bias{n}", map(_integer, bias.tolist()))
        lines += _array("int32_t", f"multiplier{n}", map(str, record.requant.multiplier))
        lines += _array("int8_t", f"shift{n}", map(str, record.requant.shift))
        outputs.append(f"{{{fields}, .bias = bias{n}}}")
    return "\n".join([*lines, *_array("struct tr_output", "layers", outputs), ""])


def _array(kind: str, name: str, values: Sequence[str]) -> list[str]:
    return [f"static const {kind} {name}[] __attribute__((unused)) = {{{', '.join(values)}}};"]


def _channel(low: int, high: int, factor: int, offset: int, near: int) -> str:
    words = (*map(_integer, (low, high, factor, offset)), *(f"{word}u" for word in (near, *digit_words(factor))))
    return f"TR_CHANNEL({', '.join(words)})"


def _integer(value: int) -> str:
    return "INT32_MIN" if value == INT32.min else str(value)


def requests(of: Sequence[FullyConnectedParams]) -> list[tuple[int, int, np.ndarray]]:
    """(layer, channels at a time, sums)."""
    rng = np.random.default_rng(9)
    return [
        (n, count, sums)
        for n, record in enumerate(of)
        for count, sums in zip(COUNTS, np.concatenate([edge_sums(record, rng), edge_sums(record, rng)]))
    ]


def interleaved(sums: np.ndarray) -> bytes:
    """Every other one is not read."""
    words = np.full((CHANNELS, 2), 0x55555555, np.int64)
    words[:, 0] = sums
    return (words & 0xFFFFFFFF).astype("<u4").tobytes()


def expected(record: FullyConnectedParams, sums: np.ndarray) -> list[int]:
    return [int(exact(record, sums[n : n + 1], int(record.bias[n]), n)[0]) for n in range(CHANNELS)]


def test_portably(tmp_path):
    of = records()
    (tmp_path / "finish_layers.h").write_text(header([(record, constants(record, "c")) for record in of]))
    sources = [HERE / "harness_finish.c", FIRMWARE / "src" / "tr_output.c", FIRMWARE / "src" / "tr_requant.c"]
    program = compile_c(tmp_path / "finish", sources, [tmp_path])
    asked = requests(of)
    data = b"".join((256 * n + count).to_bytes(4, "little") + interleaved(sums) for n, count, sums in asked)
    answers = np.frombuffer(run_c(program, data), np.int8).reshape(-1, CHANNELS)
    assert answers.tolist() == [expected(of[n], sums) for n, _, sums in asked]


@pytest.mark.parametrize("core", TARGETS)
def test_on_a_core(core, tmp_path):
    of = records()
    ways = [constants(record, TARGETS[core].isa) for record in of]
    by_product = TARGETS[core].isa in DIRECT
    assert {(isinstance(way, Direct), way.common) for way in ways} >= {(False, False), (by_product, True)}
    assert (core == "cortex-m4") == any(isinstance(way, Direct) for way in ways)
    (tmp_path / "finish_layers.h").write_text(header(list(zip(of, ways))))
    machine = Machine(_link(core, tmp_path))
    for n, count, sums in requests(of):
        machine.write(machine.symbols["finish_sums"], interleaved(sums))
        machine.call("finish", 256 * n + count)
        answer = np.frombuffer(machine.read(machine.symbols["finish_results"], CHANNELS), np.int8)
        assert answer.tolist() == expected(of[n], sums), (list(KINDS)[n], count)


def _link(core: str, folder: Path) -> Path:
    target = TARGETS[core]
    (folder / "link.ld").write_text(LINKER_SCRIPT)
    sources = [HERE / "harness_finish.c", FIRMWARE / "src" / "tr_output.c", FIRMWARE / "src" / "tr_requant.c"]
    sources += sorted((FIRMWARE / "src").glob("tr_finish_*.S"))
    options = ("-O2", "-ffreestanding", "-nostdlib", "-nostartfiles", "-Wl,-e,finish", f"-T{folder / 'link.ld'}")
    includes = (f"-I{folder}", f"-I{FIRMWARE / 'include'}")
    command(f"{target.prefix}gcc", *target.flags, *options, *includes, *sources, "-lgcc", "-o", folder / "finish.elf")
    return folder / "finish.elf"
