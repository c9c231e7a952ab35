"""Boards with MCUboot: a fake that obeys the protocol, then our flasher against it; imgtool, the real one, verifies."""

from __future__ import annotations

import base64
import hashlib
import shutil
import struct
import subprocess
from pathlib import Path

import cbor2
import pytest

from edge_tr import boards, resources
from edge_tr.formats import image as image_format
from edge_tr.manifest import BuildFolder
from edge_tr.target import mcumgr
from edge_tr.target.tools import require_tool
from tests.fake_mcuboot import IMAGE, OS, READ, WRITE, FakeMcuboot, Served, lines_of, request
from tests.system.helpers import DIGITS, refused, run, succeed

SLOT, HEADER = 0x7_0000, 0x200


# --- the fake, by the rules that it is taken from -------------------------------------------------


def asked(board: FakeMcuboot, message: bytes) -> dict | None:
    """The map that is answered; None where nothing is."""
    answer = board.take(b"".join(lines_of(message)))
    if not answer:
        return None
    text = b"".join(line[2:] for line in answer.splitlines())
    packet = base64.b64decode(text)
    assert answer.startswith(b"\x06\x09") and packet[2] & 7 in (1, 3)
    return cbor2.loads(packet[10:-2])


def test_what_is_no_line_of_the_protocol_or_damaged_gets_no_answer() -> None:
    board = FakeMcuboot(1000)
    reset = b"".join(lines_of(request(WRITE, OS, 5, {})))
    for wrong in (b"hello\n", reset[2:], reset.replace(b"A", b"B", 1), b"\x06\x09" + b"A" * 200 + b"\n"):
        assert board.take(wrong) == b""
    assert board.take(b"noise\n" + reset[:5]) == b"" and board.take(reset[5:]) != b""


def test_messages_longer_than_the_buffer_are_dropped() -> None:
    board = FakeMcuboot(1000, buffer_bytes=100)
    assert asked(board, request(READ, OS, 6, {})) == {"buf_size": 100, "buf_count": 1}
    assert asked(board, request(READ, OS, 6, {"d": bytes(100)})) is None
    assert asked(board, request(READ, 63, 0, {})) == {"rc": 8}


def test_an_upload_goes_on_where_the_board_says() -> None:
    board, data = FakeMcuboot(1000), bytes(range(100))
    sha = hashlib.sha256(data).digest()
    assert asked(board, request(WRITE, IMAGE, 1, {"off": 0, "len": 2000, "data": b""})) == {"rc": 3}
    assert asked(board, request(WRITE, IMAGE, 1, {"off": 0, "len": 100, "sha": sha, "data": data[:60]})) == {"off": 60}
    assert asked(board, request(WRITE, IMAGE, 1, {"off": 70, "data": data[70:]})) == {"off": 60}
    assert asked(board, request(WRITE, IMAGE, 1, {"off": 60, "data": data[60:]})) == {"off": 100, "match": True}
    assert board.flash == data and not board.starts()


# --- ours ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's board: the micro:bit v2's chip, with MCUboot in its first 48 KB."""
    folder = tmp_path_factory.mktemp("boards") / "mine"
    shutil.copytree(resources.folder("boards") / "microbit-v2", folder)
    text = (folder / "board.toml").read_text().replace('name = "microbit-v2"', 'name = "mine"')
    flash = text.index("[flash]")
    head = text[:flash].replace("flash_origin = 0x0", f"flash_origin = {0xC000 + HEADER:#x}")
    lines = [f"flash_bytes = {SLOT - HEADER - 0x2000}" if "flash_bytes" in line else line for line in head.splitlines()]
    own = f'[flash]\nprotocol = "mcumgr"\n[mcuboot]\nslot_bytes = {SLOT}\nheader_bytes = {HEADER}\n'
    (folder / "board.toml").write_text("\n".join([*lines, own]))
    return folder


