"""What becomes of a linked program: sealed, signed if there is a key, and with the loader that starts it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from edge_tr.boards import Board, Trust
from edge_tr.errors import UsageError
from edge_tr.formats import image as image_format
from edge_tr.formats.containers import rp2040_boot_block
from edge_tr.kernels.cost import verify_cycles
from edge_tr.manifest import BuildFolder, Protection, Signature
from edge_tr.target.flash_files import containers
from edge_tr.target.signing import Signer
from edge_tr.target.toolchain import Linked, Piece, compile_and_link


@dataclass(frozen=True)
class Protect:
    """What was asked for: a check of the model before each inference; the private key to sign with; the version from
    which on older signed images are refused."""

    verifies: bool = False
    sign: Path | None = None
    image_version: int = 0


UNPROTECTED = Protect()


class Sealing:
    """What becomes of a linked program: a sealed image, signed if there is a key, and the loader that starts it."""

    def __init__(self, board: Board, protect: Protect) -> None:
        """UsageError for a key that cannot be read, or a board that has no use for it."""
        self._board, self._version, self.verifies = board, protect.image_version, protect.verifies
        sign, image_version = protect.sign, protect.image_version
        self._signer = None if sign is None else Signer(sign)
        if not 0 <= image_version < 1 << 16:
            raise UsageError(f"--image-version {image_version}: give 0 to {(1 << 16) - 1}")
        if sign is None and image_version:
            raise UsageError("--image-version needs --sign: anybody can change the version of an unsigned image")
        if sign is not None and not board.toolchain.freestanding:
            raise UsageError(f"{board.name} runs a program of this computer: --sign is for images in flash")

    @property
    def room(self) -> int:
        """Bytes of flash for a program."""
        flash = self._board.memory.flash_bytes
        if self._signer is None:
            return flash
        beside = image_format.IMAGE_SIGNATURE.size + 4  # and the padding of the program to words
        return (flash if self._board.loader is None else min(flash, self._board.slots(flash).bytes)) - beside

    def write(
        self, folder: BuildFolder, linked: Linked, core: str, build_id: int, sha256: bytes
    ) -> tuple[tuple[Piece, ...], Protection]:
        """Program, image and loader into the folder; what the loader is made of, and what protects the build."""
        protection = Protection(linked.model_bytes, verify_cycles(core, linked.model_bytes), self.verifies)
        shutil.copyfile(linked.elf, folder.elf)
        if linked.image is None:
            shutil.copyfile(linked.elf, folder.image)
            return (), protection
        image = image_format.seal(
            linked.image,
            load_address=self._board.memory.flash_origin,
            board=self._board.name,
            build_id=build_id,
            model_sha256=sha256,
            image_version=self._version,
        )
        if self._signer is not None:
            image = image_format.signed(image, self._signer.sign(image))
        folder.image.write_bytes(image)
        booting = self._boot(folder)
        for path, data in containers(self._board, image, folder).items():
            path.write_bytes(data)
        pieces, signature = self._loader(folder, len(image))
        return booting + pieces, replace(protection, signature=signature)

    def _boot(self, folder: BuildFolder) -> tuple[Piece, ...]:
        """What the chip's ROM wants before the image, into the folder."""
        board, part = self._board, self._board.boot_block
        if part is None:
            return ()
        linked = compile_and_link(board, part, [], [], folder.objects, "boot")
        code = linked.image.ljust(board.boot.bytes, b"\0")
        if board.boot.checksum == "rp2040":
            code = rp2040_boot_block(linked.image, board.boot.bytes)
        folder.boot.write_bytes(code)
        return linked.pieces

    def _loader(self, folder: BuildFolder, image_bytes: int) -> tuple[tuple[Piece, ...], tuple[Signature, ...]]:
        board, plain = self._board, self._board.second_stage
        size, checking, pieces = 0, 0, ()
        if plain is not None:
            loader = compile_and_link(board, plain, [], [], folder.objects, "loader")
            if self._signer is not None:
                open_to_all = loader.sizes.flash
                part = board.loader_for(Trust(self._signer.public_key, board.slots(image_bytes)))
                loader = compile_and_link(board, part, [], [], folder.objects, "loader")
                size, checking = loader.sizes.flash, loader.sizes.flash - open_to_all
            pieces = loader.pieces
            shutil.copyfile(loader.elf, folder.loader)
        if self._signer is None:
            return pieces, ()
        way_back = plain is not None and board.slots(image_bytes).backup is not None
        signature = Signature(self._signer.public_key.hex(), self._version, size, checking, way_back)
        return pieces, (signature,)
