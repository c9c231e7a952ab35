"""Boards that are flashed by a drive or by somebody else's program; ports that are found by USB ids."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from edge_tr import boards, resources, verbs
from edge_tr.errors import DeviceError, ToolMissingError, UsageError
from edge_tr.formats.containers import intel_hex, rp2040_boot_block, uf2
from edge_tr.manifest import BuildFolder
from edge_tr.target import doctor, drives, flash_files, programs
from edge_tr.target.port import Line
from edge_tr.target.usb import port_of
from tests.fake_flashers import FakeDebugger, FakeUf2Loader, fake_program
from tests.system.helpers import DIGITS, refused, run, succeed

PICO, MICROBIT, NANO = "rpi-pico", "microbit", "arduino-nano33ble"
ADDRESS, FAMILY = 0x1000_0000, 0xE48B_FF56


# --- the fakes, by the rules that they are taken from --------------------------------------------


@pytest.fixture
def loader(tmp_path: Path) -> FakeUf2Loader:
    return FakeUf2Loader(tmp_path / "media" / "RPI-RP2", "RPI-RP2", FAMILY)


def test_a_uf2_loader_takes_its_family_in_any_order_and_restarts_with_the_last_block(loader: FakeUf2Loader) -> None:
    file = uf2([(ADDRESS, bytes(range(256)) * 2)], FAMILY)
    (loader.drive / "a.uf2").write_bytes(file[512:] + uf2([(0, b"other")], 1) + b"text" * 128)
    loader.look()
    assert not loader.running and set(loader.flash) == {ADDRESS + 256}
    (loader.drive / "a.uf2").write_bytes(file[512:] + file[:512])
    loader.look()
    assert loader.running and not loader.drive.exists()
    assert loader.flash == {ADDRESS: bytes(range(256)), ADDRESS + 256: bytes(range(256))}


def test_a_debugger_says_what_it_refused(tmp_path: Path) -> None:
    debugger = FakeDebugger(tmp_path / "D")
    (debugger.drive / "a.hex").write_text(intel_hex([(0xFFFF, b"ab")]))
    debugger.look()
    assert debugger.flash == {0xFFFF: ord("a"), 0x10000: ord("b")} and not list(debugger.drive.iterdir())
    (debugger.drive / "a.hex").write_text(":0000000100\n")
    debugger.look()
    assert "cannot be decoded" in (debugger.drive / "FAIL.TXT").read_text()


# --- ours ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folders = {name: tmp_path_factory.mktemp("flashers") / name for name in (PICO, MICROBIT, NANO)}
    for name, folder in folders.items():
        succeed("build", DIGITS, "--target", name, "-o", folder)
    return folders


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[SimpleNamespace]:
    """No drives, no ports and no flashers of this computer's own; the ports that tests add."""
    ports: list[SimpleNamespace] = []
    monkeypatch.setattr(drives, "mounted", lambda: sorted((tmp_path / "media").glob("*")))
    monkeypatch.setattr("serial.tools.list_ports.comports", lambda: ports)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setattr(drives, "FAIL_SECONDS", 0.2)
    return ports


def port(device: str, ids: str) -> SimpleNamespace:
    vid, pid = (int(part, 16) for part in ids.split(":"))
    return SimpleNamespace(device=device, vid=vid, pid=pid, description="a port")


def wanted_flash(folder: Path, board: str) -> dict[int, int]:
    """Every byte of the build, by address."""
    build, known = BuildFolder(folder), boards.load(board)
    parts = [(known.memory.flash_origin, build.image.read_bytes())]
    if known.boot:
        parts.append((known.boot.origin, build.boot.read_bytes()))
    return {address + index: byte for address, data in parts for index, byte in enumerate(data)}


def test_a_uf2_board_gets_boot_block_and_image_through_its_drive(built, loader: FakeUf2Loader) -> None:
    out = succeed("flash", built[PICO], "--port", "usb").out
    assert f"firmware.uf2 copied to {loader.drive}" in out
    loader.look()
    assert loader.running
    got = {address + index: byte for address, data in loader.flash.items() for index, byte in enumerate(data)}
    assert got.items() >= wanted_flash(built[PICO], PICO).items()


