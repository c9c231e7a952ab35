"""build.json: what `build` leaves in its folder for `flash`, `check` and people."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_tr.errors import UsageError
from edge_tr.files.locks import HIDDEN
from edge_tr.files.reading import brief, read_json
from edge_tr.files.typed import typed
from edge_tr.records import (
    NO_TERMS,
    AloneRecord,
    Alternative,
    BuildRecord,
    CandidateRecord,
    LayerRecord,
    LevelRecord,
    Manifest,
    MemoryUse,
    OnChip,
    OverlayManifest,
    PartRecord,
    Protection,
    RamRecord,
    Remedy,
    Signature,
    SpanRecord,
    TensorRecord,
    TermsRecord,
)

__all__ = [
    "FILE_NAME",
    "MANIFEST_VERSION",
    "NO_TERMS",
    "REVEALED",
    "AloneRecord",
    "Alternative",
    "BuildFolder",
    "BuildRecord",
    "CandidateRecord",
    "LayerRecord",
    "LevelRecord",
    "Manifest",
    "MemoryUse",
    "OnChip",
    "OverlayManifest",
    "PartRecord",
    "Protection",
    "RamRecord",
    "Remedy",
    "Signature",
    "SpanRecord",
    "TensorRecord",
    "TermsRecord",
]  # fmt: skip

MANIFEST_VERSION = 9
FILE_NAME = "build.json"
REVEALED = "revealed.tflite"


@dataclass(frozen=True)
class BuildFolder:
    """Where everything of one build lies."""

    path: Path

    @property
    def manifest_file(self) -> Path:
        return self.path / FILE_NAME

    @property
    def model(self) -> Path:
        """The model as it was given."""
        return self.path / "model.tflite"

    @property
    def revealed(self) -> Path:
        """The same model with the weights that the board computes with."""
        return self.path / REVEALED

    def revealed_of(self, level: LevelRecord) -> Path:
        """The model with the weights of one of several budgets; UsageError for a name that `build` does not give."""
        if not re.fullmatch(r"revealed(-level\d+)?\.tflite", level.revealed):
            raise UsageError(f"{self.manifest_file} is damaged (revealed is {brief(level.revealed)}): build again")
        return self.path / level.revealed

    @property
    def bill(self) -> Path:
        """What ends up on the device, and its licences (CycloneDX)."""
        return self.path / "sbom.cdx.json"

    @property
    def sources(self) -> Path:
        return self.path / "src"

    @property
    def objects(self) -> Path:
        return self.path / "obj"

    @property
    def image(self) -> Path:
        """What is flashed: a sealed image, or the program itself for a native process."""
        return self.path / "firmware.bin"

    @property
    def boot(self) -> Path:
        """What lies in flash before the image, where the chip's ROM wants something there."""
        return self.path / "firmware.boot"

    @property
    def hex(self) -> Path:
        """All that is flashed, with its addresses, as Intel HEX."""
        return self.path / "firmware.hex"

    @property
    def uf2(self) -> Path:
        """The same for a drive of a UF2 loader."""
        return self.path / "firmware.uf2"

    @property
    def elf(self) -> Path:
        return self.path / "firmware.elf"

    @property
    def loader(self) -> Path:
        return self.path / "loader.elf"

    @property
    def package(self) -> Path:
        """The Python package that runs on an accelerator's board."""
        return self.path / "edge_tr_pynq"

    @property
    def program(self) -> Path:
        """The accelerator's program."""
        return self.package / "program.npz"

    @property
    def state(self) -> Path:
        """Memory of the emulated board, kept between commands."""
        return self.path / "emulator"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def comparison(self) -> Path:
        """This build beside another one."""
        return self.path / "comparison.html"

    @property
    def check_json(self) -> Path:
        return self.path / "check.json"

    def is_ours(self) -> bool:
        """Whether a build wrote this folder, or began to: other tools have a build.json too."""
        if not self.manifest_file.exists():
            return all(entry.name == HIDDEN for entry in self.path.iterdir())
        try:
            return "edge_tr_version" in read_json(self.manifest_file)
        except (OSError, ValueError, TypeError):
            return False

    def digest(self) -> str:
        """SHA-256 of the names and contents of all that `flash` and `check` read or run, bitstreams excepted."""
        digest = hashlib.sha256()
        for path in sorted(filter(Path.is_file, self._used())):
            digest.update(f"{path.relative_to(self.path)}\0".encode("utf-8", "surrogateescape"))
            digest.update(_sha256(path))
        return digest.hexdigest()

    def _used(self) -> Iterator[Path]:
        """The files of `digest`; other files in the package could be imported."""
        yield from (self.manifest_file, self.model, self.image, self.loader, self.boot, self.hex, self.uf2)
        yield from self.path.glob("revealed*.tflite")
        package = (path for path in self.package.rglob("*") if "__pycache__" not in path.parts)
        yield from (path for path in package if path.suffix not in (".bit", ".hwh"))

    def read(self) -> Manifest | OverlayManifest:
        """The manifest; UsageError when this is no finished build of this version."""
        try:
            values = read_json(self.manifest_file)
        except (FileNotFoundError, NotADirectoryError):
            message = f"{self.path} holds no build: run edge-tr build MODEL --target BOARD -o {self.path}"
            raise UsageError(message) from None
        except (OSError, ValueError) as error:
            raise UsageError(f"{self.manifest_file} cannot be read ({error}): build again") from error
        if not isinstance(values, dict) or "edge_tr_version" not in values:
            raise UsageError(f"{self.manifest_file} is not edge-tr's: choose a folder that edge-tr build wrote")
        if "manifest_version" not in values:
            raise UsageError(f"{self.path} holds an unfinished build: run edge-tr build again")
        if values["manifest_version"] != MANIFEST_VERSION:
            raise UsageError(f"{self.path} was built by edge-tr {brief(values['edge_tr_version'])}: build again")
        try:
            return _sensible(typed(OverlayManifest if "cycles_predicted" in values else Manifest, values))
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{self.manifest_file} is damaged ({brief(str(error))}): build again") from error


