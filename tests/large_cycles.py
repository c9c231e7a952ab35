"""Write docs/accelerator-large.md: `python -m tests.large_cycles [NAME ...]`, or `make cycles-large`.

Builds models that are larger than the accelerator for pynq-z2 and checks one inference of each, every layer, in the
cycle-accurate co-simulation. What is known of a model is kept in out/large, so that they can be run one by one; the
page has those that are there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from edge_tr import compiler
from edge_tr.manifest import OverlayManifest
from edge_tr.target.count_provenance import commit
from edge_tr.target.outcome import CheckReport, PlannedCost
from tests.models.large_networks import mobilenet_v2, narrow_mobilenet_v2, yolo_v5n

ROOT = Path(__file__).resolve().parents[1]
RESNET = ROOT.parent / "shared" / "models" / "pretrainedResnet_large_int8.tflite"
MODELS: Mapping[str, tuple[str, Callable[[], bytes]]] = {
    "resnet": ("larger ResNet", RESNET.read_bytes),
    "narrow_mobilenet_v2": ("MobileNetV2 0.35, 128 x 128", lambda: narrow_mobilenet_v2(classes=10)),
    "mobilenet_v2": ("MobileNetV2 1.0, 224 x 224", mobilenet_v2),
    "yolo_v5n": ("detector of YOLOv5n's size, 320 x 320", yolo_v5n),
}
"""By name for the command line: what the page calls it, and its file."""
INTRODUCTION = """\
One lossless inference of each model in the cycle-accurate simulation of the full pynq-z2 configuration: the Verilated
RTL behind the generated driver and the real pynq package. Cycles are the sum over the runs of an inference, from start
to done, with all transfers; what the processor does between the runs is not in them. Streamed is what comes from DDR
with each inference besides tensors: weights, and all else that does not stay on the chip. The networks but the ResNet
have random weights (`tests/models/large_networks.py`). Every layer's tensor was compared with golden on one input. Not
a measurement on a board."""
HEAD = (
    "model", "million MACs", "on the accelerator", "runs", "cycles", "predicted", "MACs a cycle", "MB streamed",
    "MB in", "MB out", "ms at 100 MHz", "every layer",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What is known of one model: bytes are of one inference; `made_at`: the commit."""

    macs: int
    accelerated: int
    runs: int
    cycles: int
    predicted: int
    streamed_bytes: int
    input_bytes: int
    output_bytes: int
    clock_mhz: float
    bit_exact: bool
    made_at: str

    def cells(self, name: str) -> tuple[str, ...]:
        """Of the page."""
        return (
            name,
            f"{self.macs / 1e6:.1f}",
            f"{self.accelerated / self.macs:.1%}",
            f"{self.runs}",
            f"{self.cycles:,}",
            f"{self.predicted:,} ({self.cycles / self.predicted - 1:+.2%})",
            f"{self.accelerated / self.cycles:.0f}",
            *(f"{n / 1e6:.2f}" for n in (self.streamed_bytes, self.input_bytes, self.output_bytes)),
            f"{self.cycles / self.clock_mhz / 1000:.2f}",
            "equal" if self.bit_exact else "DIFFERS",
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code: 7 where a layer differs from golden."""
    parser = argparse.ArgumentParser(prog="python -m tests.large_cycles", description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"models to run: {', '.join(MODELS)}; as a rule all")
    parser.add_argument("--folder", type=Path, default=ROOT / "out" / "large", help="folder for builds and results")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "accelerator-large.md")
    arguments = parser.parse_args(argv)
    if unknown := {*arguments.names} - {*MODELS}:
        parser.error(f"no model {', '.join(sorted(unknown))}: choose from {', '.join(MODELS)}")
    for name in arguments.names or MODELS:
        print(name, file=sys.stderr, flush=True)
        row = measured(name, arguments.folder)
        (arguments.folder / f"{name}.json").write_text(json.dumps(asdict(row), indent=1), encoding="utf-8")
    rows = known(arguments.folder)
    arguments.out.write_text(text(rows), encoding="utf-8")
    return 0 if all(row.bit_exact for row in rows.values()) else 7


def measured(name: str, folder: Path) -> Row:
    """Build it, and check one inference in every layer."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{name}.tflite"
    file.write_bytes(MODELS[name][1]())
    manifest = compiler.build(file, "pynq-z2", folder / name)
    return row_of(manifest, compiler.check(folder / name, limit=1, layers=True))


def row_of(manifest: OverlayManifest, report: CheckReport) -> Row:
    """Of a build and its check."""
    cost = report.cost
    assert isinstance(cost, PlannedCost)
    accelerated = sum(layer.macs for layer in manifest.layers if layer.kernel == "accelerator")
    return Row(
        macs=sum(layer.macs for layer in manifest.layers),
        accelerated=accelerated,
        runs=manifest.segments,
        cycles=round(cost.per_inference),
        predicted=cost.predicted,
        streamed_bytes=manifest.streamed_bytes,
        input_bytes=manifest.input_bytes - manifest.streamed_bytes,
        output_bytes=manifest.output_bytes,
        clock_mhz=cost.clock_mhz,
        bit_exact=report.bit_exact,
        made_at=commit(ROOT),
    )


def known(folder: Path) -> dict[str, Row]:
    """The models that were run, in the order of MODELS."""
    files = {name: folder / f"{name}.json" for name in MODELS}
    return {name: Row(**json.loads(file.read_text("utf-8"))) for name, file in files.items() if file.is_file()}


def text(rows: Mapping[str, Row]) -> str:
    """The page."""
    cells = [row.cells(MODELS[name][0]) for name, row in rows.items()]
    table = ["| " + " | ".join(row) + " |" for row in (HEAD, ("---", *["---:"] * (len(HEAD) - 2), "---"), *cells)]
    commits = ", ".join(dict.fromkeys(row.made_at for row in rows.values() if row.made_at))
    missing = ", ".join(MODELS[name][0] for name in MODELS if name not in rows)
    return "\n".join(
        (
            "# Cycles of models larger than the accelerator",
            "",
            "Written by `make cycles-large`" + (f" at commit {commits}." if commits else "."),
            "",
            INTRODUCTION,
            "",
            *table,
            *(["", f"Not run yet: {missing}."] if missing else []),
            "",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