def test_the_second_stage_has_the_checksum_that_the_rom_compares(built) -> None:
    assert rp2040_boot_block(b"123456789", 13)[-4:] == (0x0376E6E7).to_bytes(4, "little")  # CRC-32/MPEG-2's check
    block = (BuildFolder(built[PICO]).boot).read_bytes()
    assert len(block) == 256 and block == rp2040_boot_block(block[:252], 256)
    with pytest.raises(ValueError, match="there is room for 252"):
        rp2040_boot_block(bytes(253), 256)


def test_a_debugger_gets_intel_hex(built, tmp_path: Path) -> None:
    debugger = FakeDebugger(tmp_path / "media" / "MICROBIT")
    succeed("flash", built[MICROBIT], "--port", "usb")  # there is an emulator too
    debugger.look()
    assert debugger.flash == wanted_flash(built[MICROBIT], MICROBIT)


def test_a_refusal_of_the_debugger_is_told(built, tmp_path: Path) -> None:
    debugger = FakeDebugger(tmp_path / "media" / "MICROBIT")
    (debugger.drive / "FAIL.TXT").write_text("error: it is locked")
    refused(
        run("flash", built[MICROBIT], "--port", debugger.drive), 6, "microbit refused the file: error: it is locked"
    )


def test_without_a_drive_the_program_is_run_and_without_that_named(built, tmp_path: Path) -> None:
    message = refused(
        run("flash", built[PICO], "--port", "usb"),
        6,
        "the drive RPI-RP2 of rpi-pico was not found",
        "hold BOOTSEL",
        "picotool",
    )
    assert "install" in message
    log = fake_program(tmp_path / "bin", "picotool")
    assert "by picotool load --verify --execute" in succeed("flash", built[PICO], "--port", "usb").out
    assert log.read_text().split("\n")[:-1] == ["load", "--verify", "--execute", str(built[PICO] / "firmware.uf2")]
    refused(run("flash", built[PICO], "--port", tmp_path / "nothing"), 6, "this is not a folder")


def test_a_program_gets_its_port_and_its_failure_is_told(built, tmp_path: Path, alone: list) -> None:
    refused(run("flash", built[NANO]), 5, "bossac (the package Mbed OS Nano Boards", "EDGE_TR_BOSSAC")
    log = fake_program(tmp_path / "bin", "bossac", code=1)
    refused(run("flash", built[NANO]), 6, "no serial port is arduino-nano33ble's (USB 2341:005a or 2341:805a)")
    alone.append(port("/dev/ttyACM7", "2341:005a"))
    refused(run("flash", built[NANO]), 6, "ended with code 1", "no board", "press the board's button twice")
    assert log.read_text().splitlines()[0] == "--port=/dev/ttyACM7"
    refused(run("flash", built[NANO], "--port", "/dev/x"), 6, "--port=/dev/x")


def test_a_file_that_was_changed_is_not_flashed(built, tmp_path: Path, loader: FakeUf2Loader) -> None:
    folder = shutil.copytree(built[PICO], tmp_path / "copy")
    file = BuildFolder(folder).uf2
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    refused(run("flash", folder, "--port", "usb"), 6, "firmware.uf2 is damaged: build again")
    file.unlink()
    refused(run("flash", folder, "--port", "usb"), 6, "cannot be read", "build again")


