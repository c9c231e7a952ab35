"""Every kind of page in a real browser: that it can be read by everybody, and that what is drawn is what was found."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Page

from edge_tr.manifest import BuildFolder
from tests.pages.browser import boxes, browser, looked_at, shown
from tests.system.damage import damage_weight
from tests.system.helpers import DIGITS, DIGITS_DATA, place, run, succeed

NEAR = 1.01  # pixels: a browser rounds lengths, and a shape's edge has a width of its own


def build(folder: Path, *options: object) -> dict:
    succeed("build", DIGITS, "-o", folder, *options)
    return json.loads((folder / "build.json").read_text())


def pictures(folder: Path) -> Path:
    """Where screenshots are kept: EDGE_TR_SCREENSHOTS, or with the test's other files."""
    kept = Path(os.environ.get("EDGE_TR_SCREENSHOTS") or folder)
    kept.mkdir(parents=True, exist_ok=True)
    return kept


def test_the_page_of_a_checked_build_draws_its_layers_memory_terms_and_accuracy(tmp_path: Path) -> None:
    folder = tmp_path / "checked"
    built = build(folder, "--target", "mps2-an386", "--budget", "g=8,k=12")
    succeed("flash", folder)
    report = succeed("check", folder, "--data", DIGITS_DATA, "--limit", "60", "--layers", "--json").json
    page = folder / "report.html"
    before = page.read_bytes()
    succeed("report", folder)
    assert page.read_bytes() == before, "made again from the files it has the same bytes"
    with browser() as chromium:
        looked_at(chromium, page, pictures(tmp_path))
        for width in (1280, 390):
            with shown(chromium, page, width) as tab:
                _layers(tab, built, report)
                _arena(tab, built)
                _terms(tab, built)
                _accuracy(tab, report)


def _layers(tab: Page, built: dict, report: dict) -> None:
    """A row a layer; the bars of a column are as long as its numbers."""
    rows = tab.locator("#layers tbody > tr[data-layer]")
    assert rows.evaluate_all("rows => rows.map(row => row.dataset.layer)") == [of["name"] for of in built["layers"]]
    heads = tab.locator("#layers table.sortable > thead th").evaluate_all(
        "all => all.map(one => one.innerText.split(' ')[0])"
    )
    counted = {of["name"]: of["cost"] for of in report["layer_costs"]}
    columns = {
        "MACs": [of["macs"] for of in built["layers"]],
        "terms": [of["terms"] for of in built["layers"]],
        "cycles": [of["cycles_estimated"] or 0 for of in built["layers"]],
        "instructions": [counted[of["name"]] for of in built["layers"]],
        "flash": [of["flash_bytes"] for of in built["layers"]],
    }
    for name, values in columns.items():
        cell = f"#layers tbody > tr[data-layer] > td:nth-child({heads.index(name) + 1}) svg"
        bars, tracks = boxes(tab, f"{cell} .bar"), boxes(tab, f"{cell} .track")
        drawn = [value for value in values if value]
        assert [float(bar["value"]) for bar in bars] == drawn, name
        for bar, track, value in zip(bars, tracks, drawn):
            assert abs(bar["width"] - track["width"] * value / max(values)) < NEAR, (name, value)


def _arena(tab: Page, built: dict) -> None:
    """A rectangle for each region, over its layers and addresses."""
    blocks = boxes(tab, "#arena rect.block")
    regions = [(r["offset"], r["bytes"], r["first"], r["last"]) for r in built["arena"]]
    assert [tuple(int(b[key]) for key in ("offset", "bytes", "first", "last")) for b in blocks] == regions
    (plot,) = boxes(tab, "#arena svg.gutter")
    steps, size = len(built["layers"]), built["arena_bytes"]
    bottom = next(b["y"] + b["height"] for b in blocks if b["offset"] == "0")
    scale = max(b["height"] / int(b["bytes"]) for b in blocks if int(b["bytes"]) == max(r[1] for r in regions))
    for block, (offset, length, first, last) in zip(blocks, regions):
        assert abs(block["x"] - (plot["x"] + plot["width"] * first / steps)) < NEAR
        assert abs(block["width"] - plot["width"] * (last - first + 1) / steps) < NEAR
        assert abs(block["height"] - scale * length) < NEAR
        assert abs(bottom - (block["y"] + block["height"]) - scale * offset) < NEAR
    living = [sum(r[1] for r in regions if r[2] <= step <= r[3]) for step in range(steps)]
    (peak,) = boxes(tab, "#arena rect.peak")
    assert living[int(peak["step"])] == max(living) and scale * size > 200


