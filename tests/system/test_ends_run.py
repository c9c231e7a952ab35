"""Models with several inputs and outputs, and with state, built, flashed and checked: host, cores of three families,
and the co-simulated accelerator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_tr import boards
from edge_tr.compiler import no_progress
from edge_tr.golden.ends import samples_of
from edge_tr.ir.tflite import parse
from edge_tr.manifest import BuildFolder
from edge_tr.target import check as device_check
from edge_tr.target.costs import Device
from edge_tr.target.emulator import emulate
from edge_tr.target.link import Link, Patience
from edge_tr.target.port import open_port
from tests.firmware.harness_models import drawn
from tests.models.with_ends import recurrent, several
from tests.system.helpers import succeed
from tests.system.lossy import Faults, lossy_wire

TARGETS = ("host", "mps2-an386", "qemu-cortex-m0", "qemu-rv32ec", "pynq-z2")
FIRST = [5, -9, 100, -128, 127, 0, 1, 44]
SEVERAL, RECURRENT = several(), recurrent(first=FIRST)
WIRES = {
    "repeated frames": Faults(repeat=0.3),
    "lost bytes": Faults(lose=0.004),
    "old frames again": Faults(stale=0.06),
    "everything": Faults(lose=0.001, double=0.001, flip=0.001, insert=0.001, repeat=0.1, stale=0.03),
}


def built(data: bytes, folder: Path, target: str) -> dict:
    """Flashed too; what build says."""
    model = folder / "model.tflite"
    model.write_bytes(data)
    said = succeed("build", model, "--target", target, "-o", folder / "out", "--json").json
    if target != "pynq-z2":
        succeed("flash", folder / "out")
    return said


@pytest.mark.parametrize("target", TARGETS)
def test_two_inputs_and_three_outputs(target: str, tmp_path: Path) -> None:
    said, graph = built(SEVERAL, tmp_path, target), parse(SEVERAL)
    assert [tensor["shape"] for tensor in said["inputs"]] == [[1, 6, 5, 3], [1, 10]]
    assert [tensor["bytes"] for tensor in said["outputs"]] == [180, 10, 10] and said["states"] == []
    image, vector = drawn(graph, np.random.default_rng(1), (4,)).values()
    np.savez(tmp_path / "x.npz", x0=image, **{said["inputs"][1]["name"]: vector})
    report = succeed("check", tmp_path / "out", "--layers", "--data", tmp_path / "x.npz", "--json").json
    assert report["bit_exact"] and report["reference_identical"] == report["samples"] == 4
    assert [output["mismatched_samples"] for output in report["outputs"]] == [0, 0, 0]


@pytest.mark.parametrize("target", TARGETS)
def test_a_state_goes_from_step_to_step_and_is_reset_for_each_sequence(target: str, tmp_path: Path) -> None:
    said, graph = built(RECURRENT, tmp_path, target), parse(RECURRENT)
    (state,) = said["states"]
    assert (state["name"], state["dtype"], state["bytes"]) == ("memory", "int8", 8)
    if target != "pynq-z2":
        (region,) = [region for region in said["arena"] if region["kind"] == "state"]
        assert region["offset"] >= said["arena_bytes"] and region["bytes"] == 8
    (x,) = drawn(graph, np.random.default_rng(2), (2, 4)).values()
    np.savez(tmp_path / "x.npz", x=x)
    report = succeed("check", tmp_path / "out", "--layers", "--data", tmp_path / "x.npz", "--json").json
    assert report["bit_exact"] and report["reference_identical"] == report["samples"] == 8 and report["steps"] == 4


@pytest.mark.parametrize("data", [SEVERAL, RECURRENT], ids=["ends", "state"])
def test_instructions_are_counted_of_all_inputs_and_from_the_first_state(data: bytes, tmp_path: Path) -> None:
    """`bench` compares every tensor with golden's."""
    built(data, tmp_path, "mps2-an386")
    assert succeed("bench", tmp_path / "out", "--json").json["instructions"] > 0


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> BuildFolder:
    folder = tmp_path_factory.mktemp("host")
    built(RECURRENT, folder, "host")
    return BuildFolder(folder / "out")


@pytest.mark.parametrize("faults", WIRES.values(), ids=WIRES)
def test_over_a_bad_wire_every_step_is_still_exact(faults: Faults, host: BuildFolder) -> None:
    models = device_check.Models(host.model.read_bytes(), (host.revealed.read_bytes(),))
    graph, board = parse(models.given), boards.load("host")
    x = samples_of(graph, drawn(graph, np.random.default_rng(3), (3, 4)))
    with (
        emulate(board, host.state) as running,
        lossy_wire(running.url, faults, 1) as wire,
        open_port(wire.url, 115200) as port,
    ):
        device = Device(Link(port, Patience(reply_seconds=0.15, tries=60, infer_seconds=20.0)), board.board_id)
        report = device_check.check(device, host.read(), models, x, {}, layers=True, progress=no_progress)
    assert report.bit_exact and report.samples == 12 and wire.faulty > 0


@pytest.mark.parametrize("target", ["host", "mps2-an386"])
def test_a_public_wake_word_model_over_fifty_steps(target: str, shared: Path, tmp_path: Path) -> None:
    data = (shared / "models" / "okay_nabu_v2.tflite").read_bytes()
    built(data, tmp_path, target)
    (x,) = drawn(parse(data), np.random.default_rng(4), (1, 50)).values()
    np.savez(tmp_path / "x.npz", x=x)
    report = succeed("check", tmp_path / "out", "--layers", "--data", tmp_path / "x.npz", "--json").json
    assert report["bit_exact"] and report["reference_identical"] == report["samples"] == 50
