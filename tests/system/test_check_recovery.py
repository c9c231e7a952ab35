"""What a user sees, command by command, when flashing goes wrong halfway, and how it is put right."""

from __future__ import annotations

import os
import pty
from pathlib import Path

import pytest
import serial

from edge_tr import boards
from edge_tr.manifest import BuildFolder
from edge_tr.target.emulator import emulate
from tests.system.helpers import DIGITS, DIGITS_DATA, refused, run, succeed
from tests.system.lossy import Faults, lossy_wire


def interrupted_flash(folder: BuildFolder, board: str, after: int) -> None:
    """`edge-tr flash` through a wire that is cut after so many bytes."""
    with (
        emulate(boards.load(board), folder.state, loader_elf=folder.loader) as running,
        lossy_wire(running.url, Faults(close_after=after)) as wire,
    ):
        ran = run("flash", folder.path, "--port", wire.url, "--json")
    refused(ran, 6, "connection was lost after", "check the cable and flash again")
    assert ran.out == ""


@pytest.mark.parametrize("board", ["mps2-an386", "qemu-rv32ec"])
def test_a_half_written_image_never_runs_and_the_next_flash_puts_it_right(board: str, tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", board, "-o", tmp_path, "--kernel", "int8")
    folder = BuildFolder(tmp_path)
    half = folder.image.stat().st_size // 2
    interrupted_flash(folder, board, after=half)
    refused(run("check", tmp_path), 6, "in its loader and has no good image: run edge-tr flash")
    succeed("flash", tmp_path)
    assert succeed("check", tmp_path, "--data", DIGITS_DATA, "--limit", 1, "--json").json["bit_exact"] is True
    interrupted_flash(folder, board, after=half)  # over a good image, too
    refused(run("check", tmp_path), 6, "in its loader and has no good image: run edge-tr flash")


def test_a_busy_port_is_told_to_flash_and_to_check(tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", "mps2-an386", "-o", tmp_path)
    master, slave = pty.openpty()
    name = os.ttyname(slave)
    with serial.Serial(name, exclusive=True):
        for command in ("flash", "check"):
            refused(run(command, tmp_path, "--port", name), 6, f"{name} is busy: close the other program")
    os.close(master)
    os.close(slave)


def test_an_image_that_was_damaged_on_disk_is_not_flashed(tmp_path: Path) -> None:
    succeed("build", DIGITS, "--target", "mps2-an386", "-o", tmp_path)
    image = BuildFolder(tmp_path).image
    data = bytearray(image.read_bytes())
    data[-5] ^= 1
    image.write_bytes(data)
    refused(run("flash", tmp_path), 6, "the image is damaged", "build again")


def test_an_image_of_another_board_is_not_flashed(tmp_path: Path) -> None:
    for board in ("mps2-an385", "mps2-an386"):
        succeed("build", DIGITS, "--target", board, "-o", tmp_path / board)
    image = BuildFolder(tmp_path / "mps2-an385").image.read_bytes()
    BuildFolder(tmp_path / "mps2-an386").image.write_bytes(image)
    refused(run("flash", tmp_path / "mps2-an386"), 6, "built for another board than mps2-an386: build again")