def _terms(tab: Page, built: dict) -> None:
    """Columns as high as all layers' terms."""
    sums = {name: [sum(of) for of in _by_exponent(built, name)] for name in ("given", "kept")}
    drawn = boxes(tab, "#terms .two > div:first-child rect.bar")
    outlines = boxes(tab, "#terms .two > div:first-child rect.outline")
    assert [int(bar["value"]) for bar in drawn] == sums["kept"][::-1] and sum(sums["kept"]) == built["levels"][0][
        "terms"
    ]
    assert [int(bar["value"]) for bar in outlines] == sums["given"][::-1]
    most = max(sums["given"])
    tallest = max(bar["height"] for bar in outlines)
    for bar in (*drawn, *outlines):
        assert abs(bar["height"] - tallest * int(bar["value"]) / most) < 2 * NEAR


def _by_exponent(built: dict, name: str) -> list[list[int]]:
    """Of each exponent, every layer's count."""
    of = [layer["histogram"][name] for layer in built["layers"]]
    return [[counts[i] for counts in of if i < len(counts)] for i in range(max(map(len, of)))]


def _accuracy(tab: Page, report: dict) -> None:
    """Points where their values are, and a matrix that counts every sample."""
    points = boxes(tab, "#accuracy figure:first-of-type circle.point")
    values = [report[name] for name in ("accuracy", "golden_accuracy", "reference_accuracy")]
    assert [float(point["value"]) for point in points] == values
    assert on_a_line(values, [point["x"] for point in points])
    notes = tab.locator("#accuracy .confusion td[title]").evaluate_all("all => all.map(one => one.title)")
    counts = [int(note.split(": ")[1].split(" of ")[0]) for note in notes]
    assert sum(counts) == report["samples"] and counts == [n for row in report["confusion"] for n in row if n]


def on_a_line(values: list[float], pixels: list[float], tolerance: float = NEAR) -> bool:
    """Whether pixels are a linear function of values."""
    if len(set(values)) < 2:
        return max(pixels) - min(pixels) < tolerance
    slope, start = np.polyfit(values, pixels, 1)
    return bool(np.abs(slope * np.array(values) + start - pixels).max() < tolerance)


def test_the_page_of_several_budgets_draws_a_curve_over_them(tmp_path: Path) -> None:
    folder = tmp_path / "levels"
    budgets = [option for budget in ("g=8,k=4", "g=8,k=8", "lossless") for option in ("--budget", budget)]
    built = build(folder, "--target", "host", *budgets)
    succeed("flash", folder)
    report = succeed("check", folder, "--data", DIGITS_DATA, "--limit", "120", "--json").json
    with browser() as chromium:
        looked_at(chromium, folder / "report.html", pictures(tmp_path))
        with shown(chromium, folder / "report.html", 768) as tab:
            costs = [level["cost"]["per_inference"] for level in report["levels"]]
            curves = (
                [100 * level["accuracy"] for level in report["levels"]],
                costs if None not in costs else [level["cycles_estimated"] for level in built["levels"]],
                [level["terms"] for level in built["levels"]],
            )
            for number, values in enumerate(curves):
                points = boxes(tab, f"#budgets figure:nth-of-type({number + 1}) circle.point")
                data = boxes_of_data(tab, f"#budgets figure:nth-of-type({number + 1}) circle.point")
                assert [y for _, y in data] == values and [x for x, _ in data] == [
                    of["terms_per_mac"] for of in built["levels"]
                ]
                assert on_a_line(values, [point["y"] for point in points])


def boxes_of_data(tab: Page, selector: str) -> list[tuple[float, float]]:
    """The data behind the points of a chart."""
    both = "all => all.map(one => [parseFloat(one.dataset.x), parseFloat(one.dataset.y)])"
    return [tuple(pair) for pair in tab.locator(selector).evaluate_all(both)]


def test_the_page_of_an_accelerator_draws_a_time_line(tmp_path: Path) -> None:
    folder = tmp_path / "accelerator"
    built = build(folder, "--target", "pynq-z2")
    succeed("report", folder)
    with browser() as chromium:
        looked_at(chromium, folder / "report.html", pictures(tmp_path))
        with shown(chromium, folder / "report.html") as tab:
            (plot,) = boxes(tab, "#timeline figure svg.plot >> nth=0")
            spans = boxes(tab, "#timeline rect.span")
            busy = [span for span in built["timeline"] if span["cycles"]]
            drawn = {(s["name"], float(s["start"]), float(s["length"])): s for s in spans}
            assert drawn.keys() == {(s["layer"], s["start"], s["cycles"]) for s in busy}
            for (_, start, length), box in drawn.items():
                assert abs(box["x"] - plot["x"] - plot["width"] * start / built["cycles_predicted"]) < NEAR
                assert abs(box["width"] - plot["width"] * length / built["cycles_predicted"]) < NEAR
    compute = sum(span["cycles"] for span in built["timeline"] if span["lane"] in ("compute", "weights"))
    assert 0 < built["cycles_predicted"] - compute < 200, "what is left is the way in and out"
    assert all(span["operations"] <= span["peak"] for span in built["timeline"])


