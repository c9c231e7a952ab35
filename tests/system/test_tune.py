"""`edge-tr tune` on the demonstration's digits: from calibration data to a checked build."""

from __future__ import annotations

import contextlib
import errno
import json
import shutil
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from edge_tr import boards, cli, compiler, demo
from edge_tr.accel.lowering import lower_accel
from edge_tr.errors import UsageError
from edge_tr.golden.oracle import Oracle
from edge_tr.golden.probe import reference_info
from edge_tr.golden.run import run
from edge_tr.ir.tflite import parse
from edge_tr.kernels.waiting import Behind
from edge_tr.operators import dots
from edge_tr.prepared import budget
from edge_tr.tr.hese import term_count
from edge_tr.tuning import kept
from edge_tr.tuning.cost import dot_layers
from edge_tr.tuning.descent import group_sums, terms_of
from edge_tr.tuning.fit import Settings
from edge_tr.tuning.judge import one_sided
from edge_tr.tuning.machine import Accelerator, Processor
from edge_tr.tuning.moments import mean_patch
from edge_tr.tuning.search import SIGMAS
from edge_tr.tuning.select import calibrate, corrected_bias
from edge_tr.tuning.tuning import Tuning, tune
from edge_tr.tuning.worth import worth
from edge_tr.tuning.written import goal_of

CALIBRATION = 200


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """A folder with the model, 200 digits to calibrate on and 160 others to test on."""
    folder = tmp_path_factory.mktemp("digits")
    (folder / "model.tflite").write_bytes(demo.MODEL.read_bytes())
    with demo.TEST_DATA.open("rb") as file:
        arrays = np.load(file)
        x, y = arrays["x"], arrays["y"]
    np.savez(folder / "calibration.npz", x=x[:CALIBRATION])
    np.savez(folder / "test.npz", x=x[CALIBRATION:], y=y[CALIBRATION:])
    return folder


def tuned(digits: Path, out: Path, progress=lambda *step: None, settings: Settings | None = None, **goal) -> Tuning:
    return tune(
        digits / "model.tflite",
        digits / "calibration.npz",
        out,
        goal_of(**(goal or {"max_terms": 0.75})),
        settings=settings,
        data=digits / "test.npz",
        progress=progress,
    )


@pytest.fixture(scope="module")
def result(digits) -> Tuning:
    """The tuning to at most 0.75 terms per MAC; its files are budget.* in `digits`."""
    return tuned(digits, digits / "budget.toml")


def test_it_keeps_the_decisions_with_a_third_of_the_terms(result):
    chosen = result.chosen
    assert chosen.point.terms_per_mac <= 0.75 < result.lossless_terms_per_mac / 2.5
    assert chosen.test_agreement >= 98 and chosen.test_accuracy >= result.original_accuracy - 1


def test_the_terms_it_counts_are_those_in_the_file(result, digits):
    graph = parse((digits / "budget.tflite").read_bytes())
    records = [op.record for op in dots(graph)]
    sizes = sum(r.weights.size for r in records)
    terms = sum(int(term_count(r.weights).sum(dtype=np.int64)) for r in records)
    assert result.chosen.point.terms_per_weight == pytest.approx(terms / sizes)


def test_the_interpreter_runs_the_tuned_file_as_golden_does(result, digits):
    data = (digits / "budget.tflite").read_bytes()
    x = np.load(digits / "test.npz")["x"]
    output = run(parse(data), x, rounding=reference_info().rounding).output
    np.testing.assert_array_equal(output, Oracle(data).run(x))


def test_a_second_run_gives_the_same_bytes(result, digits, tmp_path):
    again = tuned(digits, tmp_path / "budget.toml")
    assert again == result
    for name in ("budget.toml", "budget.tflite"):
        assert (tmp_path / name).read_bytes() == (digits / name).read_bytes()


def test_an_interrupted_run_goes_on_where_it_was(result, digits, tmp_path):
    def interrupt(what: str, done: int, total: int, unit: str) -> None:
        if done == 4:
            raise KeyboardInterrupt

    out = tmp_path / "budget.toml"
    with pytest.raises(KeyboardInterrupt, match=r"best point so far is in .*budget.toml, which is lossless"):
        tuned(digits, out, interrupt)
    assert out.with_suffix(".tflite").read_bytes() == (digits / "model.tflite").read_bytes()
    assert "[tuned]" in out.read_text(encoding="utf-8")
    resumed = tuned(digits, out)
    assert resumed.computed < result.computed
    assert resumed.rows == result.rows and resumed.chosen == result.chosen
    assert out.with_suffix(".tflite").read_bytes() == (digits / "budget.tflite").read_bytes()
    assert tuned(digits, out).computed == 0