def test_a_flasher_of_a_strangers_board_is_not_run(built, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fake_program(tmp_path / "bin", "bossac")
    own = shutil.copytree(resources.folder("boards") / NANO, tmp_path / "mine")
    text = (own / "board.toml").read_text().replace(f'name = "{NANO}"', 'name = "mine"')
    (own / "board.toml").write_text(text)
    succeed("build", DIGITS, "--target", own, "-o", tmp_path / "out")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebody-else"))
    refused(run("flash", tmp_path / "out", "--port", "/dev/x"), 2, "would run a flasher of", "bossac", "--trust")
    assert not log.exists()
    succeed("flash", tmp_path / "out", "--port", "/dev/x", "--trust")
    assert log.exists()


def test_every_builds_files_are_told(built) -> None:
    board = boards.load(PICO)
    told = flash_files.listed(board, BuildFolder(built[PICO]))
    assert told == "firmware.elf, firmware.bin at 0x10000100, firmware.boot at 0x10000000, firmware.hex, firmware.uf2"


# --- ports -----------------------------------------------------------------------------------------


def test_a_port_is_found_by_its_ids_and_of_several_one_is_chosen(alone: list) -> None:
    board, ids = boards.load(MICROBIT), boards.load(MICROBIT).link.usb
    assert port_of(board, ids, "/dev/given", Line()) == "/dev/given"
    with pytest.raises(DeviceError, match=r"no serial port is microbit's \(USB 0d28:0204\).*no serial ports"):
        port_of(board, ids, None, Line(wait_seconds=0.2))
    alone += [port("/dev/b", "0d28:0204"), port("/dev/other", "1234:5678")]
    assert port_of(board, ids, "usb", Line()) == "/dev/b"
    alone.append(port("/dev/a", "0d28:0204"))
    with pytest.raises(UsageError, match="2 boards may be microbit: give --port /dev/a or /dev/b"):
        port_of(board, ids, None, Line())
    assert port_of(board, ids, None, Line(choose=lambda what, found: found[1])) == "/dev/b"
    with pytest.raises(UsageError, match="is not found by USB: connect the board and give its --port"):
        port_of(board, (), "usb", Line())


@pytest.mark.parametrize(("typed", "chosen"), [("2\n", "b"), ("1\n", "a")])
def test_the_keyboard_is_asked(typed: str, chosen: str, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    assert verbs._ask("2 boards", ["a", "b"]) == chosen
    assert "  2: b\nwhich one? [1-2] " in capsys.readouterr().err


@pytest.mark.parametrize("typed", ["", "0\n", "3\n", "x\n"])
def test_no_answer_is_no_choice(typed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    with pytest.raises(UsageError, match="give --port a or b"):
        verbs._ask("2 boards", ["a", "b"])


def test_mount_points_are_read_as_fstab_writes_them() -> None:
    assert drives._unescaped(r"/media/me/A\040B\134C") == r"/media/me/A B\C"


# --- doctor ----------------------------------------------------------------------------------------


def found(board: str) -> Iterator[tuple[str, doctor.Finding]]:
    return ((finding.what, finding) for finding in doctor.examine([boards.load(board)], one=True))


def test_doctor_finds_programs_with_their_versions_and_what_is_missing(tmp_path: Path) -> None:
    missing = dict(found(NANO))["bossac"]
    assert missing.found is None and missing.needed and "Arduino IDE" in missing.remedy
    refused(run("doctor", NANO), 5, "bossac: missing, see above")
    fake_program(tmp_path / "bin", "bossac")
    assert dict(found(NANO))["bossac"].found == "1.2.3"
    text = succeed("doctor", NANO).out
    assert "bossac" in text and "arm-none-eabi-gcc" in text and "qemu-system-arm" not in text
    assert not dict(found(PICO))["picotool"].needed  # there is the drive


def test_doctor_sees_ports_drives_and_who_may_not_open_them(alone: list, tmp_path: Path, loader, monkeypatch) -> None:
    alone.append(port(str(tmp_path / "ttyACM0"), "0d28:0204"))
    monkeypatch.setattr(doctor.os, "access", lambda path, mode: "ttyACM0" not in str(path))
    seen = {finding["what"]: finding for finding in run("doctor", "--json").json}
    device = seen[str(tmp_path / "ttyACM0")]
    assert device["used_by"] == "microbit, microbit-v2" and device["found"] == "0d28:0204 a port"
    assert "sudo usermod -aG" in device["remedy"] and not device["usable"]
    assert seen[str(loader.drive)]["used_by"] == "rpi-pico"
    assert seen["qemu-system-arm"]["needed"] and not seen["bossac"]["needed"]
    refused(run("doctor", "microbit"), 6, "ttyACM0: no permission, see above")


def test_a_flasher_that_cannot_start_is_told(built, tmp_path: Path) -> None:
    fake_program(tmp_path / "bin", "bossac").with_suffix("").write_bytes(b"\x7fELF nonsense")
    board = boards.load(NANO)
    with pytest.raises(ToolMissingError, match="could not be started"):
        programs.run(board, {"bin": tmp_path}, "/dev/x", Line())
