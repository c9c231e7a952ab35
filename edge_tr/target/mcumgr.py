"""Boards with MCUboot: imgtool wraps the image, and smpclient sends it over serial, by the Simple Management Protocol,
to MCUboot's recovery mode or to the server of a running application."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_tr.boards import Board
from edge_tr.errors import DeviceError, ToolMissingError, UsageError
from edge_tr.formats import image as image_format
from edge_tr.target.port import Line
from edge_tr.target.tools import require_tool
from edge_tr.target.usb import port_of

CONNECT_SECONDS = 5.0
ERASE_SECONDS = 40.0  # for the first piece: some chips erase the whole slot for it
ANSWER_SECONDS = 5.0
_REMEDY = "pip install 'edge-tr[mcuboot]'"


def wrapped(board: Board, image: bytes) -> bytes:
    """The image as MCUboot wants it: a header before it and its hash, with a key its signature too, behind it."""
    mcuboot = board.mcuboot
    assert mcuboot is not None  # checks.py
    build = image_format.check(image)["build_id"] & 0xFFFF_FFFF
    with tempfile.TemporaryDirectory(prefix="edge-tr-") as name:
        plain, signed = Path(name) / "image.bin", Path(name) / "signed.bin"
        plain.write_bytes(image)
        options = ["--version", f"0.0.0+{build}", "--pad-header", "--header-size", str(mcuboot.header_bytes)]
        options += ["--slot-size", str(mcuboot.slot_bytes), "--align", str(mcuboot.align)]
        options += [] if mcuboot.key is None else ["--key", str(board.file(mcuboot.key))]
        words = [_imgtool(), "sign", *options, str(plain), str(signed)]
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace")
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise DeviceError(f"imgtool refused the image for {board.name}: {' '.join(said)}")
        return signed.read_bytes()


def _imgtool() -> str:
    try:
        return require_tool("imgtool", "imgtool")
    except ToolMissingError as error:
        raise ToolMissingError(f"imgtool is not installed: {_REMEDY}, or set EDGE_TR_IMGTOOL to its path") from error


def flash(
    board: Board, image: bytes, port: str | None, line: Line, progress: Callable[[int, int], None]
) -> tuple[str, bool]:
    """How it was done, and whether the board has told the hash of what it has now."""
    data = wrapped(board, image)
    url = port_of(board, board.flash.usb, port, line)
    if "://" in url:
        raise UsageError(f"--port {url}: smpclient opens devices only, such as /dev/ttyACM0")
    try:
        verified = asyncio.run(_upload(board, data, url, line.baud or board.flash.baud, progress))
    except ImportError as error:
        raise ToolMissingError(f"the Python package {error.name} is missing: {_REMEDY}") from error
    return f"MCUmgr's protocol through {url}", verified


async def _upload(board: Board, data: bytes, port: str, baud: int, progress: Callable[[int, int], None]) -> bool:
    """Send all, see what the board says that it has, restart it."""
    smp = importlib.import_module("smpclient")
    transport = importlib.import_module("smpclient.transport.serial").SMPSerialTransport(baudrate=baud)
    refused = importlib.import_module("smpclient.exceptions").SMPClientException
    restart = importlib.import_module("smpclient.requests.os_management").ResetWrite
    try:
        async with smp.SMPClient(transport, port, CONNECT_SECONDS) as client:
            upload = client.upload(data, first_timeout_s=ERASE_SECONDS, subsequent_timeout_s=ANSWER_SECONDS)
            async for done in upload:
                progress(done, len(data))
            known = await _known(client, data)
            await client.request(restart(), timeout_s=ANSWER_SECONDS)
    except (TimeoutError, refused, OSError) as error:
        why = str(error) or type(error).__name__
        raise DeviceError(f"MCUboot on {board.name} did not take the image: {why}; {board.flash.help}") from error
    return known


async def _known(client: Any, data: bytes) -> bool:
    """Whether the board lists the image's hash; a recovery mode may be built without the list. An image in the second
    slot is confirmed, so that MCUboot starts it from now on: `edge-tr check` is its test."""
    generics = importlib.import_module("smpclient.generics")
    states = importlib.import_module("smpclient.requests.image_management")
    answer = await client.request(states.ImageStatesRead(), timeout_s=ANSWER_SECONDS)
    if not generics.success(answer):
        return False
    wanted = image_hash(data)
    ours = [state for state in answer.images if state.hash == wanted]
    if ours and all(state.slot != 0 for state in ours):
        await client.request(states.ImageStatesWrite(hash=wanted, confirm=True), timeout_s=ANSWER_SECONDS)
    return bool(ours)


def image_hash(data: bytes) -> bytes:
    """What MCUboot knows an image by: SHA-256 of header, image and protected trailer (MCUboot's design document, "Image
    format"); without the trailer of entries that follows."""
    header, protected, body = (
        int.from_bytes(data[at : at + size], "little") for at, size in ((8, 2), (10, 2), (12, 4))
    )
    return hashlib.sha256(data[: header + body + protected]).digest()
