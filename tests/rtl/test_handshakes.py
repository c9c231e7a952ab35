"""Proofs by induction, over all inputs, that nothing offered on AXI changes before it is taken (handshakes.sv). Each
fails on RTL with a mistake in it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from simulate import RTL
from test_static import yosys

from edge_tr.formats.accelerator import SMALL
from edge_tr.formats.emit import sv_package

HERE = Path(__file__).parent
PROOF = """
read_slang -j 1 --top {top} {files}
proc
flatten
async2sync
chformal -lower
memory_map
opt -fast
sat -tempinduct{how} -prove-asserts -set-assumes -seq 1 -verify {top}
"""
WHOLE, FROM_RESET = " -maxsteps 3", "-baseonly -maxsteps 12"
REGISTERED = """
read_slang -j 1 --top tr_accelerator {files}
proc
opt -fast
select -assert-count 3 o:s_axi_*ready
select -assert-none o:s_axi_*ready %ci*:-$dff,$dffe,$sdff,$sdffe,$sdffce i:* %i
"""


def sources(*changes: tuple[str, str]) -> dict[str, str]:
    """The modules that the proofs are of, by file, with something in them changed. Of the core there are the ports."""
    paths = [RTL / name for name in ("tr_formats_pkg.sv", "tr_output.sv", "tr_core.sv", "tr_accelerator.sv")]
    paths += [RTL / "ecp5" / "tr_bridge.sv", HERE / "handshakes.sv"]
    texts = {path.name: path.read_text(encoding="utf-8") for path in paths}
    texts["tr_formats_pkg.sv"] = sv_package(SMALL)  # fewer beats a word
    texts["tr_core.sv"] = texts["tr_core.sv"].partition("\n);")[0] + "\n);\nendmodule\n"
    for old, new in changes:
        assert sum(text.count(old) for text in texts.values()) == 1, old
        texts = {name: text.replace(old, new) for name, text in texts.items()}
    return texts


def ran(script: str, texts: dict[str, str], work: Path, **names: str) -> str:
    """What yosys says; `ERROR` is in it where it fails."""
    for name, text in texts.items():
        (work / name).write_text(text, encoding="utf-8")
    done = yosys(script.format(files=" ".join(texts), **names), work)
    said = done.stdout + done.stderr
    assert ("ERROR" in said) == (done.returncode != 0), said[-3000:]
    return said


def solved(top: str, work: Path, how: str, *changes: tuple[str, str]) -> str:
    """What the solver says of the assertions below `top`."""
    said = ran(PROOF, sources(*changes), work, top=top, how=how)
    assert len(re.findall("Import proof for assert", said)) >= 4, said[-3000:]
    return said


MISTAKES = [
    ("output_offers", "{level, stopped, stopped_last} <= {4'd0, stays, stays, out_last}",
     "{level, stopped, stopped_last} <= '0"),  # as it was: a stop takes the beat back
    ("output_offers", "out_last = stopped ? stopped_last : ", "out_last = "),  # the next command's packet
    ("output_offers", "tail <= stays ? head + 4'd1 : '0", "tail <= stays ? head : '0"),  # the next beat in its place
    ("register_offers", "if (s_axi_bready) s_axi_bvalid <= 1'b0;", "s_axi_bvalid <= 1'b0;"),
    ("register_offers", "if (s_axi_rvalid && s_axi_rready) {s_axi_rvalid", "if (s_axi_rvalid) {s_axi_rvalid"),
    ("register_offers", "bytes[i] ? value[8*i+:8]", "bytes[0] ? value[8*i+:8]"),
    ("register_offers", "write = got_address && got_data && !s_axi_bvalid", "write = got_address && got_data"),
    ("bridge_offers", "if (awready) awvalid <= 1'b0;", "awvalid <= 1'b0;"),
    ("bridge_offers", "in_moves = !in_valid || in_ready", "in_moves = 1'b1"),
]  # fmt: skip


@pytest.mark.parametrize("top", ["output_offers", "register_offers", "bridge_offers"])
def test_what_is_offered_stays_until_it_is_taken(top: str, tmp_path: Path, yosys_compiled: None) -> None:
    assert "Induction step proven: SUCCESS!" in solved(top, tmp_path, WHOLE)


@pytest.mark.parametrize(("top", "right", "wrong"), MISTAKES)
def test_a_mistake_is_found(top: str, right: str, wrong: str, tmp_path: Path, yosys_compiled: None) -> None:
    assert "model found for base case: FAIL!" in solved(top, tmp_path, FROM_RESET, (right, wrong))


def test_ready_of_the_registers_are_registers(tmp_path: Path, yosys_compiled: None) -> None:
    assert "ERROR" not in ran(REGISTERED, sources(), tmp_path)
    texts = sources()
    core, ports = "tr_accelerator.sv", "    output logic        "
    texts[core] = (
        texts[core].replace("s_axi_arready", "ready").replace(f"{ports}ready,", f"{ports}s_axi_arready,")
        .replace("  logic reads;", "  logic reads, ready;\n  assign s_axi_arready = ready && s_axi_arvalid;")
    )  # fmt: skip
    assert "ERROR: Assertion failed: selection is not empty" in ran(REGISTERED, texts, tmp_path)