@pytest.fixture(scope="module")
def built(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("mcuboot") / "out"
    succeed("build", DIGITS, "--target", folder, "-o", out)
    return out


def test_the_real_imgtool_verifies_what_is_sent(folder: Path, built: Path, tmp_path: Path) -> None:
    image = BuildFolder(built).image.read_bytes()
    signed = mcumgr.wrapped(boards.load(str(folder)), image)
    assert signed[HEADER : HEADER + len(image)] == image
    magic, _, header, _, body, _, major, minor, revision, build = struct.unpack_from("<IIHHIIBBHI", signed)
    assert (magic, header, body) == (0x96F3B83D, HEADER, len(image))
    assert (major, minor, revision, build) == (0, 0, 0, image_format.check(image)["build_id"] & 0xFFFF_FFFF)
    file = tmp_path / "signed.bin"
    file.write_bytes(signed)
    said = subprocess.run(
        [require_tool("imgtool", "imgtool"), "verify", file], capture_output=True, text=True, check=True
    )
    assert f"Image digest: {mcumgr.image_hash(signed).hex()}" in said.stdout
    file.write_bytes(signed[:HEADER] + b"\xff" + signed[HEADER + 1 :])
    assert subprocess.run([require_tool("imgtool", "imgtool"), "verify", file], capture_output=True).returncode


def test_with_a_key_the_image_is_signed(folder: Path, built: Path, tmp_path: Path) -> None:
    own, imgtool = shutil.copytree(folder, tmp_path / "mine"), require_tool("imgtool", "imgtool")
    for name in ("key.pem", "other.pem"):
        subprocess.run([imgtool, "keygen", "--type", "ed25519", "--key", own / name], check=True, capture_output=True)
    with (own / "board.toml").open("a") as file:
        file.write('key = "key.pem"\n')
    signed = tmp_path / "signed.bin"
    signed.write_bytes(mcumgr.wrapped(boards.load(str(own)), BuildFolder(built).image.read_bytes()))
    assert subprocess.run([imgtool, "verify", "--key", own / "key.pem", signed], capture_output=True).returncode == 0
    assert subprocess.run([imgtool, "verify", "--key", own / "other.pem", signed], capture_output=True).returncode


@pytest.mark.parametrize("options", [{}, {"slot": 1}, {"buffer_bytes": 2048}, {"lists": False}], ids=str)
def test_the_board_gets_the_image_and_starts_it(options: dict, folder: Path, built: Path) -> None:
    board = FakeMcuboot(SLOT, **options)
    with Served(board) as port:
        result = succeed("flash", built, "--port", port, "--trust", "--json").json
    assert board.running and board.confirmed == (board.slot == 1)
    assert board.flash == mcumgr.wrapped(boards.load(str(folder)), BuildFolder(built).image.read_bytes())
    assert result["verified"] is board.lists and result["method"] == f"MCUmgr's protocol through {port}"


def test_what_arrived_damaged_or_is_too_large_is_told(built: Path) -> None:
    for board, words in ((FakeMcuboot(SLOT, bad_at=1000), "mismatched SHA256"), (FakeMcuboot(5000), "did not take")):
        with Served(board) as port:
            refused(run("flash", built, "--port", port, "--trust"), 6, "MCUboot on mine", words, "reset the board")
        assert not board.running


def test_a_board_that_is_silent_a_url_and_a_missing_program_are_told(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcumgr, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(mcumgr, "ERASE_SECONDS", 0.2)
    with Served(FakeMcuboot(SLOT, buffer_bytes=8)) as port:
        refused(run("flash", built, "--port", port, "--trust"), 6, "MCUboot on mine did not take the image")
    refused(run("flash", built, "--port", "socket://localhost:1", "--trust"), 2, "smpclient opens devices only")
    monkeypatch.setenv("EDGE_TR_IMGTOOL", "/no/imgtool")
    refused(run("flash", built, "--port", "/dev/null", "--trust"), 5, "imgtool", "edge-tr[mcuboot]")


def test_an_image_that_leaves_no_room_for_its_trailer_is_refused(folder: Path, built: Path, tmp_path: Path) -> None:
    own = shutil.copytree(folder, tmp_path / "mine")
    image = BuildFolder(built).image.read_bytes()
    text = (own / "board.toml").read_text().replace(f"slot_bytes = {SLOT}", f"slot_bytes = {len(image) + HEADER}")
    (own / "board.toml").write_text(
        text.replace(f"flash_bytes = {SLOT - HEADER - 0x2000}", f"flash_bytes = {len(image)}")
    )
    with pytest.raises(mcumgr.DeviceError, match=r"imgtool refused the image for mine: .*exceeds"):
        mcumgr.wrapped(boards.load(str(own)), image)
