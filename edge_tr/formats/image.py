"""The firmware image: what lies at a board's image base and what a loader checks.

Byte 0 is what the core starts from (Cortex-M: the vector table's 16 entries;
RISC-V: a jump). The `ImageHeader` follows at IMAGE_HEADER_OFFSET, so that a
board without our loader starts the same image from reset.
"""

from __future__ import annotations

import zlib

import numpy as np

from edge_tr.formats.schema import Constant, Field, Format, FormatError, Record

IMAGE_MAGIC = Constant("IMAGE_MAGIC", int.from_bytes(b"TRIM", "little"), "First word of the header, 'TRIM'.")
IMAGE_VERSION = Constant("IMAGE_VERSION", 1, "Version of the image format.")
IMAGE_HEADER_OFFSET = Constant("IMAGE_HEADER_OFFSET", 64, "Bytes from the image base to the header.")

IMAGE_HEADER = Record(
    "ImageHeader",
    "Filled in by the host after linking; the firmware reserves the space.",
    (
        Field("magic", 32, "IMAGE_MAGIC."),
        Field("version", 16, "IMAGE_VERSION."),
        Field("image_version", 16, "Raised to revoke older images: a loader with a key refuses less than has started."),
        Field("load_address", 32, "Address of byte 0."),
        Field("image_bytes", 32, "Length from byte 0, header included; a multiple of four."),
        Field("board_id", 32, "CRC-32 of the board's name: a loader refuses another board's image."),
        Field("build_id", 64, "First eight bytes of the SHA-256 of everything the build depends on."),
        Field("model_sha256", 256, "SHA-256 of the .tflite file.", is_bytes=True),
        Field("crc32", 32, "CRC-32 of the image with these four bytes as zero."),
    ),
)

SIGNATURE_MAGIC = Constant("SIGNATURE_MAGIC", int.from_bytes(b"TRSG", "little"), "First word of a signature, 'TRSG'.")
IMAGE_SIGNATURE = Record(
    "ImageSignature",
    "Follows a signed image.",
    (
        Field("magic", 32, "SIGNATURE_MAGIC."),
        Field("reserved", 32, "Zero."),
        Field("signature", 512, "Ed25519 (RFC 8032) of the image's image_bytes, its CRC-32 filled in.", is_bytes=True),
    ),
)
VERSION_ENTRY = Record(
    "VersionEntry",
    "In the loader's two pages of versions: that an image of this version has started.",
    (
        Field("version", 32, "ImageHeader.image_version."),
        Field("complement", 32, "Its ones' complement, written with it: an entry without it counts for nothing."),
    ),
)

MODEL_SEAL = Record(
    "ModelSeal",
    "What the model's code and constants add up to, modulo 2^32 - 1 (Fletcher's sum over words, which every change of "
    "one or two bits changes). Filled in by the host after linking, all zeros until then.",
    (
        Field("bytes", 32, "Of code and constants, whole words."),
        Field("low", 32, "The sum of all words."),
        Field("high", 32, "The sum of the sums after each word."),
    ),
)

FORMAT = Format(
    "Firmware image",
    __doc__ or "",
    (IMAGE_MAGIC, IMAGE_VERSION, IMAGE_HEADER_OFFSET, SIGNATURE_MAGIC),
    (),
    (IMAGE_HEADER, IMAGE_SIGNATURE, VERSION_ENTRY, MODEL_SEAL),
)

_SEAL_MODULUS = (1 << 32) - 1
_START = IMAGE_HEADER_OFFSET.value
_END = _START + IMAGE_HEADER.size


def board_id(board: str) -> int:
    """CRC-32 of the board's name."""
    return zlib.crc32(board.encode())


def seal(
    image: bytes, *, load_address: int, board: str, build_id: int, model_sha256: bytes, image_version: int = 0
) -> bytes:
    """Pad a linked image to words and fill in its header."""
    image = image + bytes(-len(image) % 4)
    if len(image) < _END or any(image[_START:_END]):
        raise FormatError("the linked image has no empty space for its header at offset 64: check the linker script")
    values = {
        "magic": IMAGE_MAGIC.value,
        "version": IMAGE_VERSION.value,
        "image_version": image_version,
        "load_address": load_address,
        "image_bytes": len(image),
        "board_id": board_id(board),
        "build_id": build_id,
        "model_sha256": model_sha256,
    }
    blank = image[:_START] + IMAGE_HEADER.pack(**values) + image[_END:]
    return image[:_START] + IMAGE_HEADER.pack(**values, crc32=zlib.crc32(blank)) + image[_END:]


def signed(image: bytes, signature: bytes) -> bytes:
    """A sealed image with its signature behind it."""
    return image + IMAGE_SIGNATURE.pack(magic=SIGNATURE_MAGIC.value, signature=signature)


def split(image: bytes) -> tuple[bytes, bytes | None]:
    """A sealed image and its signature, if it has one."""
    end = len(image) - IMAGE_SIGNATURE.size
    if end < _END or int.from_bytes(image[end : end + 4], "little") != SIGNATURE_MAGIC.value:
        return image, None
    return image[:end], IMAGE_SIGNATURE.unpack(image[end:])["signature"]


def check(image: bytes) -> dict[str, int | bytes]:
    """The header of a sealed image, signed or not; FormatError if its magic, version, length or CRC is wrong."""
    image, _ = split(image)
    header = IMAGE_HEADER.unpack(image[_START:])
    if header["magic"] != IMAGE_MAGIC.value or header["version"] != IMAGE_VERSION.value:
        raise FormatError(f"not a version {IMAGE_VERSION.value} firmware image")
    if header["image_bytes"] != len(image):
        raise FormatError(f"firmware image of {len(image)} bytes says it has {header['image_bytes']}")
    blank = image[: _END - 4] + bytes(4) + image[_END:]
    if zlib.crc32(blank) != header["crc32"]:
        raise FormatError("firmware image with a wrong CRC-32")
    return header


def model_seal(model: bytes) -> bytes:
    """The seal of a linked model, whole words."""
    words = np.frombuffer(model, "<u4").astype(object)
    low, high = sum(words), sum(words * np.arange(len(words), 0, -1).astype(object))
    return MODEL_SEAL.pack(bytes=len(model), low=low % _SEAL_MODULUS, high=high % _SEAL_MODULUS)