def _sha256(path: Path) -> bytes:
    """Of a file, in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.digest()


def _sensible(record: Manifest | OverlayManifest) -> Manifest | OverlayManifest:
    """The same; ValueError for what has the right types and no build writes."""
    wrong = {
        "build_id": not re.fullmatch("[0-9a-f]{16}", record.build_id),
        "model_sha256": not re.fullmatch("[0-9a-f]{64}", record.model_sha256),
        "name": isinstance(record, Manifest) and not re.fullmatch(r"[A-Za-z]\w*", record.name, re.ASCII),
        "levels": not record.levels,
        "inputs": not record.inputs,
        "outputs": not record.outputs,
        "bytes": any(not _is_whole(tensor) for tensor in (*record.inputs, *record.outputs, *record.states)),
        "data_terms": any(
            dot.data_terms is not None and not 0 < dot.data_terms < 1 << 16
            for dot in (*record.layers, *record.products)
        ),
        "limit": any(use.limit < 1 for use in record.memory_use),
    }
    if any(wrong.values()):
        raise ValueError(f"{', '.join(name for name in wrong if wrong[name])}: not as build writes it")
    return record


_ITEM_BYTES = {"int8": 1, "uint8": 1, "bool": 1, "int16": 2, "int32": 4, "float32": 4, "int64": 8}


def _is_whole(tensor: TensorRecord) -> bool:
    elements = math.prod(tensor.shape)
    quantised = tensor.zero_point is not None and tensor.scale is not None and 0 < tensor.scale < math.inf
    plain = tensor.scale is None and tensor.zero_point is None
    return 0 < tensor.bytes == elements * _ITEM_BYTES.get(tensor.dtype, 0) and (quantised or plain)
