"""Pages without a browser: complete, well-formed, without anything from outside, and safe against names."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from edge_tr.report.pages import Build, comparison, html_report
from edge_tr.report.pages.shell import milliseconds, wilson
from edge_tr.target.outcome import Cost, LayerCost, LevelsReport
from tests.unit.reports import MANIFEST, NASTY, REPORT, WRONG, layer

VOID = {"meta", "link", "br", "img"}


class Page(HTMLParser):
    """Checks that tags nest; keeps the text and the tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append(tag)
        if tag not in VOID and self.get_starttag_text()[-2:] != "/>":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data) -> None:
        self.text += data


def test_a_good_report_shows_the_verdict_the_figures_and_the_plots() -> None:
    page = Page(html_report(MANIFEST, REPORT))
    for words in (
        *("digits.tflite on mps2-an386", "Bit-exact", "4 of 4 samples equal golden", "the tensors of all 2 layers"),
        *("75.00% (30.1% to 95.4%)", "the model as given", "tflite-runtime 2.14.0, BUILTIN_REF, rounding double"),
        *("instructions per inference (counted by an emulator)", "24.6% of 100,000 bytes", "49.4 µs at 25 MHz"),
        *("stack: at most 392 of 520 bytes reserved", "arena 1,536", "link 531", "ab" * 32, "0123456789abcdef"),
        *("Memory over time", "Recall by class", "cat", "dog", "Choices of kernels", "By power of two"),
    ):
        assert words in page.text, words


def test_a_failed_report_says_so_and_names_the_first_difference() -> None:
    html = html_report(MANIFEST, WRONG)
    assert 'class="verdict no"' in html and "Not bit-exact" in html and "Bit-exact" not in html
    text = Page(html).text
    assert "3 of 4 samples differ from golden" in text and "First difference: sample 1, layer conv_2d_0" in text
    assert "2 of 100 elements of the tensor (5 × 5 × 4) differ" in text and "of channel 1" in text
    assert "row 0, column 3" in text and "row 1, column 4" in text and "+8" in text and "-8" in text


def test_a_build_that_was_not_checked_has_a_page_too() -> None:
    page = Page(html_report(MANIFEST, None))
    assert "Not checked yet" in page.text and "Memory over time" in page.text and "Accuracy" not in page.text


def test_several_budgets_are_a_table_and_curves() -> None:
    levels = tuple(replace(MANIFEST.levels[0], budget=f"g=8,k={k}", terms_per_mac=k / 8) for k in (4, 8))
    checks = tuple(
        replace(REPORT, budget=of.budget, terms_per_mac=of.terms_per_mac, level=n) for n, of in enumerate(levels)
    )
    page = Page(html_report(replace(MANIFEST, levels=levels), checks[-1], LevelsReport.of(checks)))
    assert "Budgets of this build" in page.text and "Bit-exact at every level" in page.text and "g=8,k=4" in page.text


def test_names_from_a_model_cannot_inject_markup() -> None:
    manifest = replace(MANIFEST, model=NASTY, layers=(layer(NASTY, reads=(NASTY,)),))
    mismatch = replace(WRONG.first_mismatch, layer=NASTY, tensor=NASTY)
    nasty = replace(WRONG, model=NASTY, first_mismatch=mismatch, connection=NASTY, notes=(NASTY,), classes=(NASTY, "b"))
    html = html_report(manifest, replace(nasty, layer_costs=(LayerCost(NASTY, "CONV_2D", 1.0),)))
    page = Page(html)
    assert page.tags.count("script") == 1 and page.text.count(NASTY) >= 6
    beside = Page(comparison(Build(NASTY, manifest, nasty), Build("b", MANIFEST, REPORT)))
    assert beside.tags.count("script") == 1 and beside.text.count(NASTY) >= 2


def test_nothing_is_loaded_from_outside() -> None:
    html = html_report(MANIFEST, REPORT)
    assert not re.search(r"https?://|src=|@import|url\(", html)
    assert set(re.findall(r'href="(.)', html)) == {"#"}
    policy = "default-src &#39;none&#39;" if "&#39;" in html.split("</title>")[0] else "default-src 'none'"
    assert policy in html


@pytest.mark.parametrize("report", [REPORT, WRONG])
def test_the_same_check_gives_the_same_bytes(report) -> None:
    assert html_report(MANIFEST, report) == html_report(MANIFEST, report)


def test_the_confusion_matrix_is_by_row_per_cent_with_the_names_of_the_classes() -> None:
    html = html_report(MANIFEST, REPORT)
    rows = re.findall(r'<th scope="row">(cat|dog)</th>(.*?)</tr>', html)
    assert [(label, re.sub("<[^>]*>", "|", cells)) for label, cells in rows] == [
        ("cat", "|67||33|"),
        ("dog", "|||100|"),
    ]
    assert html.count('<td class="right"') == 2 and html.count('<td class="wrong"') == 1
    assert "cat taken for dog: 1 of 3" in html


def test_what_is_not_known_is_left_out() -> None:
    blind = replace(REPORT, accuracy=None, golden_accuracy=None, reference_accuracy=None, confusion=(), layer_costs=())
    page = Page(html_report(MANIFEST, replace(blind, cost=Cost(None, None, "none: nothing counts"), layers_compared=1)))
    assert "Accuracy" not in page.text and "Recall" not in page.text and "were counted" not in page.text
    assert "cost: none: nothing counts" in page.text and "the output tensor" in page.text
    unclocked = Page(html_report(replace(MANIFEST, clock_mhz=None), None))
    assert " ms at " not in unclocked.text


def test_a_program_that_is_too_large_is_drawn_over_its_limit() -> None:
    html = html_report(replace(MANIFEST, flash_bytes=250_000, layers=(layer("a", terms=0, flash_bytes=0),)), REPORT)
    assert "150,000 too many" in html and 'class="mark" x1="40%"' in html


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Against the definition: the shares at which the observed one is 1.96 standard errors away."""
    for right, samples in ((0, 10), (3, 4), (45, 50), (990, 1000), (7, 7)):
        low, high = wilson(right, samples)
        assert 0 <= low <= right / samples <= high <= 1
        for end in (low, high):
            if 0 < end < 1:
                error = math.sqrt(end * (1 - end) / samples)
                assert abs(abs(right / samples - end) / error - 1.959964) < 1e-6


@pytest.mark.parametrize(
    ("cycles", "clock", "text"),
    [(62_285, 25, "2.49 ms at 25 MHz"), (120, 120, "1 µs at 120 MHz"), (5e9, 64, "78,125 ms at 64 MHz"), (1, None, "")],
)
def test_cycles_become_milliseconds_where_the_clock_is_known(cycles: float, clock: int | None, text: str) -> None:
    assert milliseconds(cycles, clock) == text