def test_a_damaged_point_is_computed_again(result, digits, tmp_path):
    out = tmp_path / "budget.toml"
    shutil.copytree(digits / "budget.work", tmp_path / "budget.work")
    first = tuned(digits, out)
    assert first.computed == 0 and first.rows == result.rows
    kept = sorted((tmp_path / "budget.work").glob("*.npz"))
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    again = tuned(digits, out)
    assert again.computed == 1 and again.rows == first.rows


@pytest.mark.parametrize("overlap", ["same file", "same content", "one sample"])
def test_accuracy_is_never_reported_on_what_was_tuned_on(digits, tmp_path, overlap):
    calibration, data = digits / "calibration.npz", tmp_path / "data.npz"
    x = np.load(calibration)["x"]
    if overlap == "one sample":
        x = np.concatenate([np.load(digits / "test.npz")["x"], x[7:8]])
    np.savez_compressed(data, x=x)
    data = calibration if overlap == "same file" else data
    with pytest.raises(UsageError, match="in the calibration set too"):
        tune(digits / "model.tflite", calibration, tmp_path / "b.toml", goal_of(max_terms=1.0), data=data)


def test_a_goal_out_of_reach_says_what_is_in_reach(result, digits, tmp_path):
    shutil.copytree(digits / "budget.work", tmp_path / "b.work")  # most of the points that it looks at
    with pytest.raises(UsageError, match="no choice of terms reaches --max-flash 1; the nearest has"):
        tuned(digits, tmp_path / "b.toml", max_flash=1)
    assert budget.read(tmp_path / "b.toml").tuned.weights.exists()


def test_a_goal_that_the_model_as_given_meets_leaves_it_as_it_is(digits, tmp_path):
    found = tuned(digits, tmp_path / "b.toml", max_terms=8.0)
    assert found.chosen.point.terms_per_mac == found.lossless_terms_per_mac and found.computed == 0
    assert (tmp_path / "b.tflite").read_bytes() == (digits / "model.tflite").read_bytes()


def test_a_goal_on_loss_is_met_by_estimates_on_samples_that_were_not_fitted_to(digits, tmp_path):
    """Once with the labels, once without; the promise is beside the test's figure, and the choice is the last to keep
    to the goal with a standard error to spare."""
    arrays = np.load(digits / "test.npz")
    np.savez(tmp_path / "labelled.npz", x=arrays["x"], y=arrays["y"])
    found = tune(
        digits / "model.tflite", tmp_path / "labelled.npz", tmp_path / "b.toml", goal_of(max_loss=2.0),
        data=digits / "calibration.npz", settings=Settings(costed=False),
    )  # fmt: skip
    assert found.labelled and found.chosen.point.terms_per_mac < 0.75 < found.lossless_terms_per_mac
    for row in found.rows[1:]:
        meets = row.estimate.at_most(SIGMAS) <= 2.0
        assert meets or row.point.price > found.chosen.point.price
        assert row.estimate.low < row.estimate.loss < row.estimate.high and row.estimate.samples == CALIBRATION
    assert found.chosen.estimate.at_most(SIGMAS) <= 2.0
    assert found.rows[0].point.terms_per_mac == found.lossless_terms_per_mac and found.rows[0].estimate is None
    sure = tune(
        digits / "model.tflite", tmp_path / "labelled.npz", tmp_path / "b.toml", goal_of(max_loss=2.0, confidence=0.99),
        settings=Settings(costed=False),
    )  # fmt: skip
    assert sure.chosen.point.price < found.chosen.point.price and sure.computed < found.computed
    assert sure.chosen.point.price == 0 or sure.chosen.estimate.at_most(one_sided(0.99)) <= 2.0
    assert any("that sure of" in note for note in sure.notes)


def test_out_of_time_takes_the_best_point_so_far(digits, tmp_path):
    found = tune(
        digits / "model.tflite", digits / "calibration.npz", tmp_path / "b.toml", goal_of(max_loss=1.0), time_budget=0.1
    )
    assert found.chosen.point.price == 0 and any("time budget ran out" in note for note in found.notes)
    assert (tmp_path / "b.tflite").read_bytes() == (digits / "model.tflite").read_bytes()


