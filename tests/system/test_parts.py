"""An LSTM built, flashed and checked over sequences: its parts are layers of their own in budgets and in build.json."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.system.helpers import refused, run, succeed

LSTM = "unidirectional_sequence_lstm_0"
GATES = ("input", "forget", "cell", "output")
BUDGETS = ("g=8,k=6", "g=8,k=12", "lossless")
SEQUENCES, STEPS = 2, 4


def model_and_data(shared: Path, folder: Path) -> tuple[Path, Path]:
    data = folder / "sequences.npz"
    x = np.random.default_rng(3).integers(-128, 128, (SEQUENCES, STEPS, 28, 28))
    np.savez(data, x=x.astype(np.int8))
    return shared / "models" / "mnist_lstm32_int8.tflite", data


def test_every_budget_is_exact_over_sequences(shared: Path, tmp_path: Path) -> None:
    model, data = model_and_data(shared, tmp_path)
    budgets = [word for budget in BUDGETS for word in ("--budget", budget)]
    succeed("build", model, "--target", "host", "-o", tmp_path / "out", *budgets)
    succeed("flash", tmp_path / "out")
    report = succeed("check", tmp_path / "out", "--data", data, "--layers", "--json").json
    assert report["bit_exact"] and report["samples"] == SEQUENCES * STEPS
    assert all(level["reference_identical"] == SEQUENCES * STEPS for level in report["levels"])
    layer = json.loads((tmp_path / "out" / "build.json").read_text())["layers"][0]
    names = [f"{LSTM}.{source}_to_{gate}" for gate in GATES for source in ("input", "recurrent")]
    assert [part["name"] for part in layer["parts"]] == names
    for figure in ("macs", "weights", "terms", "cycles_estimated"):
        assert sum(part[figure] for part in layer["parts"]) == layer[figure] > 0


def test_a_part_has_a_budget_and_a_kernel_of_its_own(shared: Path, tmp_path: Path) -> None:
    model, data = model_and_data(shared, tmp_path)
    budget = tmp_path / "budget.toml"
    budget.write_text(f"[layer.{LSTM}]\nk = 12\n[layer.{LSTM}.input_to_forget]\nk = 4\ns = 3\n")
    options = ("--budget", budget, "--kernel", f"{LSTM}.recurrent_to_cell=subsets")
    succeed("build", model, "--target", "host", "-o", tmp_path / "out", *options)
    succeed("flash", tmp_path / "out")
    report = succeed("check", tmp_path / "out", "--data", data, "--layers", "--json").json
    assert report["bit_exact"]
    layer = json.loads((tmp_path / "out" / "build.json").read_text())["layers"][0]
    parts = {part["name"].partition(".")[2]: part for part in layer["parts"]}
    assert parts["input_to_forget"]["budget"] == "g=8,k=4,s=3" and parts["input_to_cell"]["budget"] == "g=8,k=12"
    assert parts["recurrent_to_cell"]["kernel"] == "subsets"
    ran = run("build", model, "--target", "host", "-o", tmp_path / "other", "--kernel", f"{LSTM}.projection=fours")
    refused(ran, 2, f"--kernel names {LSTM}.projection")
