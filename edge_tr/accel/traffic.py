"""What moves between the accelerator's own memories and its engines in one inference, counted from the commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_tr.accel.cycles import TABLE_WORDS
from edge_tr.accel.image import Fields, Image
from edge_tr.formats import accelerator as f

WORD = f.COLUMNS.value  # values of an activation word, a byte each outside
TERM_WORD = f.TERM_WORD_BITS.value // 8  # bytes
DENSE_WORD = f.WEIGHT_BITS.value // 8


@dataclass(frozen=True)
class Traffic:
    """Bytes per inference: weight words read, activations read and written."""

    weights: int
    read: int
    written: int


def total(parts: Sequence[Traffic]) -> Traffic:
    """Of all of them."""
    return Traffic(*(sum(getattr(part, name) for part in parts) for name in ("weights", "read", "written")))


def traffic_of(image: Image, commands: range) -> Traffic:
    """Each of the commands once; a gathered window is read from two words."""
    total = [0, 0, 0]
    for command in image.words[f.MEMORY.COMMANDS][commands.start : commands.stop]:
        for i, n in enumerate(_of(image, command)):
            total[i] += n
    return Traffic(*total)


def _of(image: Image, command: Fields) -> tuple[int, int, int]:
    opcode, tiles, count = command["opcode"], command["tiles"], command["count"]
    if opcode == f.OPCODE.ARRAY:
        results = tiles * WORD * _rows(image, command)
        return tiles * count * TERM_WORD, 2 * WORD * _gathered(image, command["gather"]), results
    if opcode == f.OPCODE.DENSE:
        values = tiles * count * command["pixels"]
        return (values + 3 * tiles) * DENSE_WORD, values, tiles * WORD
    if opcode in (f.OPCODE.SUM, f.OPCODE.MAXIMUM):
        windows = count * _gathered(image, command["gather"])
        results = count if opcode == f.OPCODE.SUM else count * WORD * _results(image, command["gather"])
        return 0, 2 * WORD * windows, results
    if opcode == f.OPCODE.ADD:
        return 0, 2 * WORD * tiles, WORD * tiles
    if opcode == f.OPCODE.TABLE:
        return TABLE_WORDS * DENSE_WORD, 0, 0
    if opcode == f.OPCODE.INPUT:
        return 0, 0, WORD * tiles
    return (0, WORD * tiles, 0) if opcode == f.OPCODE.OUTPUT else (0, 0, 0)


def _list(image: Image, at: int) -> list[Fields]:
    """The gather operations from `at` to the end of their list."""
    memory = image.words[f.MEMORY.GATHER]
    end = next(i for i in range(at, len(memory)) if memory[i]["end"])
    return memory[at : end + 1]


def _gathered(image: Image, at: int) -> int:
    """Windows of one pass through a list."""
    return sum(op["count"] for op in _list(image, at))


def _results(image: Image, at: int) -> int:
    """Words of a channel that a list leads to."""
    return sum(op["last"] for op in _list(image, at))


def _rows(image: Image, command: Fields) -> int:
    """Channels that an ARRAY command computes, from the control bits of its words."""
    halves = image.words[f.MEMORY.WEIGHTS][command["weights"] : command["weights"] + command["count"]]
    above = f.ROW_TERMS.bits * f.ROWS.value
    controls = (f.TERM_CONTROL.unpack((word >> above).to_bytes(f.TERM_CONTROL.size, "little")) for word in halves)
    return sum(control["rows"] for control in controls if control["last_group"] and control["final"])
