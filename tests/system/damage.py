"""A build with one wrong weight, such that every check still holds, or only the model's does not."""

from __future__ import annotations

import zlib

import numpy as np

from edge_tr import boards
from edge_tr.files.known import remember
from edge_tr.formats import image
from edge_tr.formats.term_table import TABLE_HEADER
from edge_tr.ir import tflite
from edge_tr.manifest import BuildFolder
from edge_tr.target.toolchain import MODEL_SECTION, SEAL_SECTION
from tests.firmware.harness_build import command

CHANGE = 0x55


def damage_weight(folder: BuildFolder, op_index: int, row: int, column: int, *, mend: bool) -> np.ndarray:
    """Flip bits of one weight in the firmware of a build with kernel int8; the weights int8 [rows, depth] it now has.

    The image is sealed again, with `mend` the weight table and the model too; it is known as a build of this user's.
    """
    graph = tflite.load(folder.model)
    op = next(op for op in graph.ops if op.index == op_index)
    weights = np.array(op.record.weights)
    firmware = bytearray(folder.image.read_bytes())
    table = _find(firmware, weights)
    position = table + TABLE_HEADER.size + 4 * (len(weights) + 1) + row * weights.shape[1] + column
    assert firmware[position] == weights.view(np.uint8)[row, column]
    firmware[position] ^= CHANGE
    if mend:
        _mend_table(firmware, table)
        _mend_model(firmware, folder)
    folder.image.write_bytes(_sealed_again(bytes(firmware), boards.load(folder.read().target).name))
    if folder.read().target == "host":
        folder.elf.write_bytes(firmware)
    remember(folder.digest())
    weights.view(np.uint8)[row, column] ^= CHANGE
    return weights


def _find(firmware: bytes, weights: np.ndarray) -> int:
    """Where the table with these weights begins."""
    payload = firmware.find(weights.tobytes())
    start = payload - 4 * (len(weights) + 1) - TABLE_HEADER.size
    assert payload > 0 and firmware.startswith(b"TRWT", start)
    return start


def _mend_model(firmware: bytearray, folder: BuildFolder) -> None:
    """Sections lie in the ELF, which on the host is the program, at other places than in an image."""
    board = boards.load(folder.read().target)
    lines = command(f"{board.toolchain.prefix}objdump", "-h", folder.elf).splitlines()
    places = {words[1]: [int(word, 16) for word in words[2:6]] for words in map(str.split, lines) if len(words) == 7}

    def place(section: str) -> slice:
        size, address, _, offset = places[section]
        start = address - board.memory.flash_origin if board.toolchain.freestanding else offset
        return slice(start, start + size)

    firmware[place(SEAL_SECTION)] = image.model_seal(bytes(firmware[place(MODEL_SECTION)]))


def _mend_table(firmware: bytearray, table: int) -> None:
    header = TABLE_HEADER.unpack(firmware[table:])
    end = table + TABLE_HEADER.size
    payload = firmware[end : end + header["payload_bytes"]]
    crc = zlib.crc32(payload, zlib.crc32(firmware[table : end - 4]))
    firmware[end - 4 : end] = crc.to_bytes(4, "little")


def _sealed_again(firmware: bytes, board: str) -> bytes:
    if board == "host":  # a program, not an image
        return firmware
    start = image.IMAGE_HEADER_OFFSET.value
    header = image.IMAGE_HEADER.unpack(firmware[start:])
    blank = firmware[:start] + bytes(image.IMAGE_HEADER.size) + firmware[start + image.IMAGE_HEADER.size :]
    return image.seal(
        blank,
        load_address=header["load_address"],
        board=board,
        build_id=header["build_id"],
        model_sha256=header["model_sha256"],
    )
