"""Room is checked before numbers are packed: what does not fit is the processor's, with a reason, whatever lacks."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from edge_tr.accel import AccelProgram, image, lower_accel
from edge_tr.accel.image import ADDRESSES, LIMITS, Image
from edge_tr.errors import DoesNotFitError
from edge_tr.formats import accelerator as f
from edge_tr.formats.schema import Record
from edge_tr.graph import Graph
from edge_tr.ir.tflite import parse
from edge_tr.prepared.budget import parse as parse_budget
from tests.accel.simulated_board import SimulatedBoard, compare
from tests.firmware.harness_models import Network, samples
from tests.models import random_shapes

RECORDS = {record.name: record for record in (f.COMMAND, f.GATHER)}
FIELDS = [
    (record.name, name)
    for record in RECORDS.values()
    for name in record.offsets
    if not name.startswith("reserved") and name not in ("opcode", "tag", "more", "during_load", *ADDRESSES)
]


@pytest.fixture(scope="module")
def board(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedBoard]:
    running = SimulatedBoard(tmp_path_factory.mktemp("board"))
    yield running
    running.close()


def lowered(net: Network, budget: str = "lossless") -> tuple[Graph, AccelProgram]:
    graph = parse(net.finish())
    return graph, lower_accel(graph, parse_budget(budget))


def network(shape: tuple[int, int, int]) -> Network:
    return Network(np.random.default_rng(1), shape)


def test_a_layout_that_takes_too_many_masks_is_not_chosen(board: SimulatedBoard) -> None:
    """Sorted by phase the second layer would take more than 512 masks, which GatherOp.mask cannot say."""
    net = network((28, 28, 1))
    net.conv(4, (15, 3), (2, 2))
    net.conv(8, (7, 3), (2, 2))
    graph, program = lowered(net)
    assert not program.most.host_layers
    compare(board, graph, program, samples(graph, np.random.default_rng(2), 3))


def every_engine() -> Network:
    """One layer for each of them, and a gap in each."""
    net = Network(np.random.default_rng(2), (9, 7, 5))
    net.conv(6, (3, 3), (1, 1))
    net.depthwise(1, (3, 3), (1, 1), (2, 1))
    net.pool("MAX_POOL_2D", 2)
    before, scale = net.x, net.scale
    net.conv(6, (1, 1), (1, 1))
    scale = 2 * max(scale, net.scale)
    net._move("ADD", [before, net.x], net.shape, scale, net._zero(), fused_activation_function="NONE")
    net.mean()
    net.dense(70)
    return net


@pytest.fixture(scope="module")
def all_engines() -> tuple[Graph, AccelProgram]:
    graph, program = lowered(every_engine())
    assert not program.most.host_layers
    return graph, program


def extremes(program: AccelProgram, record: Record, name: str) -> tuple[int, int]:
    """The least and the largest number that a field has in a program's commands or gather operations."""
    loads = [program.load, *(segment.stream for level in program.levels for segment in level.segments)]
    found, beats, at = [], np.concatenate(loads).astype("<u8"), 0
    memory = {f.COMMAND.name: f.MEMORY.COMMANDS, f.GATHER.name: f.MEMORY.GATHER}[record.name]
    while at < len(beats):
        packet = f.PACKET.unpack(beats[at : at + 1].tobytes())
        if packet["memory"] == f.MEMORY.END:
            at += 1
            continue
        size = image._BEATS[packet["memory"]][0] // 64
        end = at + 1 + size * packet["value"]
        if packet["memory"] == memory:
            found += [record.unpack(beats[i : i + size].tobytes())[name] for i in range(at + 1, end, size)]
        at = end
    low = LIMITS[record.name][name][0]
    width = next(item.bits for item in record.fields if item.name == name)
    numbers = [value - (1 << width if low < 0 and value >> width - 1 else 0) for value in found]
    return min(numbers, default=0), max(numbers, default=0)


