"""The real firmware, as a process on TCP, behind wires and ports that misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge_tr import boards
from edge_tr.compiler import no_progress
from edge_tr.errors import DeviceError
from edge_tr.golden.ends import samples_of
from edge_tr.ir.tflite import parse
from edge_tr.manifest import BuildFolder
from edge_tr.target import check as device_check
from edge_tr.target.costs import Device
from edge_tr.target.emulator import emulate
from edge_tr.target.link import Link, Patience
from edge_tr.target.outcome import CheckReport
from edge_tr.target.port import open_port
from tests.system.helpers import DIGITS, DIGITS_DATA, WITH_LOADER, refused, run, succeed
from tests.system.lossy import Faults, lossy_wire, noise_port

QUICK = Patience(reply_seconds=0.15, tries=60, infer_seconds=20.0)
USUAL = Patience(reply_seconds=0.15, infer_seconds=20.0)
SAMPLES = 4
WIRES = {
    "lost bytes": Faults(lose=0.004),
    "duplicated bytes": Faults(double=0.004),
    "flipped bits": Faults(flip=0.004),
    "inserted garbage": Faults(insert=0.004),
    "repeated frames": Faults(repeat=0.3),
    "delayed frames": Faults(delay=0.3, delay_seconds=0.3),
    "repeated and delayed frames": Faults(repeat=0.3, delay=0.1, delay_seconds=0.4),
    "everything": Faults(lose=0.001, double=0.001, flip=0.001, insert=0.001, repeat=0.1, delay=0.03, delay_seconds=0.3),
}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> BuildFolder:
    """The digits model, built and flashed for the host board."""
    folder = tmp_path_factory.mktemp("digits") / "out"
    succeed("build", DIGITS, "--target", "host", "-o", folder)
    succeed("flash", folder)
    return BuildFolder(folder)


@pytest.fixture
def board_url(digits: BuildFolder) -> Iterator[str]:
    """Where the firmware answers, in a process of its own."""
    with emulate(boards.load("host"), digits.state) as running:
        yield running.url


def check_through(url: str, folder: BuildFolder, patience: Patience = QUICK) -> CheckReport:
    models = device_check.Models(folder.model.read_bytes(), (folder.revealed.read_bytes(),))
    arrays = np.load(DIGITS_DATA)
    with open_port(url, 115200) as port:
        return device_check.check(
            Device(Link(port, patience), boards.load("host").board_id),
            folder.read(),
            models,
            samples_of(parse(models.given), arrays["x"][:SAMPLES]),
            {"y": arrays["y"][:SAMPLES]},
            layers=True,
            progress=no_progress,
        )


@pytest.mark.parametrize("seed", range(3))
def test_one_byte_in_a_hundred_costs_time_and_no_more(seed: int, digits: BuildFolder, board_url: str) -> None:
    """With the patience that a board on a cable gets, but for shorter seconds."""
    with lossy_wire(board_url, Faults(lose=0.0025, double=0.0025, flip=0.0025, insert=0.0025), seed) as wire:
        assert check_through(wire.url, digits, USUAL).bit_exact
    assert wire.faulty > 10


@pytest.mark.parametrize("seed", range(3))
def test_old_frames_that_come_again_late_do_not_end_a_check(seed: int, digits: BuildFolder, board_url: str) -> None:
    with lossy_wire(board_url, Faults(stale=0.3), seed) as wire:
        assert check_through(wire.url, digits, USUAL).bit_exact
    assert wire.faulty > 0


def test_an_adapter_that_echoes_does_no_harm_to_a_check(digits: BuildFolder, board_url: str) -> None:
    with lossy_wire(board_url, Faults(echo=True)) as wire:
        assert check_through(wire.url, digits, USUAL).bit_exact


@pytest.mark.parametrize(
    ("faults", "words"),
    [
        (Faults(echo=True, dead=True), "what is sent to this port comes back: switch the adapter's echo off"),
        (Faults(crlf="to host"), "line ends are translated, LF to CRLF, on the way from the board: set the terminal"),
        (Faults(crlf="to board"), "every request damaged that holds the byte 0x0a: line ends are translated"),
    ],
    ids=["echo", "line ends from the board", "line ends to the board"],
)
def test_what_the_way_does_to_bytes_is_named(faults: Faults, words: str, digits: BuildFolder, board_url: str) -> None:
    with lossy_wire(board_url, faults) as wire, pytest.raises(DeviceError, match=words):
        check_through(wire.url, digits, USUAL)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("faults", WIRES.values(), ids=WIRES.keys())
def test_a_check_over_a_bad_wire_is_still_bit_exact(
    faults: Faults, seed: int, digits: BuildFolder, board_url: str
) -> None:
    with lossy_wire(board_url, faults, seed) as wire:
        report = check_through(wire.url, digits)
    assert wire.faulty > 0
    assert report.bit_exact and report.samples == SAMPLES
    assert report.accuracy == report.golden_accuracy == 1.0


def test_a_dead_wire_is_given_up_after_the_agreed_number_of_tries(digits: BuildFolder, board_url: str) -> None:
    with lossy_wire(board_url, Faults(dead=True)) as wire:
        with pytest.raises(DeviceError, match=r"no answer from the board: check the port and the cable"):
            check_through(wire.url, digits, Patience(reply_seconds=0.05, tries=5))
        assert wire.frames == 5


@pytest.mark.parametrize("after", [1, 20, 150, 400])
def test_a_connection_that_closes_midway_is_one_device_error(after: int, digits: BuildFolder, board_url: str) -> None:
    message = "lost the connection to the board: .*; check the cable and run again"
    with lossy_wire(board_url, Faults(close_after=after)) as wire, pytest.raises(DeviceError, match=message):
        check_through(wire.url, digits)


def test_the_board_can_be_checked_again_after_a_lost_connection(digits: BuildFolder, board_url: str) -> None:
    with lossy_wire(board_url, Faults(close_after=200)) as wire, pytest.raises(DeviceError):
        check_through(wire.url, digits)
    assert check_through(board_url, digits).bit_exact


def test_noise_at_the_port_is_called_noise(digits: BuildFolder) -> None:
    with noise_port() as url, pytest.raises(DeviceError, match="the board sends bytes that are no frames"):
        check_through(url, digits, Patience(reply_seconds=0.1, tries=3))


def test_a_check_against_another_model_is_refused_in_one_line(
    digits: BuildFolder, board_url: str, shared: Path, tmp_path: Path
) -> None:
    succeed("build", shared / "models/hello_world_int8.tflite", "--target", "host", "-o", tmp_path)
    ours = succeed("inspect", shared / "models/hello_world_int8.tflite", "--json").json["model_sha256"]
    ran = run("check", tmp_path, "--port", board_url, "--json")
    theirs = digits.read().model_sha256
    words = f"the board runs another model ({theirs[:12]}, not {ours[:12]}): run edge-tr flash with this build"
    refused(ran, 6, words)
    assert ran.out == "" and len(ran.err.splitlines()) == 1


def test_a_check_against_another_build_of_the_model_is_refused(
    digits: BuildFolder, board_url: str, tmp_path: Path
) -> None:
    succeed("build", DIGITS, "--target", "host", "-o", tmp_path, "--budget", "g=8,k=12")
    refused(run("check", tmp_path, "--port", board_url), 6, "another build of this model: run edge-tr flash")


def test_a_check_before_flash_says_to_flash(tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", "host", "-o", tmp_path)
    refused(run("check", tmp_path), 6, "no image yet: flash it first")


@pytest.mark.parametrize("board", WITH_LOADER[:1] + WITH_LOADER[-1:])
def test_a_board_that_waits_in_its_loader_says_to_flash(board: str, tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", board, "-o", tmp_path)
    refused(run("check", tmp_path), 6, "in its loader and has no good image: run edge-tr flash")


def test_nobody_listens_at_the_port(digits: BuildFolder) -> None:
    refused(run("check", digits.path, "--port", "socket://127.0.0.1:1"), 6, "nothing listens at socket://127.0.0.1:1")
