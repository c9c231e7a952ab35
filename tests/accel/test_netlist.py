"""Loads and levels of a netlist that was made by hand."""

from __future__ import annotations

import json
from pathlib import Path

from edge_tr.target.netlist import Netlist


def cell(kind: str, inputs: dict[str, list[int | str]], outputs: dict[str, list[int | str]]) -> dict[str, object]:
    """As yosys writes it."""
    directions = {**dict.fromkeys(inputs, "input"), **dict.fromkeys(outputs, "output")}
    return {"type": kind, "port_directions": directions, "connections": {**inputs, **outputs}}


def netlist(cells: dict[str, dict[str, object]], names: dict[str, list[int]]) -> Netlist:
    return Netlist({"cells": cells, "netnames": {name: {"bits": bits} for name, bits in names.items()}})


def test_levels_end_at_registers_and_carry_chains_are_none(tmp_path: Path) -> None:
    cells = {
        "start": cell("FDRE", {"C": [1], "D": [9]}, {"Q": [2]}),
        "a": cell("LUT2", {"I0": [2], "I1": ["1"]}, {"O": [3]}),
        "chain": cell(
            "CARRY4",
            {"CI": ["0"], "CYINIT": ["0"], "S": [3, "0", "0", "0"], "DI": ["0", "0", "0", "0"]},
            {"O": [4, 5, 6, 7], "CO": [11, 12, 13, 14]},
        ),
        "b": cell("LUT1", {"I0": [7]}, {"O": [8]}),
        "end": cell("FDRE", {"C": [1], "D": [8]}, {"Q": [9]}),
    }
    module = {"cells": cells, "netnames": {"from": {"bits": [2]}, "to": {"bits": [8]}, "chain": {"bits": [4, 5, 6, 7]}}}
    path = tmp_path / "out.json"
    path.write_text(json.dumps({"modules": {"top": module}}), encoding="utf-8")
    made = Netlist.read(path, "top")
    assert made.levels() == [(2, 1)]  # the first register's D comes from the second one
    assert made.deepest().levels == 2 and made.deepest().through == ("from", "3", "chain[3]", "to")


def test_a_carry_goes_up_only() -> None:
    chain = cell(
        "CARRY4",
        {"CI": ["0"], "CYINIT": ["0"], "S": ["0", "0", "0", 2], "DI": ["0"] * 4},
        {"O": [4, 5, 6, 7], "CO": [11, 12, 13, 14]},
    )
    ends = {f"end{bit}": cell("FDRE", {"C": [1], "D": [bit]}, {"Q": [20 + bit]}) for bit in (4, 7)}
    front = cell("LUT1", {"I0": [3]}, {"O": [2]})
    assert netlist({"chain": chain, "front": front, **ends}, {}).levels() == [(1, 1)]


def test_a_read_of_lut_ram_is_a_level_and_a_write_ends_there() -> None:
    ram = cell("RAM32M", {"WCLK": [1], "WE": [2], "ADDRA": [3], "DIA": [4], "ADDRD": [5]}, {"DOA": [6], "DOD": [7]})
    read = cell("LUT1", {"I0": [6]}, {"O": [8]})
    data = cell("LUT1", {"I0": [9]}, {"O": [4]})
    end = cell("FDRE", {"C": [1], "D": [8]}, {"Q": [10]})
    assert netlist({"ram": ram, "read": read, "data": data, "end": end}, {}).levels() == [(1, 1), (2, 1)]


def test_loads_are_pins_and_clocks_are_none() -> None:
    cells = {f"f{i}": cell("FDRE", {"C": [1], "CE": [2], "D": [3]}, {"Q": [10 + i]}) for i in range(5)}
    nets = netlist(cells, {"enable": [2], "top.enable": [2], "bus": [3, 4]}).nets()
    assert [(net.name, net.loads) for net in nets] == [("enable", 5), ("bus[0]", 5)]