@pytest.mark.parametrize(("record", "name"), FIELDS)
def test_a_number_that_is_larger_than_its_field_leaves_the_layer_to_the_processor(
    all_engines: tuple[Graph, AccelProgram], monkeypatch: pytest.MonkeyPatch, record: str, name: str
) -> None:
    """Of every field, narrower than it is: the program has another number there, or none, with a reason."""
    (graph, program), (low, high) = all_engines, LIMITS[record][name]
    least, most = extremes(program, RECORDS[record], name)
    assert low <= least < most <= high
    narrow = (low, most - 1) if most else (least + 1, high)
    monkeypatch.setitem(LIMITS[record], name, narrow)
    other = lower_accel(graph, parse_budget("lossless"))
    least, most = extremes(other, RECORDS[record], name)
    assert narrow[0] <= least <= most <= narrow[1]
    reasons = [layer.reason for layer in other.most.host_layers]
    assert not reasons or any(f"{name} of a {record} would be" in reason for reason in reasons)


@pytest.mark.parametrize("memory", [f.MEMORY.COMMANDS, f.MEMORY.GATHER, f.MEMORY.MASKS, f.MEMORY.PARAMETERS])
def test_a_memory_that_is_too_small_for_the_model_is_used_run_after_run(
    all_engines: tuple[Graph, AccelProgram], board: SimulatedBoard, monkeypatch: pytest.MonkeyPatch, memory: int
) -> None:
    """What does not fit beside the rest comes in pages; what does not fit alone is the processor's, with a reason."""
    graph, program = all_engines
    bits, _, name = image._BEATS[memory]
    used, seen = program.used[name][0], []
    for depth in (used - 1, used // 2, 3):
        monkeypatch.setitem(image._BEATS, memory, (bits, depth, name))
        other = lower_accel(graph, parse_budget("lossless"))
        assert other.used[name][0] <= depth
        compare(board, graph, other, samples(graph, np.random.default_rng(3), 2))
        seen.append([layer.reason for layer in other.most.host_layers if layer.reason])
    if memory != f.MEMORY.PARAMETERS:  # which may be streamed through buffers that know nothing of a smaller memory
        assert not seen[0] and any(name in reason for reason in seen[-1])


@pytest.mark.parametrize(("record", "name"), FIELDS)
def test_numbers_are_checked_when_they_are_given_and_packed_as_they_are(record: str, name: str) -> None:
    low, high = LIMITS[record][name]
    for value in (low - 1, high + 1):
        with pytest.raises(DoesNotFitError, match=f"{name} of a {record} would be {value:,}, its field holds"):
            add(Image(), record, name, value)
    for value in (low, high):
        made = Image()
        memory = add(made, record, name, value)
        (word,) = made.packed(memory)
        field = RECORDS[record].unpack(word.to_bytes(RECORDS[record].size, "little"))[name]
        assert field == value % (high - low + 1)


def add(made: Image, record: str, name: str, value: int) -> int:
    """One word with one field; the memory that it is in."""
    if record == f.COMMAND.name:
        made.command(**{name: value})
        return f.MEMORY.COMMANDS
    made.gather([{name: value}])
    return f.MEMORY.GATHER


@pytest.mark.parametrize("configuration", f.CONFIGURATIONS.values(), ids=f.CONFIGURATIONS)
def test_fields_of_addresses_reach_all_of_their_memories(configuration: f.Configuration) -> None:
    """So nothing that fits a memory can be too large for them, and they need no check of their own."""
    depths = {
        "mask": configuration.masks, "gather": configuration.gather_ops, "weights": 2 * configuration.weight_words,
        "parameters": configuration.parameters,
    }  # fmt: skip
    assert set(depths) == set(ADDRESSES)
    for name, depth in depths.items():
        (record,) = (record for record in RECORDS.values() if name in record.offsets)
        assert depth - 1 <= LIMITS[record.name][name][1]
    words = configuration.activation_words
    assert words - 1 <= LIMITS["GatherOp"]["address"][1] and words - 1 <= LIMITS["GatherOp"]["stride"][1]


@pytest.mark.parametrize("seed", range(7))
def test_models_of_odd_shapes_equal_golden(board: SimulatedBoard, seed: int) -> None:
    rng = np.random.default_rng(30000 + seed)
    graph = parse(random_shapes.build(rng))
    program = lower_accel(graph, parse_budget(["lossless", "g=8,k=6"][seed % 2]))
    compare(board, graph, program, samples(graph, rng, 2))
