"""Results as text: what they say, and that columns stand where they should."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest

from edge_tr.report.checked import check_text
from edge_tr.report.summary import build_text, memory_bar, table
from edge_tr.report.terminal import WIDTH, coloured, wants_colour, wrapped
from edge_tr.target.outcome import Cost
from tests.unit.reports import MANIFEST, REPORT, WRONG


@pytest.mark.parametrize(
    ("used", "limit", "bar", "percent"),
    [
        (0, 100, " " * 20, "  0.0%"),
        (50, 100, "=" * 10 + " " * 10, " 50.0%"),
        (100, 100, "=" * 20, "100.0%"),
        (250, 100, "=" * 20, "250.0%"),
    ],
)
def test_a_memory_bar_is_as_full_as_the_memory(used: int, limit: int, bar: str, percent: str) -> None:
    assert memory_bar("RAM", used, limit) == f"RAM:   [{bar}] {percent} (used {used} of {limit} bytes)"


def test_numbers_are_grouped_and_labels_of_memory_bars_align() -> None:
    flash, ram = memory_bar("Flash", 24_625, 100_000), memory_bar("RAM", 40_900, 131_072)
    assert "used 24,625 of 100,000 bytes" in flash and "31.2%" in ram
    assert flash.index("[") == ram.index("[")


def test_a_table_aligns_its_columns_and_leaves_no_space_at_line_ends() -> None:
    lines = table([("name", "n"), ("a", "1,000"), ("long name", "")], left=(0,)).splitlines()
    assert lines == ["name           n", "---------  -----", "a          1,000", "long name"]


def test_a_build_shows_every_layer_and_the_memory() -> None:
    text = build_text(MANIFEST)
    assert "digits.tflite for mps2-an386, budget lossless" in text
    conv = next(line for line in text.splitlines() if line.startswith("conv_2d_0"))
    for word in ("CONV_2D", "4,608", "72", "201", "2.79", "planes", "560"):
        assert word in conv.split()
    softmax = next(line for line in text.splitlines() if line.startswith("softmax_1"))
    assert softmax.split() == ["softmax_1", "SOFTMAX", "reference"]
    assert "used 24,625 of 100,000" in text and "used 40,900 of 131,072" in text
    assert "arena 1,536 bytes; no plan can go below 1,500" in text
    assert "RAM is arena 1,536, serial link 531, other data 38,313, stack 520 (bound 392, margin 128)" in text


def test_a_build_shows_what_other_kernels_would_take() -> None:
    *_, head, columns, _, small, own, large = build_text(MANIFEST).splitlines()
    where = "for the layers with weights, on cortex-m4 (0.0494 ms at 25 MHz)"
    assert head == f"1,234 cycles estimated {where}; other choices of kernels:"
    unclocked = build_text(replace(MANIFEST, clock_mhz=None))
    assert "1,234 cycles estimated for the layers with weights, on cortex-m4; other choices of kernels:" in unclocked
    assert columns.split("  ")[0] == "build with" and columns.endswith(
        "flash bytes (est.)  RAM bytes (est.)  cycles (est.)"
    )
    assert small.split() == ["--optimise", "size", "20,000", "41,000", "3,456"]
    assert own.split() == ["this", "build", "24,625", "40,900", "1,234"]
    assert large.split() == ["a", "larger", "board", "124,625", "40,900", "1,000"]
    same = replace(MANIFEST, alternatives=tuple(replace(a, ram_bytes=1) for a in MANIFEST.alternatives))
    assert "RAM bytes" not in build_text(same)
    alone = replace(MANIFEST, alternatives=MANIFEST.alternatives[1:2])
    assert build_text(alone).endswith("on cortex-m4 (0.0494 ms at 25 MHz); no kernels take less flash")


def test_a_good_check_says_so_with_its_figures() -> None:
    text = check_text(REPORT)
    assert "BIT-EXACT: every tensor of 2 layers equals golden, 4 of 4 samples" in text and "NOT" not in text
    assert "accuracy 75.00% on the device, 75.00% golden, 50.00% the model as given" in text
    assert "same weights: 4 of 4\ninterpreter: tflite-runtime 2.14.0, BUILTIN_REF, rounding double" in text
    assert "instructions per inference (counted by an emulator)" in text


def test_a_failed_check_says_where() -> None:
    text = check_text(WRONG)
    assert "NOT BIT-EXACT, 1 of 4 samples" in text
    assert (
        "first difference: sample 1, layer conv_2d_0 (tensor 'tensor of conv_2d_0'), "
        "element 17: the device has -3, golden 5"
    ) in text


def test_what_is_not_known_is_left_out() -> None:
    blind = replace(
        REPORT,
        accuracy=None,
        golden_accuracy=None,
        reference_accuracy=None,
        layers_compared=1,
        cost=Cost(None, None, "none: nothing counts"),
        notes=("a note",),
    )
    text = check_text(blind)
    assert "every output equals golden" in text and "accuracy" not in text
    assert "cost: none: nothing counts" in text and text.endswith("note: a note")


def test_a_table_has_100_columns_at_most_and_loses_text_before_numbers() -> None:
    rows = [("layer", "op", "n"), ("a" * 90, "b" * 40, "1,000"), ("short", "c", "2")]
    lines = table(rows, left=(0, 1)).splitlines()
    assert max(map(len, lines)) == WIDTH and lines[2].endswith("1,000") and "aaa..." in lines[2]
    assert table([("x", "n"), ("a", "9" * 120)], left=(0,)).splitlines()[2].endswith("9" * 120)


def test_long_lines_are_wrapped_at_spaces_and_paths_are_left_whole() -> None:
    text = f"{'word ' * 30}end\nshort\nwritten to /{'x' * 120}"
    lines = wrapped(text).split("\n")
    assert (
        max(map(len, lines[:-1])) <= WIDTH and lines[1].startswith("  word") and lines[-1] == f"written to /{'x' * 120}"
    )
    assert " ".join(wrapped(text).split()) == " ".join(text.split())


def test_colour_is_for_terminals_that_want_it() -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    assert wants_colour(Terminal(), {"TERM": "xterm"}) and not wants_colour(io.StringIO(), {"TERM": "xterm"})
    for environment in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}):
        assert not wants_colour(Terminal(), environment)
    text = coloured("BIT-EXACT: all\nNOT BIT-EXACT, 1 of 4\nx BIT-EXACT")
    assert text == "\x1b[32mBIT-EXACT\x1b[0m: all\n\x1b[31mNOT BIT-EXACT\x1b[0m, 1 of 4\nx BIT-EXACT"