def test_a_full_disk_ends_nothing(result, digits, tmp_path, monkeypatch):
    """Points that cannot be kept stay in memory; the budget is the same, and why nothing was kept is said."""
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr(kept, "replacing", lambda path: contextlib.nullcontext(mock.Mock(side_effect=full)))
    monkeypatch.setattr(kept.np, "savez", mock.Mock(side_effect=full))
    found = tuned(digits, tmp_path / "b.toml")
    assert found.chosen == result.chosen and not list((tmp_path / "b.work").glob("*.npz"))
    assert any("No space left on device" in note for note in found.notes)


def test_too_few_samples_for_a_goal_are_told_at_once(digits, tmp_path):
    said = []
    with pytest.raises(KeyboardInterrupt):
        tune(
            digits / "model.tflite", digits / "calibration.npz", tmp_path / "b.toml", goal_of(max_loss=0.1),
            say=said.append, progress=mock.Mock(side_effect=KeyboardInterrupt),
        )  # fmt: skip
    assert said == [
        "200 calibration samples say little about a loss of 0.1 points, which is 0.4 changed answers among them: give "
        "1000 or more"
    ]


def test_limits_that_make_no_sense_are_refused():
    for limits in ({}, {"max_loss": 1.0, "max_terms": 1.0}, {"max_terms": 0.0}, {"max_loss": float("nan")}):
        with pytest.raises(UsageError, match="max"):
            goal_of(**limits)


def test_an_accelerator_of_other_sizes_is_refused_with_the_remedy(digits):
    files = digits / "model.tflite", digits / "calibration.npz", digits / "refused.toml"
    with pytest.raises(UsageError, match="set EDGE_TR_ACCELERATOR=ulx3s, or leave --target out"):
        compiler.tune(*files, max_loss=1.0, target="ulx3s-85f")
    with pytest.raises(UsageError, match="--core: pynq-z2 has the term accelerator"):
        compiler.tune(*files, max_loss=1.0, target="pynq-z2", core="cortex-m4")
    assert not files[2].exists()


def test_a_group_keeps_to_its_k(digits, tmp_path):
    """Every layer's k is in the budget file, and no group of the tuned weights has more terms."""
    out = tmp_path / "accelerator.toml"
    result = tuned(digits, out, settings=Settings(group=8))
    graph = parse(out.with_suffix(".tflite").read_bytes())
    settings = budget.read(out)
    for op in dots(graph):
        setting = settings.of(f"{op.kind.lower()}_{op.index}")
        assert setting.group == 8
        assert group_sums(terms_of(op.record.weights), 8).max() <= setting.terms
    assert result.chosen.point.issued_per_mac <= 0.75 and result.chosen.test_agreement >= 96


def test_the_bias_makes_up_for_the_mean_exactly(digits):
    """The mean accumulator over all outputs stays what it was, to within the bias's rounding."""
    shared = calibrate((digits / "model.tflite").read_bytes(), np.load(digits / "calibration.npz")["x"])
    for layer in shared.layers:
        x0 = shared.inputs[layer.index]
        x = np.clip(x0.astype(np.int16) + 3, -128, 127).astype(np.int8)
        weights = (layer.record.weights & np.int8(-16)).astype(np.int8)
        before, after = mean_patch(layer.record, x0), mean_patch(layer.record, x)
        bias = corrected_bias(layer.record, weights, before, after)
        old = (layer.record.weights * before).sum(axis=-1) + layer.record.bias
        assert np.abs((weights * after).sum(axis=-1) + bias - old).max() <= 0.5 + 1e-6


def test_a_tuned_budget_builds_and_checks_bit_exactly(result, digits, tmp_path):
    manifest = compiler.build(digits / "model.tflite", "host", tmp_path / "out", budget=str(digits / "budget.toml"))
    macs = sum(layer.macs for layer in manifest.layers)
    kept = sum(layer.terms / layer.weights * layer.macs for layer in manifest.layers if layer.weights)
    assert kept / macs == pytest.approx(result.chosen.point.terms_per_mac)
    compiler.flash(tmp_path / "out")
    report = compiler.check(tmp_path / "out", data=digits / "test.npz", limit=40, layers=True)
    assert report.bit_exact
    assert (tmp_path / "out" / "revealed.tflite").read_bytes() == (digits / "budget.tflite").read_bytes()


