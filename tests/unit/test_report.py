"""report.html: complete, well-formed, without anything from outside, and safe against names."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from edge_tr.report.html import html_report
from edge_tr.target.outcome import Cost, LayerCost
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
        *("digits.tflite on mps2-an386", "Bit-exact: 4 of 4 samples equal golden", "the tensors of all 2 layers"),
        *("75.00 % device", "50.00 % model as given", "tflite-runtime 2.14.0, BUILTIN_REF, rounding double"),
        *("instructions per inference (counted by an emulator)", "Instructions per layer", "Terms per layer"),
        *("24.6% of 100,000 bytes: 24,625", "ab" * 32, "0123456789abcdef"),
    ):
        assert words in page.text, words
    assert "with these kernels and with others" in page.text and "24,625 bytes, this build" in page.text
    assert page.tags.count("svg") == 5


def test_a_failed_report_is_red_and_names_the_first_difference() -> None:
    html = html_report(MANIFEST, WRONG)
    assert "3 of 4 samples differ from golden" in html and "#b42318" in html and "#1a7f37" not in html
    assert "sample 1, layer conv_2d_0" in Page(html).text


def test_names_from_a_model_cannot_inject_markup() -> None:
    manifest = replace(MANIFEST, model=NASTY, layers=(layer(NASTY),))
    mismatch = replace(WRONG.first_mismatch, layer=NASTY, tensor=NASTY)
    nasty = replace(WRONG, model=NASTY, first_mismatch=mismatch, connection=NASTY, notes=(NASTY,))
    html = html_report(manifest, replace(nasty, layer_costs=(LayerCost(NASTY, "CONV_2D", 1.0),)))
    page = Page(html)
    assert "script" not in page.tags and page.text.count(NASTY) >= 6
    assert set(page.tags) == set(Page(html_report(MANIFEST, WRONG)).tags)


def test_nothing_is_loaded_from_outside() -> None:
    html = html_report(MANIFEST, REPORT)
    assert not re.search(r"https?://|src=|href=|@import|url\(", html)


@pytest.mark.parametrize("report", [REPORT, WRONG])
def test_the_same_check_gives_the_same_bytes(report) -> None:
    assert html_report(MANIFEST, report) == html_report(MANIFEST, report)


def test_the_confusion_matrix_marks_the_diagonal() -> None:
    html = html_report(MANIFEST, REPORT)
    rows = re.findall(r"<tr><th>(\d)</th>(.*?)</tr>", html)
    assert [(label, re.sub("<[^>]*>", "|", cells)) for label, cells in rows] == [("0", "|2||1|"), ("1", "|||1|")]
    assert html.count("#dafbe1") == 2 and html.count("#ffebe9") == 1


def test_what_is_not_known_is_left_out() -> None:
    blind = replace(REPORT, accuracy=None, golden_accuracy=None, reference_accuracy=None, confusion=(), layer_costs=())
    page = Page(html_report(MANIFEST, replace(blind, cost=Cost(None, None, "none: nothing counts"), layers_compared=1)))
    assert "accuracy" not in page.text and "choices" not in page.text and "per layer, first sample" not in page.text
    assert "cost: none: nothing counts" in page.text and "the output tensor" in page.text
    assert page.tags.count("svg") == 4


def test_bars_stay_inside_their_track() -> None:
    full = replace(MANIFEST, flash_bytes=999_999, layers=(layer("a", terms=0, flash_bytes=0),))
    widths = [float(width) for width in re.findall(r'class="bar"[^>]*width="([\d.]+)"', html_report(full, REPORT))]
    assert max(widths) == 400.0 and min(widths) >= 0.0
