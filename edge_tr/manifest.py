"""build.json: what `build` leaves in its folder for `flash`, `check` and people."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import re
import typing
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import Path
from typing import Any

from edge_tr.errors import UsageError
from edge_tr.files.locks import HIDDEN
from edge_tr.files.reading import brief, read_json
from edge_tr.memory_plan import Region

MANIFEST_VERSION = 7
FILE_NAME = "build.json"
REVEALED = "revealed.tflite"


@dataclass(frozen=True)
class TensorRecord:
    """An input, an output or a state as the device has it: elements of `dtype` in row-major order, real = scale *
    (q - zero_point), both None of plain numbers. `shape` has the batch of one; the model file says `file_dtype`."""

    name: str
    dtype: str
    file_dtype: str
    shape: tuple[int, ...]
    bytes: int
    scale: float | None
    zero_point: int | None


@dataclass(frozen=True)
class PartRecord:
    """One of the dot products that an operator is made of, by the name and index that it has in budgets."""

    name: str
    index: int
    macs: int
    weights: int
    terms: int
    terms_per_weight: float
    budget: str
    data_terms: int | None
    kernel: str
    flash_bytes: int
    cycles_estimated: int | None


@dataclass(frozen=True)
class LayerRecord:
    """One layer of a build, without its dead channels. `op` is TFLite's operator, `index` its place in the file; sizes
    in bytes. Of an operator that is made of dot products `parts` are those, and the layer's figures their sums."""

    name: str
    op: str
    index: int
    tensor: str
    tensor_index: int
    tensor_bytes: int
    channels_removed: int  # of the output: constant, or read by nobody
    macs: int
    macs_removed: int  # of the model as given
    weights: int
    terms: int
    terms_per_weight: float
    budget: str
    data_terms: int | None
    kernel: str
    flash_bytes: int  # 0 on an accelerator
    cycles_estimated: int | None  # of layers with weights, what the kernel was chosen by; the accelerator's prediction
    reason: str = ""  # why the processor computes it, on an accelerator
    parts: tuple[PartRecord, ...] = ()

    @property
    def products(self) -> tuple[LayerRecord | PartRecord, ...]:
        """What has a budget and a kernel of its own: the layer or all of its parts; nothing without weights."""
        return self.parts or ((self,) if self.weights else ())


@dataclass(frozen=True)
class LevelRecord:
    """One of the budgets that a build holds, `revealed`: the model file with its weights, in the build folder."""

    budget: str
    revealed: str
    terms: int  # of all weights
    terms_per_mac: float
    cycles_estimated: int  # of the layers with weights; of an accelerator the whole inference's, predicted


@dataclass(frozen=True)
class Alternative:
    """A choice of kernels for the whole model that no other beats in flash and in cycles.

    flash_bytes, ram_bytes  of the whole program, estimated from this build's
    cycles_estimated        of the layers with weights
    options                 of `edge-tr build` that get it: "" for none but this build's; None if the board is too small
    chosen                  whether this build has it
    """

    flash_bytes: int
    ram_bytes: int
    cycles_estimated: int
    options: str | None
    chosen: bool


@dataclass(frozen=True)
class MemoryUse:
    """How full a memory is, in `unit`."""

    name: str
    used: int
    limit: int
    unit: str


@dataclass(frozen=True)
class BuildRecord:
    """What is known of every build. `board_folder` is empty for boards that ship with edge-tr; `levels` go from the
    fewest terms to `budget`, which alone is what `layers` tell of. Inputs and outputs are in the model file's order,
    `states` keep their values from one inference to the next; `notes` say
    what was made of the model as given."""

    manifest_version: int
    edge_tr_version: str
    model: str
    model_sha256: str
    notes: tuple[str, ...]
    target: str
    board_folder: str
    budget: str
    build_id: str
    fits: bool
    inputs: tuple[TensorRecord, ...]
    outputs: tuple[TensorRecord, ...]
    states: tuple[TensorRecord, ...]
    layers: tuple[LayerRecord, ...]
    levels: tuple[LevelRecord, ...]

    @property
    def products(self) -> tuple[LayerRecord | PartRecord, ...]:
        """Of all layers."""
        return tuple(product for layer in self.layers for product in layer.products)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"

    @property
    def memory_use(self) -> tuple[MemoryUse, ...]:
        """Every memory of the target."""
        raise NotImplementedError


@dataclass(frozen=True)
class Signature:
    """Of an image, and of the loader that asks for it.

    public_key    hexadecimal
    image_version
    loader_bytes  of the build's loader, of which `checking` are for signatures, versions and the copy; 0 on a board
                  whose only loader is in ROM, which starts unsigned images too
    way_back      whether flash holds the image and its copy
    """

    public_key: str
    image_version: int
    loader_bytes: int
    checking: int
    way_back: bool


