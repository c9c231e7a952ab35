"""The resource estimate: what cells count, how modules add up, and that the term array multiplies nowhere."""

from __future__ import annotations

import json
import re

import pytest

from edge_tr import overlays, resources, synth_table
from edge_tr.errors import ToolMissingError
from edge_tr.target.synthesis import Module, Used, instances, modules_of, synthesise, used

pytestmark = pytest.mark.usefixtures("yosys_compiled")


def test_cells_count_as_the_chip_has_them():
    cells = {"LUT6": 3, "LUT6_2": 2, "RAM32M": 2, "SRL16E": 1, "FDRE": 7, "FDSE": 1, "CARRY4": 9, "MUXF7": 4}
    assert used(cells) == Used(lut=14, lutram=9, ff=8)
    assert used({"LUT4": 3, "LUT5": 3}, shared=2) == Used(lut=4)
    assert used({"DSP48E1": 5, "RAMB18E1": 3, "RAMB36E1": 2}) == Used(dsp=5, ramb18=7)


@pytest.mark.parametrize("cell", ["LDCE", "$mul", "tr_unknown"])
def test_a_latch_or_what_was_not_mapped_is_refused(cell):
    with pytest.raises(ValueError, match=re.escape(cell)):
        used({"LUT6": 1, cell: 1})


def test_modules_add_up_by_their_instances():
    modules = {
        "top": Module("top", Used(lut=1, ramb18=1), {"a": 2, "b": 1}),
        "a": Module("a", Used(lut=10), {"b": 3}),
        "b": Module("b", Used(lut=100, ff=1, dsp=2), {}),
    }
    assert instances(modules, "top") == {"top": 1, "a": 2, "b": 7}
    renamed = {"tr_accelerator" if name == "top" else name: module for name, module in modules.items()}
    assert synth_table.summary(renamed) == {"LUT": 721, "LUTRAM": 0, "FF": 7, "DSP": 14, "BRAM36": 1}


def test_the_array_element_multiplies_nowhere_and_is_small():
    element = synthesise(resources.folder("rtl"), "tr_element", "select -assert-none t:$mul t:$macc")
    assert not element.children and element.own.dsp == element.own.ramb18 == 0
    # 3 banks of 8 bits with three ports each in RAM32M, four adders of two and two of three values: a LUT a bit.
    assert element.own.lutram == 48
    assert 48 + 4 * 9 + 11 + 12 <= element.own.lut <= 48 + 4 * 9 + 11 + 12 + 8


def test_an_assertion_that_does_not_hold_fails():
    with pytest.raises(ToolMissingError, match="yosys failed on tr_element"):
        synthesise(resources.folder("rtl"), "tr_element", "select -assert-none t:$dff")


def test_the_document_says_what_the_board_knows():
    board = overlays.load(synth_table.BOARD)
    text = (synth_table.ROOT / "docs" / "accelerator-resources.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    modules = {row[0]: row for row in rows if row[0].startswith("tr_") and len(row) == 12}
    assert set(modules) == set(modules_of(resources.folder("rtl")))
    taken = board.resources()
    assert taken == json.loads((board.folder / overlays.RESOURCES).read_text(encoding="utf-8"))
    for name, column in (("LUT", 7), ("LUTRAM", 8), ("FF", 9), ("DSP", 10)):
        assert sum(int(row[column].replace(",", "")) for row in modules.values()) == taken[name] <= board.chip[name]
