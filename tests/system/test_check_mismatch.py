"""A wrong device is found out, and the first wrong element is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr.golden.run import run as run_golden
from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder
from tests.system.damage import damage_weight
from tests.system.helpers import DIGITS, DIGITS_DATA, place, refused, run, succeed

BOARDS = ("host", "mps2-an386", "qemu-rv32imc")


def build(folder: Path, board: str) -> tuple[BuildFolder, dict]:
    built = succeed("build", DIGITS, "--target", board, "-o", folder, "--kernel", "int8", "--json").json
    return BuildFolder(folder), built


@pytest.mark.parametrize("board", BOARDS)
@pytest.mark.parametrize("op", ["CONV_2D", "FULLY_CONNECTED"])
def test_one_wrong_weight_is_named_by_layer_tensor_and_element(board: str, op: str, tmp_path: Path) -> None:
    folder, built = build(tmp_path, board)
    record = [layer for layer in built["layers"] if layer["op"] == op][-1]
    damaged = damage_weight(folder, record["index"], row=5, column=17, mend=True)
    place(tmp_path, board)
    ran = run("check", tmp_path, "--data", DIGITS_DATA, "--limit", 3, "--layers", "--json")
    refused(ran, 7, "of 3 samples differ from golden")
    report = ran.json
    assert report["bit_exact"] is False and report["mismatched_samples"] > 0
    graph = tflite.load(folder.model)
    x = np.load(DIGITS_DATA)["x"][:3]
    results = [run_golden(graph, x, keep="all"), run_golden(graph, x, keep="all", weights={record["index"]: damaged})]
    right, wrong = (result.tensors[record["tensor_index"]] for result in results)
    sample, index = (int(i[0]) for i in np.nonzero((right != wrong).reshape(3, -1)))
    view = report["first_mismatch"].pop("view")
    assert view["differing"] == (right[sample] != wrong[sample]).sum() and view["elements"] == right[sample].size
    assert report["first_mismatch"] == {
        "sample": sample,
        "layer": record["name"],
        "tensor": record["tensor"],
        "index": index,
        "got": int(wrong[sample].flat[index]),
        "expected": int(right[sample].flat[index]),
        "step": None,
        "output": graph.file_outputs[0].name if (results[0].output[sample] != results[1].output[sample]).any() else "",
    }
    assert report["golden_accuracy"] == report["reference_accuracy"]  # golden does not follow the device


def test_without_layers_a_wrong_output_is_traced_to_its_layer_and_told_to_people(tmp_path: Path) -> None:
    folder, built = build(tmp_path, "host")
    record = built["layers"][0]
    damage_weight(folder, record["index"], row=2, column=4, mend=True)
    succeed("flash", tmp_path)
    ran = run("check", tmp_path, "--data", DIGITS_DATA, "--limit", 20)
    refused(ran, 7, "samples differ from golden")
    assert "NOT BIT-EXACT" in ran.out
    assert f"layer {record['name']} (tensor '{record['tensor']}'), element" in ran.out
    html = folder.report.read_text()
    assert "samples differ from golden" in html and f"layer {record['name']}" in html


def test_only_layers_show_an_error_that_the_output_hides(tmp_path: Path) -> None:
    """The sample is chosen so that a changed weight moves a hidden tensor and no output byte."""
    folder, built = build(tmp_path, "host")
    record = built["layers"][0]
    damaged = damage_weight(folder, record["index"], row=2, column=4, mend=True)
    graph = tflite.load(folder.model)
    x = np.load(DIGITS_DATA)["x"]
    right = run_golden(graph, x)
    wrong = run_golden(graph, x, weights={record["index"]: damaged})
    hidden = np.flatnonzero((right.output == wrong.output).all(axis=1))[:1]
    data = tmp_path / "hidden.npz"
    np.savez(data, x=x[hidden])
    succeed("flash", tmp_path)
    assert run("check", tmp_path, "--data", data).code == 0
    refused(run("check", tmp_path, "--data", data, "--layers"), 7, "1 of 1 samples")


@pytest.mark.parametrize("board", BOARDS)
def test_a_damaged_weight_table_is_refused_before_the_first_answer(board: str, tmp_path: Path) -> None:
    folder, built = build(tmp_path, board)
    damage_weight(folder, built["layers"][0]["index"], row=0, column=0, mend=False)
    place(tmp_path, board)
    ran = run("check", tmp_path, "--data", DIGITS_DATA, "--limit", 1, "--json")
    refused(ran, 6, "the model in the board's flash is damaged", "edge-tr flash")
    assert ran.out == ""
