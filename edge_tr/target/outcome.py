"""What a check found, as `check --json` prints it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from edge_tr.files.typed import typed

_SIGNED = ("got", "expected")


@dataclass(frozen=True)
class TensorView:
    """A part of a tensor in which device and golden differ, to be looked at.

    shape       of the whole tensor, without the batch
    differing   elements that differ, of `elements`
    channel     which one is shown, of a tensor of rows, columns and channels; None: the tensor is shown in one row
    top, left   row and column of the part's first element, and of one row the index
    got         the part, row by row, as the device has it
    expected    the same of golden's
    by_channel  how many elements of each channel differ; empty of one row
    """

    shape: tuple[int, ...]
    differing: int
    elements: int
    channel: int | None
    top: int
    left: int
    got: tuple[tuple[int, ...], ...]
    expected: tuple[tuple[int, ...], ...]
    by_channel: tuple[int, ...]


@dataclass(frozen=True)
class Mismatch:
    """The first element, `index` of the tensor's, at which device and golden differ: in a sample, or in a step of a
    sequence. `output` is the first of the model's outputs that differs there, empty if only a layer does."""

    sample: int
    layer: str
    tensor: str
    index: int
    got: int
    expected: int
    step: int | None = None
    output: str = ""
    view: TensorView | None = None


@dataclass(frozen=True)
class OutputReport:
    """One of the model's outputs, by the file's name: on how many samples the device's differs from golden's, and on
    how many it is identical to the interpreter's on the same weights."""

    name: str
    dtype: str
    shape: tuple[int, ...]
    mismatched_samples: int
    reference_identical: int


@dataclass(frozen=True)
class MetricReport:
    """What `check --metric` asks for, of the device's outputs, of golden's and of the model as given."""

    name: str
    device: float
    golden: float
    reference: float


@dataclass(frozen=True)
class Cost:
    """Mean per inference; None where nothing on the board counts."""

    per_inference: float | None
    unit: str | None
    source: str


@dataclass(frozen=True)
class PlannedCost(Cost):
    """The same of a target whose cycles the build plans: what it predicted, and their rate."""

    predicted: int
    clock_mhz: float


@dataclass(frozen=True)
class Reference:
    """The interpreter that answered."""

    runtime: str
    version: str
    resolver: str
    rounding: str


@dataclass(frozen=True)
class LayerCost:
    """Cost of one layer on the first sample, in the unit of `CheckReport.cost`."""

    name: str
    op: str
    cost: float


@dataclass(frozen=True)
class CheckReport:
    """Outcome of a check with one budget, the `level`th of the build.

    samples    inferences; of sequences, each of `steps`, all steps count
    accuracy   fractions of the first output, None without labels (of classes)
    agreement  the fraction of samples on which the first output of device and of the model as given choose the same
               class (or, of one element, the same value)
    confusion  counts [label][the device's choice]; empty without labels or with very many classes
    classes    their names, where the data says them
    """

    target: str
    model: str
    model_sha256: str
    budget: str
    level: int
    terms_per_mac: float
    samples: int
    bit_exact: bool
    mismatched_samples: int
    first_mismatch: Mismatch | None
    accuracy: float | None
    golden_accuracy: float | None
    reference_accuracy: float | None
    agreement: float
    reference_identical: int
    layers_compared: int
    cost: PlannedCost | Cost
    reference: Reference
    layer_costs: tuple[LayerCost, ...]
    notes: tuple[str, ...] = ()
    connection: str = ""
    confusion: tuple[tuple[int, ...], ...] = field(default=(), repr=False)
    steps: int | None = None
    outputs: tuple[OutputReport, ...] = ()
    metric: MetricReport | None = None
    classes: tuple[str, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


@dataclass(frozen=True)
class LevelsReport:
    """Checks of one image with each of its budgets, from the fewest terms on."""

    target: str
    model: str
    model_sha256: str
    samples: int
    bit_exact: bool
    mismatched_samples: int
    levels: tuple[CheckReport, ...]

    @property
    def steps(self) -> int | None:
        """Of every sequence."""
        return self.levels[0].steps

    @classmethod
    def of(cls, levels: Sequence[CheckReport]) -> LevelsReport:
        """The outcome of all."""
        first, wrong = levels[0], sum(level.mismatched_samples for level in levels)
        return cls(first.target, first.model, first.model_sha256, first.samples, not wrong, wrong, tuple(levels))

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2) + "\n"


def read_report(values: object) -> CheckReport | LevelsReport:
    """What `to_json` wrote; ValueError, TypeError or KeyError if it did not."""
    kind = LevelsReport if isinstance(values, dict) and "levels" in values else CheckReport
    return typed(kind, values, _SIGNED)
