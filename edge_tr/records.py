"""What build.json holds, as dataclasses: the JSON's keys are the fields. Sizes are bytes where nothing else is said."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from edge_tr.memory_plan import Region


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
class TermsRecord:
    """Terms of a layer's weights, by exponent from 2^0 on, and its weights by how many terms they have.

    given     terms of the weights in the model file
    revealed  terms that the budget keeps; with tuned weights, which are others, those that these have
    kept      terms of `revealed` that are computed with: dead channels have none
    weights   weights with 0, 1, 2, ... of the terms in `kept`
    """

    given: tuple[int, ...]
    revealed: tuple[int, ...]
    kept: tuple[int, ...]
    weights: tuple[int, ...]


NO_TERMS = TermsRecord((), (), (), ())


@dataclass(frozen=True)
class CandidateRecord:
    """A kernel that could compute a layer, with the estimates that it was chosen or left by; sizes in bytes."""

    kernel: str
    flash_bytes: int
    cycles_estimated: int
    scratch_bytes: int


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
    considered: tuple[CandidateRecord, ...] = ()
    histogram: TermsRecord = NO_TERMS


@dataclass(frozen=True)
class LayerRecord:
    """One layer of a build, without its dead channels. `op` is TFLite's operator, `index` its place in the file; sizes
    in bytes. Of an operator that is made of dot products `parts` are those, and the layer's figures their sums.

    shape       of its tensor, the batch of one included
    reads       names of the layers, inputs and states whose values it reads
    considered  kernels that could compute it, the chosen one among them; empty without a choice
    """

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
    shape: tuple[int, ...] = ()
    reads: tuple[str, ...] = ()
    considered: tuple[CandidateRecord, ...] = ()
    histogram: TermsRecord = NO_TERMS

    @property
    def products(self) -> tuple[LayerRecord | PartRecord, ...]:
        """What has a budget and a kernel of its own: the layer or all of its parts; nothing without weights."""
        return self.parts or ((self,) if self.weights else ())


@dataclass(frozen=True)
class AloneRecord:
    """What a budget would cost in a build of its own, estimated: cycles of the layers with weights, flash of the whole
    program."""

    cycles_estimated: int
    flash_bytes: int


@dataclass(frozen=True)
class LevelRecord:
    """One of the budgets that a build holds, `revealed`: the model file with its weights, in the build folder."""

    budget: str
    revealed: str
    terms: int  # of all weights
    terms_per_mac: float
    cycles_estimated: int  # of the layers with weights; of an accelerator the whole inference's, predicted
    alone: AloneRecord | None = None  # of a build with several budgets for a microcontroller


@dataclass(frozen=True)
class Alternative:
    """A choice of kernels for the whole model that no other beats in flash and in cycles.

    flash_bytes, ram_bytes  of the whole program, estimated from this build's, and with its stack
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
class RamRecord:
    """What the program's RAM is made of, bytes.

    arena        tensors and scratch
    states       what a model keeps from one inference to the next, behind the arena
    link         the serial link's buffers
    data         all other variables
    stack        what is reserved for the stack: its bound and a margin, where there is a bound
    stack_bound  the most that the stack can take, None where that is not known
    stack_note   the deepest path of calls, or why there is no bound
    code         what of the program runs from RAM, because flash is slower
    """

    arena: int
    states: int
    link: int
    data: int
    stack: int
    stack_bound: int | None
    stack_note: str
    code: int = 0


@dataclass(frozen=True)
class Manifest(BuildRecord):
    """A build for a microcontroller. `core` is the one by whose costs kernels were chosen; `flash_bytes` and
    `ram_bytes` are the linked program's, stack included; `would_fit`: options of `edge-tr build` of which each makes
    a build fit that does not; `name`: the prefix of the model's functions in C; `clock_mhz`: the board's, None if it is
    not known."""

    name: str
    core: str
    clock_mhz: float | None
    flash_bytes: int
    flash_limit: int
    ram_bytes: int
    ram_limit: int
    ram: RamRecord
    arena_bytes: int
    arena_lower_bound: int
    arena: tuple[Region, ...]  # what lies in it, where, and in which layers; states lie behind it
    cycles_estimated: int  # of the layers with weights
    alternatives: tuple[Alternative, ...]
    would_fit: tuple[Remedy, ...]
    protection: Protection

    @property
    def memory_use(self) -> tuple[MemoryUse, ...]:
        """Flash and RAM."""
        return (
            MemoryUse("flash", self.flash_bytes, self.flash_limit, "bytes"),
            MemoryUse("RAM", self.ram_bytes, self.ram_limit, "bytes"),
        )


@dataclass(frozen=True)
class Remedy:
    """`options` of `edge-tr build` with which a model fits that did not, and what the program would take then, of how
    much: bytes, estimated from the build that did not fit."""

    options: str
    flash_bytes: int
    flash_limit: int
    ram_bytes: int
    ram_limit: int

    @property
    def text(self) -> str:
        """For a person."""
        flash = f"flash {self.flash_bytes:,} of {self.flash_limit:,}"
        return f"{self.options}  (about: {flash}, RAM {self.ram_bytes:,} of {self.ram_limit:,})"


@dataclass(frozen=True)
class OnChip:
    """Bytes per inference between an accelerator's memories and its engines."""

    weights: int
    read: int
    written: int


@dataclass(frozen=True)
class SpanRecord:
    """Something that happens in one inference on an accelerator, from `start` on, as predicted.

    lane        "input", "weights" and "output": transfers by DMA; "compute"; "processor", of unknown length
    layer       whose it is
    engine      of "compute": which one
    start       cycles since the inference began; runs follow each other as if the processor took no time
    cycles      how long; 0 on the processor
    bytes       that move; 0 of computations
    operations  terms added, multiplications or values passed on
    peak        operations that the engine could do in that time; 0 of transfers
    """

    lane: str
    layer: str
    engine: str
    start: int
    cycles: int
    bytes: int
    operations: int
    peak: int


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
    resources         of the chip, as `make synth` estimates them or as they were placed; empty if neither was done
    bitstream         whether the package holds one
    clock_routed_mhz  what the router says of it, where it is one of ours
    host              what the program and the tensors come from: DDR, or the host behind a serial line
    timeline          of one inference, by `start`
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
    timeline: tuple[SpanRecord, ...]
    clock_routed_mhz: float | None = None
    host: str = "DDR"

    @property
    def memory_use(self) -> tuple[MemoryUse, ...]:
        """The accelerator's memories."""
        return self.memories
