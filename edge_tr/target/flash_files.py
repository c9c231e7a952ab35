"""Files of a build that flashers read: made from its image, and compared with it before they are used."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_tr.boards import Board
from edge_tr.errors import DeviceError
from edge_tr.files.reading import MAX_BINARY, read_bytes
from edge_tr.formats.containers import intel_hex, uf2
from edge_tr.manifest import BuildFolder


def containers(board: Board, image: bytes, folder: BuildFolder) -> dict[Path, bytes]:
    """The image, and what lies before it in flash, as Intel HEX and, where the board's loader takes it, UF2."""
    pieces = [(board.memory.flash_origin, image)]
    if board.boot is not None:
        pieces.append((board.boot.origin, read_bytes(folder.boot, board.boot.bytes)))
    files = {folder.hex: intel_hex(pieces).encode("ascii")}
    if board.flash.family:
        files[folder.uf2] = uf2(pieces, board.flash.family)
    return files


def sound_files(board: Board, image: bytes, folder: BuildFolder) -> Mapping[str, Path]:
    """By what they are called in board.toml; DeviceError for one that is not the image's any more."""
    try:
        for path, data in containers(board, image, folder).items():
            if read_bytes(path, MAX_BINARY) != data:
                raise DeviceError(f"{path} is damaged: build again")
    except (OSError, ValueError) as error:
        raise DeviceError(f"{folder.path} cannot be read ({error}): build again") from error
    files = {"elf": folder.elf, "bin": folder.image, "hex": folder.hex, "uf2": folder.uf2}
    return {name: path.resolve() for name, path in files.items()}


def listed(board: Board, folder: BuildFolder) -> str:
    """The files for people, with the address of the one that has none in it."""
    names = [folder.elf.name, f"{folder.image.name} at {board.memory.flash_origin:#x}"]
    if board.boot is not None:
        names.append(f"{folder.boot.name} at {board.boot.origin:#x}")
    return ", ".join([*names, *(path.name for path in (folder.hex, folder.uf2) if path.is_file())])