def test_the_page_of_a_failed_check_shows_where_the_tensor_differs(tmp_path: Path) -> None:
    folder = tmp_path / "failed"
    built = build(folder, "--target", "mps2-an386", "--kernel", "int8")
    record = next(layer for layer in built["layers"] if layer["op"] == "CONV_2D")
    damage_weight(BuildFolder(folder), record["index"], row=5, column=7, mend=True)
    place(folder, "mps2-an386")
    ran = run("check", folder, "--data", DIGITS_DATA, "--limit", "3", "--layers", "--json")
    view = ran.json["first_mismatch"]["view"]
    assert ran.code == 7 and view["channel"] == 5 and view["shape"] == record["shape"][1:]
    assert [n for n, count in enumerate(view["by_channel"]) if count] == [5]
    with browser() as chromium:
        looked_at(chromium, folder / "report.html", pictures(tmp_path))
        with shown(chromium, folder / "report.html") as tab:
            maps = tab.locator("#first-difference svg.heat")
            values = [
                maps.nth(n).locator("g rect").evaluate_all("all => all.map(one => parseInt(one.dataset.value))")
                for n in range(3)
            ]
            got, expected = (np.ravel(view[name]).tolist() for name in ("got", "expected"))
            assert values == [got, expected, np.abs(np.subtract(got, expected)).tolist()]
            assert sum(value != 0 for value in values[2]) == view["differing"]
            (frame,) = boxes(tab, "#first-difference figure:nth-of-type(3) .frame")
            cells = boxes(tab, "#first-difference figure:nth-of-type(3) g rect")
            first = cells[next(n for n, value in enumerate(values[2]) if value)]
            assert frame["x"] <= first["x"] and frame["x"] + frame["width"] >= first["x"] + first["width"]


def test_the_page_of_a_tuning_draws_every_point_that_matters(tmp_path: Path) -> None:
    stored = np.load(DIGITS_DATA)
    for name, part in (("calibration", slice(0, 64)), ("test", slice(64, 160))):
        np.savez(tmp_path / f"{name}.npz", x=stored["x"][part], y=stored["y"][part])
    out = tmp_path / "tuned" / "budget.toml"
    out.parent.mkdir()
    options = ["--calibration", tmp_path / "calibration.npz", "--data", tmp_path / "test.npz", "--jobs", "1"]
    tuned = succeed("tune", DIGITS, *options, "--max-loss", "1", "-o", out, "--json").json
    page = out.with_suffix(".html")
    with browser() as chromium:
        looked_at(chromium, page, pictures(tmp_path))
        with shown(chromium, page) as tab:
            figures = tab.locator("#curves figure")
            assert figures.count() == 3
            for number, key in enumerate(("terms_per_mac", "cycles_estimated", "flash_estimated")):
                selector = f"#curves figure:nth-of-type({number + 1}) circle.point"
                shown_points = boxes_of_data(tab, selector)
                points = boxes(tab, selector)
                known = {(row["point"][key], row["test_accuracy"]) for row in tuned["rows"]}
                known |= {(row["point"][key], row["point"]["agreement"]) for row in tuned["rows"]}
                assert set(shown_points) <= known and len(shown_points) >= 2
                assert on_a_line([x for x, _ in shown_points], [p["x"] for p in points])
                assert on_a_line([y for _, y in shown_points], [p["y"] for p in points])
            assert tab.locator("#curves circle.ring").count() == 3


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """A build with all terms and one with a few."""
    folders = tmp_path / "all", tmp_path / "few"
    for folder, budget in zip(folders, ("lossless", "g=8,k=6")):
        build(folder, "--target", "nucleo-l4r5zi", "--budget", budget)
    return folders


def test_the_page_of_two_builds_draws_both(two: tuple[Path, Path], tmp_path: Path) -> None:
    first, second = two
    out = succeed("report", first, second, "--json").json["page"]
    assert Path(out) == first / "comparison.html"
    records = [json.loads((folder / "build.json").read_text()) for folder in two]
    with browser() as chromium:
        looked_at(chromium, Path(out), pictures(tmp_path))
        with shown(chromium, Path(out)) as tab:
            for name, key in (("cycles, planned or predicted", "cycles_estimated"), ("flash bytes", "flash_bytes")):
                row = tab.locator("#figures tr", has_text=name)
                widths = row.locator("rect.bar").evaluate_all(
                    "all => all.map(one => one.getBoundingClientRect().width)"
                )
                values = [record[key] for record in records]
                assert abs(widths[1] / widths[0] - values[1] / values[0]) < 0.01
                assert f"{values[0]:,}" in row.inner_text() and f"{values[1]:,}" in row.inner_text()


def test_what_is_no_report_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "build"
    build(folder, "--target", "host")
    (folder / "check.json").write_text('{"model": 1}')
    ran = run("report", folder)
    assert ran.code == 2 and "check.json is damaged" in ran.message and "edge-tr check again" in ran.message
    ran = run("report", tmp_path / "nothing")
    assert ran.code == 2 and "holds no build" in ran.message