def test_a_budget_of_another_model_is_refused(result, digits, tmp_path):
    text = (digits / "budget.toml").read_text(encoding="utf-8")
    other = tmp_path / "budget.toml"
    other.write_text(text.replace(result.model_sha256, "0" * 64), encoding="utf-8")
    with pytest.raises(UsageError, match="tuned for the model 000000000000"):
        compiler.build(digits / "model.tflite", "host", tmp_path / "out", budget=str(other))
    other.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match="cannot read the model"):
        compiler.build(digits / "model.tflite", "host", tmp_path / "out", budget=str(other))
    (tmp_path / "budget.tflite").write_bytes((digits / "budget.tflite").read_bytes()[:-4])
    with pytest.raises(UsageError, match="differ in more than weights and biases"):
        compiler.build(digits / "model.tflite", "host", tmp_path / "out", budget=str(other))


def test_the_command_prints_json_and_writes_a_page(digits, tmp_path, capsys):
    arguments = ["tune", str(digits / "model.tflite"), "--calibration", str(digits / "calibration.npz"), "--json"]
    arguments += ["--max-loss", "1", "--target", "host", "-o", str(tmp_path / "b.toml"), "-q"]
    assert cli.main(arguments) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["chosen"]["estimate"]["loss"] <= 1 and len(result["rows"]) >= 5
    assert "<svg" in (tmp_path / "b.html").read_text(encoding="utf-8")


@pytest.mark.long
def test_lenet5_at_seven_tenths_of_a_term(shared, tmp_path):
    """The bar of issue 5: within 0.3 points of int8 on mnist_test_2000 at 0.7 terms per MAC."""
    result = tune(
        shared / "models" / "mnist_lenet5_int8.tflite",
        shared / "data" / "mnist_calibration_500.npz",
        tmp_path / "lenet5.toml",
        goal_of(max_terms=0.7),
        data=shared / "data" / "mnist_test_2000.npz",
    )
    assert result.chosen.point.terms_per_mac <= 0.7
    assert result.chosen.test_accuracy >= result.original_accuracy - 0.3


def test_a_data_budget_by_layer_beside_tuned_weights_builds_and_is_bit_exact(digits, result, tmp_path):
    """s in some layers of a budget file: those truncate their activations, the others do not."""
    for name in ("budget.toml", "budget.tflite"):
        (tmp_path / name).write_bytes((digits / name).read_bytes())
    with (tmp_path / "budget.toml").open("a") as file:
        file.write("\n[layer.conv_2d_2]\ns = 2\n\n[layer.fully_connected_5]\ns = 1\n")
    out = tmp_path / "out"
    manifest = compiler.build(digits / "model.tflite", "host", out, budget=str(tmp_path / "budget.toml"))
    limits = {layer.name: layer.data_terms for layer in manifest.layers}
    assert [limits[name] for name in ("conv_2d_0", "conv_2d_2", "fully_connected_5")] == [None, 2, 1]
    compiler.flash(out)
    report = compiler.check(out, data=digits / "test.npz", limit=20, layers=True)
    assert report.bit_exact and report.layers_compared == 6
    assert report.reference_identical < 20 and "only golden is an oracle" in report.notes[0]


def test_for_a_board_layers_that_gain_nothing_keep_all_their_terms(digits):
    """A layer whose kernel multiplies whatever its terms is left as it was, others lose theirs."""
    machine = Processor("armv7-m", Behind.of(boards.load("mps2-an385")))
    settings = Settings(passes=8, machine=machine, cycles=True)
    found = tuned(digits, digits / "board.toml", settings=settings, max_loss=2.0)
    before, after = (
        {op.index: op.record.weights for op in dots(parse((digits / name).read_bytes()))}
        for name in ("model.tflite", "board.tflite")
    )
    graph = parse((digits / "model.tflite").read_bytes())
    layers = dot_layers(graph)
    of = worth(graph, layers, machine)
    whole = {layer.index for layer in layers if of[layer.name] == 0}
    assert 0 < len(whole) < len(before)
    for index, weights in before.items():
        assert np.array_equal(weights, after[index]) == (index in whole)
    points = [row.point for row in found.rows[1:] if row.estimate.at_most(SIGMAS) <= 2.0]
    assert found.chosen.point.cycles_estimated == min(point.cycles_estimated for point in points)


def test_for_the_accelerator_the_schedule_says_what_a_point_takes(digits):
    """The fewest scheduled cycles of those that meet the goal, and fewer than the model's as it is."""
    settings = Settings(passes=4, machine=Accelerator("full"), cycles=True)
    found = tuned(digits, digits / "overlay.toml", settings=settings, max_loss=2.0)
    scheduled = lower_accel(parse((digits / "overlay.tflite").read_bytes()), budget.Budget()).most.cycles
    assert found.chosen.point.cycles_estimated == scheduled < found.rows[0].point.cycles_estimated
