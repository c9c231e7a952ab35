"""Build, flash and check through the command line, on every board: every byte is right."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_tr import bench, boards
from edge_tr.manifest import BuildFolder
from tests.system.helpers import (
    DIGITS,
    DIGITS_DATA,
    EMULATED,
    WITH_LOADER,
    place,
    placed,
    refused,
    run,
    run_process,
    succeed,
)

BUILD_KEYS = {
    *("model_sha256", "target", "budget", "flash_bytes", "flash_limit", "ram_bytes", "ram_limit", "fits", "layers")
}
LAYER_KEYS = {"name", "op", "macs", "weights", "terms", "kernel", "flash_bytes"}
CHECK_KEYS = {
    *("target", "model_sha256", "samples", "bit_exact", "mismatched_samples", "first_mismatch", "accuracy"),
    *("golden_accuracy", "reference_accuracy", "agreement", "reference_identical", "cost", "reference"),
}

# (model, board, samples, build options): every model on at least one board, small images where the UART is slow
SPREAD = (
    ("vww_96_int8", "host", 1, "--kernel planes"),
    ("vww_96_int8", "netduinoplus2", 1, "--budget g=8,k=12 --kernel int8"),
    ("pretrainedResnet_quant", "qemu-rv32imc", 1, "--kernel int8"),
    ("ad01_int8", "netduinoplus2", 2, "--kernel int8"),
    ("ad01_int8", "host", 2, "--budget g=8,k=12"),
    ("str_ww_ref_model", "qemu-cortex-m0", 1, "--budget g=8,k=12 --kernel int8"),
    ("micro_speech_quantized", "qemu-rv32ec", 1, "--kernel term-pairs"),
    ("hello_world_int8", "mps2-an385", 2, ""),
    ("mnist_lenet5_int8", "mps2-an385", 1, "--kernel int8"),
    ("fashion_lenet5_int8", "host", 2, "--budget g=8,k=12 --kernel term-pairs"),
    ("digits_mlp_int8", "qemu-rv32ec", 2, "--budget g=8,k=12"),
    ("mnist_mlp_784_512_512_10_int8", "host", 2, "--budget g=8,k=12"),
    ("mnist_dscnn_int8", "qemu-rv32imc", 1, ""),
    ("kws_ref_model", "host", 3, "--budget g=8,k=12"),
)
TRANSFERRED = ("micro_speech_quantized", "hello_world_int8", "mnist_lenet5_int8")  # the others' images are placed
DIGITS_WAYS = ("", "--kernel planes --budget g=8,k=12", "--kernel term-pairs --budget g=8,k=12,s=3")
DIGITS_BOARDS = ("host", "qemu-cortex-m0", "qemu-rv32ec")  # in all those ways: the kernels have tests on every core
KWS_WAYS = {"lossless": "--kernel int8", "g=8,k=12": "--kernel planes"}
KWS_DEFAULT = (("mps2-an386", "lossless"), ("netduinoplus2", "g=8,k=12"))  # with the kernels that build chooses
KWS_LINE = ("mps2-an386", "lossless")  # the README's, on 50 real samples


def build_and_flash(folder: Path, model: Path, board: str, options: str = "", transfer: bool = True) -> dict:
    """`build --json`, after `flash`; without a `transfer` the image is placed."""
    built = succeed("build", model, "--target", board, "-o", folder, "--json", "-q", *options.split())
    assert built.json["fits"] and built.json["target"] == board
    if not transfer:
        place(folder, board)
        return built.json
    flashed = succeed("flash", folder, "--json", "-q")
    assert flashed.json["target"] == board
    assert flashed.json["verified"] == (boards.load(board).loader is not None)
    if board in WITH_LOADER:
        assert placed(folder, board) == BuildFolder(folder).image.read_bytes()
    return built.json


def assert_bit_exact(report: dict, board: str, samples: int) -> None:
    """Everything but accuracies."""
    assert report["bit_exact"] is True and report["samples"] == samples
    assert report["mismatched_samples"] == 0 and report["first_mismatch"] is None
    assert_cost(report["cost"], board)
    assert report["reference"]["resolver"] == "BUILTIN_REF"
    if report["reference_identical"] == samples:
        assert report["notes"] == []
    else:  # a data budget, or an interpreter that rounds otherwise: the report says which
        assert "s=" in report["budget"] or report["reference"]["rounding"] != "double"
        assert len(report["notes"]) == 1


def assert_cost(cost: dict, name: str) -> None:
    """Instructions or cycles where an emulator counts them, and it says so."""
    board = boards.load(name)
    if board.instructions_per_tick is None and board.cycles_per_tick is None:
        assert cost["per_inference"] is None and cost["unit"] is None and cost["source"].startswith("none: ")
    else:
        assert cost["per_inference"] > 1000
        assert cost["unit"] == ("instructions" if board.instructions_per_tick else "cycles")
        assert board.emulator.program in cost["source"] and "emulator: not cycles of a board" in cost["source"]


@pytest.mark.parametrize("budget", ["lossless", "g=8,k=12"])
@pytest.mark.parametrize(
    "board", [name for name in EMULATED if name != "host" and boards.load(name).memory.ram_bytes > 1 << 16]
)
def test_keyword_spotting_is_bit_exact_in_every_layer(board: str, budget: str, shared: Path, tmp_path: Path) -> None:
    samples = 50 if (board, budget) == KWS_LINE else 1
    options = f"--budget {budget} " + ("" if (board, budget) in KWS_DEFAULT else KWS_WAYS[budget])
    model = shared / "models/kws_ref_model.tflite"
    built = build_and_flash(tmp_path / "kws", model, board, options, transfer=(board, budget) in KWS_DEFAULT)
    assert built["budget"] == budget
    data = shared / "data/kws_test_750.npz"
    ran = succeed("check", tmp_path / "kws", "--data", data, "--limit", samples, "--layers", "--json", "-q")
    report = ran.json
    assert_bit_exact(report, board, samples)
    assert report["layers_compared"] == len(built["layers"]) > 10
    assert report["accuracy"] == report["golden_accuracy"] > 0.6
    assert report["budget"] == budget


@pytest.mark.parametrize(
    ("board", "options"),
    [(board, way) for board in EMULATED for way in DIGITS_WAYS if not way or board in DIGITS_BOARDS],
)
def test_digits_are_bit_exact_with_every_kernel(board: str, options: str, tmp_path: Path) -> None:
    built = build_and_flash(tmp_path, DIGITS, board, options, transfer=not options)
    kernel = options.partition("--kernel ")[2].partition(" ")[0]
    assert all(layer["kernel"] == kernel for layer in built["layers"] if layer["weights"] and kernel)
    report = succeed("check", tmp_path, "--data", DIGITS_DATA, "--limit", 3, "--layers", "--json", "-q").json
    assert_bit_exact(report, board, 3)
    assert report["accuracy"] == report["golden_accuracy"]


@pytest.mark.parametrize(("model", "board", "samples", "options"), SPREAD)
def test_every_model_is_bit_exact_somewhere(
    model: str, board: str, samples: int, options: str, shared: Path, tmp_path: Path
) -> None:
    build_and_flash(tmp_path, shared / f"models/{model}.tflite", board, options, transfer=model in TRANSFERRED)
    report = succeed("check", tmp_path, "--limit", samples, "--layers", "--json", "-q").json
    assert_bit_exact(report, board, samples)
    assert report["accuracy"] is None and report["golden_accuracy"] is None


@pytest.mark.parametrize("board", ["nucleo-g0b1re", "nucleo-l4r5zi", "rpi-pico2"])
def test_a_board_without_an_emulator_builds_and_asks_for_its_port(board: str, shared: Path, tmp_path: Path) -> None:
    model = shared / "models/kws_ref_model.tflite"
    built = succeed("build", model, "--target", board, "-o", tmp_path, "--json").json
    assert built["fits"] is True
    code, words = (6, "no serial port is") if boards.load(board).link.usb else (2, "has no emulator")
    refused(run("check", tmp_path), code, words, board, "--port")


def test_the_smallest_board_holds_a_model_and_its_firmware(shared: Path, tmp_path: Path) -> None:
    """2 KB of RAM, 16 KB of flash, no multiplier."""
    model = shared / "models/digits_mlp_int8.tflite"
    built = succeed("build", model, "--target", "ch32v003-evt", "-o", tmp_path, "--json").json
    assert built["fits"] and built["ram_limit"] == 2048 and built["flash_limit"] == 16_384
    memory, counted = boards.load("ch32v003-evt").memory, bench.bench(tmp_path)
    assert counted.stack_reserved == counted.stack_bytes + memory.stack_margin_bytes <= memory.stack_bytes


def test_the_three_commands_as_processes_print_the_documented_json(tmp_path: Path) -> None:
    built = run_process("build", DIGITS, "--target", "mps2-an386", "--json", "-q", cwd=tmp_path)
    assert built.code == 0 and built.json.keys() >= BUILD_KEYS
    assert all(layer.keys() >= LAYER_KEYS for layer in built.json["layers"])
    folder = tmp_path / "out" / f"{DIGITS.stem}-mps2-an386"
    assert json.loads((folder / "build.json").read_text()) == built.json
    flashed = run_process("flash", folder, "--json", "-q")
    assert flashed.code == 0 and flashed.json["verified"] is True
    checked = run_process("check", folder, "--data", DIGITS_DATA, "--limit", 2, "--layers", "--json", "-q")
    assert checked.code == 0 and checked.json.keys() >= CHECK_KEYS
    assert checked.json["cost"].keys() == {"per_inference", "unit", "source"}
    assert checked.json["reference"].keys() == {"runtime", "version", "resolver", "rounding"}
    assert json.loads((folder / "check.json").read_text()) == checked.json
    assert "<h1>" in (folder / "report.html").read_text()
    assert [built.err, flashed.err, checked.err] == ["", "", ""]


def test_what_was_flashed_stays_for_several_checks_and_for_people(tmp_path: Path) -> None:
    build_and_flash(tmp_path, DIGITS, "qemu-rv32imc")
    for limit in (1, 2):
        ran = succeed("check", tmp_path, "--data", DIGITS_DATA, "--limit", limit)
        assert f"BIT-EXACT: every output equals golden, {limit} of {limit} samples" in ran.out
        assert "accuracy 100.00% on the device, 100.00% golden" in ran.out
        assert "report: " in ran.out


def test_the_demo_tells_the_whole_story(tmp_path: Path) -> None:
    ran = succeed("demo", "-o", tmp_path / "demo")
    assert "BIT-EXACT" in ran.out and "360 of 360 samples" in ran.out
    assert "Flash: [" in ran.out and "RAM:   [" in ran.out
    assert str(tmp_path / "demo" / "report.html") in ran.out
