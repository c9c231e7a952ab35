"""`--target pynq-z2`: build, flash and check from the command line, in co-simulation and through a port."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_tr import compiler, overlays
from edge_tr.accel import image
from edge_tr.files.known import remember
from edge_tr.formats import accelerator as f
from edge_tr.manifest import BuildFolder
from edge_tr.target import cosim
from edge_tr.target.cosim import build as build_core
from edge_tr.target.emulator import serving
from edge_tr.target.virtual_board import command
from tests.system.helpers import DIGITS, DIGITS_DATA, Ran, run, succeed

BOARD = overlays.load("pynq-z2")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("digits") / "out"
    succeed("build", DIGITS, "--target", BOARD.name, "-o", folder)
    return folder


@contextlib.contextmanager
def agent(folder: Path) -> Iterator[str]:
    """The package's agent on the fake board; its URL."""
    with serving(lambda listener: command(folder, BOARD, build_core(), listener)) as running:
        yield running.url


def test_build_says_what_a_user_plans_with(digits: Path) -> None:
    ran = succeed("build", DIGITS, "--target", BOARD.name, "-o", digits)
    manifest = json.loads((digits / "build.json").read_text())
    assert ran.out.count(" accelerator ") == 5 and f"{manifest['cycles_predicted']:,} cycles predicted" in ran.out
    assert "DDR: " in ran.out and "on chip: " in ran.out and "on the processor: softmax_6, " in ran.out
    assert "bitstream: none yet" in ran.out and "weight words" in ran.out
    assert {layer["kernel"] for layer in manifest["layers"]} == {"accelerator", "processor"}
    assert all(m["used"] <= m["limit"] for m in manifest["memories"])
    assert sum(layer["cycles_estimated"] or 0 for layer in manifest["layers"]) <= manifest["cycles_predicted"]


def test_check_is_a_cosimulation_of_every_layer_and_says_so(digits: Path) -> None:
    ran = succeed("check", digits, "--layers", "--data", DIGITS_DATA, "--limit", "20", "--json")
    report = ran.json
    assert report["bit_exact"] and report["layers_compared"] == 6 and report["reference_identical"] == 20
    assert report["connection"] == "co-simulation" and "not on a board" in report["cost"]["source"]
    cost = report["cost"]
    assert cost["unit"] == "cycles" and cost["clock_mhz"] == 100.0
    assert abs(cost["per_inference"] - cost["predicted"]) <= 40  # settling of the first layer, see docs/accelerator.md
    text = (digits / "report.html").read_text()
    assert "cycles were counted in the first sample" in text and "weight words" in text
    assert "Time line of one inference" in text and ">flash<" not in text


