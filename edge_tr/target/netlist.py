"""What slows a mapped netlist down before anything is placed: nets with many loads, and paths through many LUTs.

Read from the flat JSON that yosys writes after `synth_xilinx`. A carry chain counts as no level of its own, as it does
not leave its column of slices.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

CLOCKS = frozenset({"C", "CLK", "WCLK", "CLKARDCLK", "CLKBWRCLK"})
"""Pins of the global clock network."""
_LEVELS = {
    **dict.fromkeys(("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "LUT6_2", "INV"), 1),
    **dict.fromkeys(("MUXF7", "MUXF8", "CARRY4"), 0),
}  # what a signal passes within a cycle, and how many levels that is
_RAM_READS = {"RAM32M": 1, "RAM64M": 1, "RAM32X1D": 1, "RAM64X1D": 1}
"""LUTs as memory: a read passes one level, from an address; a write ends there."""


@dataclass(frozen=True)
class Net:
    """A bit with its name in the design and the pins that it drives."""

    name: str
    loads: int


@dataclass(frozen=True)
class Route:
    """A way from a register (or a port) to the next: LUTs on it, and the names of the bits behind each."""

    levels: int
    through: tuple[str, ...]


class Netlist:
    """One flat module of mapped cells."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self._cells: Mapping[str, Any] = module["cells"]
        self._names: dict[int, str] = {}
        for name, net in module["netnames"].items():
            for i, bit in enumerate(net["bits"]):
                text = f"{name}[{i}]" if len(net["bits"]) > 1 else name
                if isinstance(bit, int) and (bit not in self._names or len(text) < len(self._names[bit])):
                    self._names[bit] = text

    @classmethod
    def read(cls, path: Path, top: str) -> Netlist:
        """Of yosys' JSON."""
        return cls(json.loads(path.read_text(encoding="utf-8"))["modules"][top])

    def nets(self) -> list[Net]:
        """All nets but clocks and constants, the one with the most loads first."""
        loads: Counter[int] = Counter()
        for cell in self._cells.values():
            for pin, bits in cell["connections"].items():
                if cell["port_directions"][pin] == "input" and pin not in CLOCKS:
                    loads.update(bit for bit in bits if isinstance(bit, int))
        return [Net(self._names.get(bit, str(bit)), n) for bit, n in loads.most_common()]

    def levels(self) -> list[tuple[int, int]]:
        """How many pins of registers, memories and outputs lie behind how many LUTs."""
        found: Counter[int] = Counter()
        for cell in self._cells.values():
            if cell["type"] in _LEVELS:
                continue
            for pin, bits in cell["connections"].items():
                if cell["port_directions"][pin] == "input" and pin not in CLOCKS:
                    found.update(self._depths[bit][0] for bit in bits if bit in self._depths)
        return sorted(found.items())

    def deepest(self) -> Route:
        """The path through the most LUTs."""
        if not self._depths:
            return Route(0, ())
        bit = max(self._depths, key=lambda at: self._depths[at][0])
        levels, through = self._depths[bit][0], []
        at: int | None = bit
        while at is not None:
            through.append(self._names.get(at, str(at)))
            at = self._depths[at][1] if at in self._depths else None
        return Route(levels, tuple(reversed(through)))

    @cached_property
    def _depths(self) -> dict[int, tuple[int, int | None]]:
        """Of each bit behind a LUT: levels in front of it, and the bit before it on the deepest way."""
        arcs = self._arcs()
        depths: dict[int, tuple[int, int | None]] = {}
        state: dict[int, bool] = {}  # False while a bit's sources are under way
        for start in arcs:
            stack = [start]
            while stack:
                bit = stack[-1]
                waiting = [source for source, _ in arcs.get(bit, ()) if source not in state and source in arcs]
                if bit not in state and waiting:
                    state[bit] = False
                    stack.extend(waiting)
                    continue
                stack.pop()
                if state.get(bit):
                    continue
                state[bit] = True
                depths[bit] = max(
                    ((depths[source][0] if source in depths else 0) + level, source) for source, level in arcs[bit]
                )
        return depths

    def _arcs(self) -> dict[int, list[tuple[int, int]]]:
        """Of each bit that follows others within a cycle: those, and the levels from each."""
        found: dict[int, list[tuple[int, int]]] = defaultdict(list)
        for cell in self._cells.values():
            for source, target, level in _ways(cell):
                found[target].append((source, level))
        return found


def _ways(cell: Mapping[str, Any]) -> Iterator[tuple[int, int, int]]:
    """From an input bit to an output bit of a cell without a register between them."""
    kind, pins, directions = cell["type"], cell["connections"], cell["port_directions"]
    if kind in _RAM_READS:
        for port in "ABCD":
            yield from _all(pins.get(f"ADDR{port}", ()), pins.get(f"DO{port}", ()), 1)
    elif kind == "CARRY4":
        yield from _carry(pins)
    elif kind in _LEVELS:
        inputs = [bit for pin, bits in pins.items() if directions[pin] == "input" for bit in bits]
        outputs = [bit for pin, bits in pins.items() if directions[pin] == "output" for bit in bits]
        yield from _all(inputs, outputs, _LEVELS[kind])


def _carry(pins: Mapping[str, Any]) -> Iterator[tuple[int, int, int]]:
    """A carry goes up: bit i of O and CO follows the bits up to i, and what enters."""
    first = [bit for pin in ("CI", "CYINIT") for bit in pins.get(pin, ())]
    for i in range(4):
        inputs = [*first, *pins["S"][: i + 1], *pins["DI"][: i + 1]]
        yield from _all(inputs, [pins[pin][i] for pin in ("O", "CO") if len(pins.get(pin, ())) > i], 0)


def _all(inputs: Any, outputs: Any, level: int) -> Iterator[tuple[int, int, int]]:
    for source in inputs:
        for target in outputs:
            if isinstance(source, int) and isinstance(target, int):
                yield source, target, level