@dataclass(frozen=True)
class Protection:
    """What guards a build against changes of its memory.

    verified_bytes  of the model, its code and the runtime: what tr_model_verify() adds up
    verify_cycles   estimated, of one round; None for a core without a cycle table
    before_invoke   whether every inference begins with one
    signature       of the image, if it is signed
    """

    verified_bytes: int
    verify_cycles: int | None
    before_invoke: bool
    signature: tuple[Signature, ...] = ()


@dataclass(frozen=True)
class Manifest(BuildRecord):
    """A build for a microcontroller. `core` is the one by whose costs kernels were chosen; `flash_bytes` and
    `ram_bytes` are the linked program's, stack included; `would_fit`: options of `edge-tr build` of which each makes
    a build fit that does not; `name`: the prefix of the model's functions in C."""

    name: str
    core: str
    flash_bytes: int
    flash_limit: int
    ram_bytes: int
    ram_limit: int
    arena_bytes: int
    arena_lower_bound: int
    arena: tuple[Region, ...]  # what lies in it, where, and in which layers; states lie behind it
    cycles_estimated: int  # of the layers with weights
    alternatives: tuple[Alternative, ...]
    would_fit: tuple[str, ...]
    protection: Protection

    @property
    def memory_use(self) -> tuple[MemoryUse, ...]:
        """Flash and RAM."""
        return (
            MemoryUse("flash", self.flash_bytes, self.flash_limit, "bytes"),
            MemoryUse("RAM", self.ram_bytes, self.ram_limit, "bytes"),
        )


@dataclass(frozen=True)
class OnChip:
    """Bytes per inference between an accelerator's memories and its engines."""

    weights: int
    read: int
    written: int


@dataclass(frozen=True)
class OverlayManifest(BuildRecord):
    """A build for an accelerator: the overlay is the same for all models, the program is this one's.

    cycles_predicted  of one inference, start to done, transfers included
    program_bytes     sent once, when the program is loaded
    input_bytes       sent for each inference: tensors as the accelerator's memory holds them, and streamed weights
    output_bytes      received for each inference
    streamed_bytes    of input_bytes, weights that the memories have no room for
    segments          runs of the accelerator in one inference; between them the processor computes
    on_chip           what the engines read and write
    memories          on-chip memories, in words
    resources         of the chip, as `make synth` estimates them; empty if it has not run
    bitstream         whether the package holds one
    """

    cycles_predicted: int
    clock_mhz: int
    program_bytes: int
    input_bytes: int
    output_bytes: int
    streamed_bytes: int
    segments: int
    on_chip: OnChip
    memories: tuple[MemoryUse, ...]
    resources: tuple[MemoryUse, ...]
    bitstream: bool

    @property
    def memory_use(self) -> tuple[MemoryUse, ...]:
        """The accelerator's memories."""
        return self.memories


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
            return _sensible(_typed(OverlayManifest if "cycles_predicted" in values else Manifest, values))
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


_SIGNED = ("zero_point",)
_ITEM_BYTES = {"int8": 1, "uint8": 1, "bool": 1, "int16": 2, "int32": 4, "float32": 4, "int64": 8}


def _is_whole(tensor: TensorRecord) -> bool:
    elements = math.prod(tensor.shape)
    quantised = tensor.zero_point is not None and tensor.scale is not None and 0 < tensor.scale < math.inf
    plain = tensor.scale is None and tensor.zero_point is None
    return 0 < tensor.bytes == elements * _ITEM_BYTES.get(tensor.dtype, 0) and (quantised or plain)


def _typed(kind: type, values: object) -> Any:
    """`values` as `kind`, a dataclass with each field of its declared type; ValueError or TypeError if one is not."""
    if not is_dataclass(kind) and isinstance(values, kind):
        return values
    if not is_dataclass(kind) or not isinstance(values, dict):
        raise TypeError(f"{kind.__name__} is {brief(repr(values))}")
    whole = {name: value for name, value in values.items() if type(value) is int}
    numbers = [name for name, value in whole.items() if not (-(1 << 31) * (name in _SIGNED) <= value < 1 << 53)]
    if numbers:
        raise ValueError(f"{brief(', '.join(numbers))}: out of range")
    hints = typing.get_type_hints(kind)
    found = dict(values)
    for name, hint in hints.items():
        if typing.get_origin(hint) is tuple:
            found[name] = tuple(_typed(typing.get_args(hint)[0], item) for item in list(values[name]))
        elif dataclasses.is_dataclass(hint):
            found[name] = _typed(hint, values[name])
        elif not isinstance(values[name], hint):
            raise TypeError(f"{name} is {brief(repr(values[name]))}")
    return kind(**found)