def test_every_long_step_is_announced_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the compilation of the simulator, which is once: here by a compiler that does nothing."""
    told: list[tuple[str, int, int]] = []

    def note(what: str, done: int, total: int, unit: str) -> None:
        told.append((what, done, total))

    core = build_core()

    def compiled(verilator: str, compiler: str, files: list[Path], target: Path, progress: Callable) -> None:
        assert told[-1][0].startswith("compiling the simulator") and told[-1][1] == 0
        progress(1, 2)
        shutil.copy(core, target)

    compiler.build(DIGITS, BOARD.name, tmp_path / "out", progress=note)
    monkeypatch.setattr(cosim, "_compile", compiled)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    compiler.check(tmp_path / "out", limit=1, progress=note)
    steps = list(dict.fromkeys(what for what, *_ in told))
    for what in steps:
        mine = [(done, total) for name, done, total in told if name == what]
        assert mine[0][0] == 0 and mine[-1][0] == mine[-1][1], what
    begins = ["scheduling", "computing what", "compiling the simulator", "loading the program", "golden model",
              "interpreter", BOARD.name]  # fmt: skip
    assert len(steps) >= len(begins)
    for step, begin in zip(steps, begins):
        assert step.startswith(begin), steps


@pytest.mark.parametrize("budget", ["g=8,k=6", "g=8,k=8,s=3"])
def test_budgets_are_bit_exact(tmp_path: Path, budget: str) -> None:
    succeed("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "out", "--budget", budget)
    report = succeed("check", tmp_path / "out", "--layers", "--limit", "3", "--json").json
    assert report["bit_exact"] and report["budget"] == budget
    cost = report["cost"]
    assert abs(cost["per_inference"] - cost["predicted"]) <= 0.01 * cost["predicted"]


def test_check_through_a_port_speaks_to_the_agent(digits: Path) -> None:
    with agent(digits) as url:
        report = succeed("check", digits, "--port", url, "--limit", "2", "--json").json
        again = succeed("check", digits, "--port", url, "--limit", "2", "--layers", "--json").json
    assert report["bit_exact"] and report["connection"] == url and "100 MHz" in report["cost"]["source"]
    assert again["cost"]["per_inference"] == report["cost"]["per_inference"]


def test_another_model_on_the_board_is_refused(digits: Path, tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "other", "--budget", "g=8,k=8")
    with agent(tmp_path / "other") as url:
        ran = run("check", digits, "--port", url)
    assert ran.code == 6 and "another build" in ran.message


def damaged_tensor(folder: Path) -> str:
    """Exchange two values of what the package reads back of its third layer, as if it were built so; its name."""
    path = folder / "edge_tr_pynq" / "program.npz"
    with np.load(path) as arrays:
        kept = {name: arrays[name] for name in arrays.files}
    for name in ("0.part0.2.0", "0.part0.4.0", "0.read0.0"):  # the last one is the output too
        kept[name] = kept[name][::-1]
    np.savez(path, **kept)
    remember(BuildFolder(folder).digest())
    return json.loads((folder / "build.json").read_text())["layers"][2]["name"]


def test_a_difference_is_found_and_its_first_layer_named(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    succeed("build", DIGITS, "--target", BOARD.name, "-o", folder)
    name = damaged_tensor(folder)
    ran = run("check", folder, "--limit", "2", "--json")
    assert ran.code == 7 and ran.json["mismatched_samples"] == 2
    assert ran.json["first_mismatch"]["layer"] == name


def refused(ran: Ran, code: int, said: str) -> None:
    assert ran.code == code and said in ran.message, ran.err


def test_what_an_accelerator_has_not_is_refused(digits: Path, tmp_path: Path) -> None:
    refused(run("flash", digits), 2, "scp -r")
    refused(run("bench", digits), 2, "is an accelerator")
    refused(
        run("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "x", "--kernel", "pairs"), 2, "microcontrollers"
    )
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    refused(run("check", digits, "--port", f"socket://127.0.0.1:{port}"), 6, "nothing listens")


def test_what_does_not_fit_is_the_processors_and_build_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(image._BEATS, f.MEMORY.GATHER, (f.GATHER.bits, 10, "gather operations"))
    ran = succeed("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "x")
    assert ran.out.count("on the processor: ") > 1 and "it alone needs 16 gather operations of 10" in ran.out
    assert "the processor's layers not counted" in " ".join(ran.out.split())  # lines are wrapped
    report = succeed("check", tmp_path / "x", "--layers", "--limit", "2", "--json").json
    assert report["bit_exact"] and report["layers_compared"] == 6


def test_a_model_of_which_nothing_fits_is_the_processors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for memory, (bits, _, name) in list(image._BEATS.items()):
        monkeypatch.setitem(image._BEATS, memory, (bits, 2, name))
    ran = succeed("build", DIGITS, "--target", BOARD.name, "-o", tmp_path / "x")
    assert "of 2 commands the whole model needs" in ran.out and "no engine for SOFTMAX" in ran.out
    assert "nothing for the accelerator: the board's processor computes every layer" in ran.out
    report = succeed("check", tmp_path / "x", "--layers", "--limit", "2", "--json").json
    assert report["bit_exact"] and report["cost"]["per_inference"] is None


def test_moves_and_joins_of_a_model_without_weights_are_shared_out(shared: Path, tmp_path: Path) -> None:
    """uint8, two inputs, two outputs, parts and joins."""
    ran = succeed(
        "build", shared / "models" / "split_concat_uint8.tflite", "--target", BOARD.name, "-o", tmp_path / "x"
    )
    assert "on the processor: " in ran.out and "cycles predicted, start to done" in ran.out
    report = succeed("check", tmp_path / "x", "--layers", "--limit", "3", "--json").json
    assert report["bit_exact"] and report["reference_identical"] == report["samples"] == 3


def test_weights_that_do_not_fit_are_streamed(shared: Path, tmp_path: Path) -> None:
    model = shared / "models" / "mnist_mlp_784_512_512_10_int8.tflite"
    succeed("build", model, "--target", BOARD.name, "-o", tmp_path / "x")
    report = succeed("check", tmp_path / "x", "--layers", "--limit", "1", "--json").json
    assert report["bit_exact"] and report["layers_compared"] == 4 and report["reference_identical"] == 1
    assert abs(report["cost"]["per_inference"] - report["cost"]["predicted"]) <= 0.01 * report["cost"]["predicted"]


def test_the_bitstream_in_the_folder_survives_a_rebuild(digits: Path) -> None:
    bitfile = digits / "edge_tr_pynq" / "tr_accelerator.bit"
    bitfile.write_bytes(b"a test's, no bitstream")
    ran = succeed("build", DIGITS, "--target", BOARD.name, "-o", digits)
    assert bitfile.read_bytes() == b"a test's, no bitstream" and "bitstream: in the package" in ran.out
    bitfile.unlink()
