"""A manifest and a check report to print, without a build."""

from __future__ import annotations

from dataclasses import replace

from edge_tr import __version__
from edge_tr.manifest import (
    MANIFEST_VERSION,
    NO_TERMS,
    REVEALED,
    Alternative,
    LayerRecord,
    LevelRecord,
    Manifest,
    Protection,
    RamRecord,
    TensorRecord,
    TermsRecord,
)
from edge_tr.memory_plan import Region
from edge_tr.target.outcome import CheckReport, Cost, LayerCost, Mismatch, Reference, TensorView

NASTY = "<script>alert('x')</script> & \"co\""


def layer(name: str, **changes: object) -> LayerRecord:
    values = dict(
        name=name,
        op="CONV_2D",
        index=0,
        tensor=f"tensor of {name}",
        tensor_index=3,
        tensor_bytes=100,
        channels_removed=0,
        macs=4608,
        macs_removed=0,
        weights=72,
        terms=201,
        terms_per_weight=2.7917,
        budget="lossless",
        data_terms=None,
        kernel="planes",
        flash_bytes=560,
        cycles_estimated=1234,
        shape=(1, 5, 5, 4),
        reads=("image",),
        histogram=TermsRecord((100, 60, 50), (91, 60, 50), (91, 60, 50), (2, 10, 40, 20)),
    )
    return LayerRecord(**(values | changes))


SOFTMAX = layer(
    "softmax_1",
    op="SOFTMAX",
    macs=0,
    weights=0,
    terms=0,
    terms_per_weight=0.0,
    budget="",
    kernel="reference",
    flash_bytes=0,
    cycles_estimated=None,
    reads=("conv_2d_0",),
    histogram=NO_TERMS,
)
MANIFEST = Manifest(
    manifest_version=MANIFEST_VERSION,
    edge_tr_version=__version__,
    model="digits.tflite",
    model_sha256="ab" * 32,
    notes=(),
    target="mps2-an386",
    board_folder="",
    budget="lossless",
    build_id="0123456789abcdef",
    name="tr_model",
    core="cortex-m4",
    clock_mhz=25.0,
    flash_bytes=24_625,
    flash_limit=100_000,
    ram_bytes=40_900,
    ram_limit=131_072,
    ram=RamRecord(1536, 0, 531, 38_313, 520, 392, "tr_start > main"),
    arena_bytes=1536,
    arena_lower_bound=1500,
    arena=(Region("input", "tensor", 0, 1000, 0, 0), Region("conv_2d_0", "scratch", 1000, 536, 0, 0)),
    fits=True,
    cycles_estimated=1234,
    alternatives=(
        Alternative(20_000, 41_000, 3456, "--optimise size", False),
        Alternative(24_625, 40_900, 1234, "", True),
        Alternative(124_625, 40_900, 1000, None, False),
    ),
    would_fit=(),
    protection=Protection(verified_bytes=9_000, verify_cycles=24_750, before_invoke=False),
    inputs=(TensorRecord("image", "int8", "uint8", (1, 8, 8, 1), 64, 0.5, -128),),
    outputs=(TensorRecord("class", "int8", "int8", (1, 10), 10, 0.00390625, -128),),
    states=(),
    layers=(layer("conv_2d_0"), SOFTMAX),
    levels=(LevelRecord("lossless", REVEALED, 201, 2.7917, 1234),),
)
REPORT = CheckReport(
    target="mps2-an386",
    model="digits.tflite",
    model_sha256="ab" * 32,
    budget="lossless",
    level=0,
    terms_per_mac=2.7917,
    samples=4,
    bit_exact=True,
    mismatched_samples=0,
    first_mismatch=None,
    accuracy=0.75,
    golden_accuracy=0.75,
    reference_accuracy=0.5,
    agreement=0.75,
    reference_identical=4,
    layers_compared=2,
    cost=Cost(1234.5, "instructions", "counted by an emulator"),
    reference=Reference("tflite-runtime", "2.14.0", "BUILTIN_REF", "double"),
    layer_costs=(LayerCost("conv_2d_0", "CONV_2D", 1200.0), LayerCost("softmax_1", "SOFTMAX", 34.5)),
    connection="emulator",
    confusion=((2, 1), (0, 1)),
    classes=("cat", "dog"),
)
VIEW = TensorView((5, 5, 4), 2, 100, 1, 0, 3, ((-3, 7), (8, 9)), ((5, 7), (8, 1)), (0, 2, 0, 0))
WRONG = replace(
    REPORT,
    bit_exact=False,
    mismatched_samples=3,
    first_mismatch=Mismatch(1, "conv_2d_0", "tensor of conv_2d_0", 17, -3, 5, view=VIEW),
)
