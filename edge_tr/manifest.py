"""build.json: what `build` leaves in its folder for `flash`, `check` and people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_tr.errors import UsageError

MANIFEST_VERSION = 1
FILE_NAME = "build.json"


@dataclass(frozen=True)
class LayerRecord:
    """One layer of a build. `op` is TFLite's operator, `index` its place in the file; sizes in bytes."""

    name: str
    op: str
    index: int
    tensor: str
    tensor_index: int
    tensor_bytes: int
    macs: int
    weights: int
    terms: int
    terms_per_weight: float
    budget: str
    data_terms: int | None
    kernel: str
    flash_bytes: int


@dataclass(frozen=True)
class Manifest:
    """One build. `flash_bytes` and `ram_bytes` are the linked program's, stack included."""

    manifest_version: int
    edge_tr_version: str
    model: str
    model_sha256: str
    target: str
    budget: str
    build_id: str
    flash_bytes: int
    flash_limit: int
    ram_bytes: int
    ram_limit: int
    arena_bytes: int
    arena_lower_bound: int
    fits: bool
    layers: tuple[LayerRecord, ...]

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


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
        return self.path / "revealed.tflite"

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
    def elf(self) -> Path:
        return self.path / "firmware.elf"

    @property
    def loader(self) -> Path:
        return self.path / "loader.elf"

    @property
    def state(self) -> Path:
        """Memory of the emulated board, kept between commands."""
        return self.path / "emulator"

    @property
    def report(self) -> Path:
        return self.path / "report.html"

    @property
    def check_json(self) -> Path:
        return self.path / "check.json"

    def read(self) -> Manifest:
        """The manifest; UsageError when this is no finished build of this version."""
        try:
            values = json.loads(self.manifest_file.read_text(encoding="utf-8"))
            layers = tuple(LayerRecord(**layer) for layer in values.pop("layers"))
            manifest = Manifest(**values, layers=layers)
        except FileNotFoundError:
            message = f"{self.path} holds no build: run edge-tr build MODEL --target BOARD -o {self.path}"
            raise UsageError(message) from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise UsageError(f"{self.manifest_file} cannot be read ({error}): build again") from error
        if manifest.manifest_version != MANIFEST_VERSION:
            raise UsageError(f"{self.path} was built by edge-tr {manifest.edge_tr_version}: build again")
        return manifest
