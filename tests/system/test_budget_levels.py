"""Several budgets in one build: switched from the command line, without flashing or loading again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder
from edge_tr.target.link import Link
from tests.system.helpers import DIGITS, DIGITS_DATA, refused, run, succeed

BOARD = "mps2-an386"
BUDGETS = ("g=8,k=4", "g=8,k=8", "lossless")
SAMPLES = 6


def build(folder: Path, board: str = BOARD, budgets: tuple[str, ...] = BUDGETS) -> Path:
    options = [word for budget in budgets for word in ("--budget", budget)]
    succeed("build", DIGITS, "--target", board, "-o", folder, *options)
    if board != "pynq-z2":
        succeed("flash", folder)
    return folder


def check(folder: Path, *options: str) -> dict:
    return succeed("check", folder, "--data", DIGITS_DATA, "--limit", SAMPLES, "--layers", "--json", *options).json


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("levels") / "out")


def memory_of(folder: Path) -> dict[str, bytes]:
    """The emulated board's flash."""
    return {str(path): path.read_bytes() for path in sorted(BuildFolder(folder).state.rglob("*")) if path.is_file()}


def test_one_image_is_checked_with_every_budget_and_never_flashed_again(folder: Path) -> None:
    flashed = memory_of(folder)
    report = check(folder)
    assert report["bit_exact"] and report["mismatched_samples"] == 0 and report["samples"] == SAMPLES
    levels = report["levels"]
    assert [level["budget"] for level in levels] == list(BUDGETS)
    assert all(level["bit_exact"] and level["reference_identical"] == SAMPLES for level in levels)
    assert all(level["layers_compared"] == 6 for level in levels)
    terms, costs = ([level[name] for level in levels] for name in ("terms_per_mac", "cost"))
    assert terms == sorted(terms) and terms[0] < terms[-1]
    instructions = [cost["per_inference"] for cost in costs]
    assert instructions == sorted(instructions) and instructions[0] < 0.8 * instructions[-1]
    assert memory_of(folder) == flashed
    assert json.loads((folder / "check.json").read_text()) == report
    assert "Budgets of this build" in (folder / "report.html").read_text()


def test_all_is_what_is_checked_without_a_level_and_prints_one_table(folder: Path) -> None:
    ran = succeed("check", folder, "--data", DIGITS_DATA, "--limit", 2, "--budget-level", "all")
    rows = [line.split() for line in ran.out.splitlines() if line.strip() and line.split()[0] in "012"]
    assert [row[1] for row in rows] == list(BUDGETS) and all(row[-1] == "yes" for row in rows)
    assert "BIT-EXACT at every level" in ran.out and "terms/MAC" in ran.out and "instructions" in ran.out


@pytest.mark.parametrize("level", range(3))
def test_a_level_is_what_a_build_of_its_budget_alone_is(level: int, folder: Path, tmp_path: Path) -> None:
    report = check(folder, "--budget-level", str(level))
    assert report["bit_exact"] and report["level"] == level and report["budget"] == BUDGETS[level]
    alone = build(tmp_path / "alone", "host", BUDGETS[level : level + 1])
    theirs = check(alone)
    for name in ("accuracy", "agreement", "terms_per_mac", "reference_identical"):
        assert report[name] == theirs[name]
    manifest = BuildFolder(folder).read()
    ours = tflite.load(BuildFolder(folder).revealed_of(manifest.levels[level]))
    assert ours.sha256 == tflite.load(BuildFolder(alone).revealed).sha256
    assert any(op.record.weights.any() for op in ours.ops if op.kind == "CONV_2D")


def test_one_image_is_smaller_than_the_builds_it_replaces(folder: Path, tmp_path: Path) -> None:
    """With the same way of storing weights; the lists of each budget alone hold the smaller one's again."""
    sizes = []
    for number, budget in enumerate(BUDGETS):
        options = ("--budget", budget, "--kernel", "lists")
        built = succeed("build", DIGITS, "--target", BOARD, "-o", tmp_path / str(number), *options, "--json").json
        sizes.append(sum(layer["flash_bytes"] for layer in built["layers"]))
    ours = sum(layer.flash_bytes for layer in BuildFolder(folder).read().layers)
    assert ours < sum(sizes)


def test_a_level_that_answers_wrongly_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The device is told another level than golden's."""
    infer = Link.infer
    monkeypatch.setattr(Link, "infer", lambda *a, level, **k: infer(*a, level=min(level + 1, 2), **k))
    ran = run("check", folder, "--data", DIGITS_DATA, "--limit", 3, "--layers")
    message = refused(ran, 7, "differ from golden")
    assert "level 0: first difference: sample 0, layer conv_2d_0" in ran.out, message
    assert [line.rstrip().endswith("yes") for line in ran.out.splitlines() if line.strip()[:1] in "012"][-1]


@pytest.mark.parametrize(
    ("level", "words"),
    [("3", ("--budget-level 3", "0 (g=8,k=4)", "2 (lossless)")), ("99", ("--budget-level 99",))],
)
def test_a_level_that_is_not_there_is_refused_with_those_that_are(level: str, words: tuple, folder: Path) -> None:
    refused(run("check", folder, "--budget-level", level), 2, *words)


@pytest.mark.parametrize("level", ["-1", "x", "1.5", ""])
def test_what_is_no_level_is_refused(level: str, folder: Path) -> None:
    ran = run("check", folder, f"--budget-level={level}")
    assert ran.code == 2 and "neither a level (0, 1, ...) nor all" in ran.err


@pytest.mark.parametrize("level", ["0", "all"])
def test_a_build_of_one_budget_has_no_levels(level: str, tmp_path: Path) -> None:
    build(tmp_path / "one", "host", ("g=8,k=8",))
    refused(run("check", tmp_path / "one", "--budget-level", level), 2, "one budget", "--budget several times")


def test_budgets_that_do_not_nest_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    options = ("--budget", "g=8,k=8", "--budget", "g=4,k=8")
    ran = run("build", DIGITS, "--target", BOARD, "-o", tmp_path / "out", *options)
    refused(ran, 2, "not nested", "conv_2d_0", "from the fewest terms on")
    assert not (tmp_path / "out").exists()


def test_an_accelerator_is_switched_without_another_program(tmp_path: Path) -> None:
    build(tmp_path / "out", "pynq-z2", BUDGETS)
    ran = succeed("check", tmp_path / "out", "--budget-level", "all", "--layers", "--limit", "2", "--json").json
    assert ran["bit_exact"] and [level["budget"] for level in ran["levels"]] == list(BUDGETS)
    costs = [level["cost"] for level in ran["levels"]]
    assert all(abs(cost["per_inference"] - cost["predicted"]) <= 0.01 * cost["predicted"] for cost in costs)
    assert costs[0]["per_inference"] < costs[-1]["per_inference"]
    one = succeed("check", tmp_path / "out", "--budget-level", "0", "--limit", "2", "--json").json
    assert one["level"] == 0 and one["cost"]["per_inference"] == costs[0]["per_inference"]


def test_a_kernel_that_cannot_be_switched_is_refused(tmp_path: Path) -> None:
    options = ("--budget", "k=8", "--budget", "lossless", "--kernel", "conv_2d_0=fours")
    refused(run("build", DIGITS, "--target", BOARD, "-o", tmp_path / "out", *options), 2, "use levels")
