"""Write docs/reproduction.md and its plots: `python -m edge_tr.reproduction`, or `make reproduce`.

The published tables of term revealing as far as the models here can show them, our calibrated selection and training
beside them, and what could not be reproduced.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from edge_tr.errors import EdgeTrError
from edge_tr.reproduction import classifiers, detector, effort, mobilenets, sequences, splits, summary, trained
from edge_tr.reproduction.accounting import BASELINE_PAIRS, DATA_BITS, table
from edge_tr.reproduction.plot import plot
from edge_tr.tuning.workers import LocalProcesses

ROOT = Path(__file__).resolve().parents[2]
PAPER = """\
Written by `make reproduce`; do not edit. Published figures are the authors' (Kung, McDanel, Zhang, "Term Quantization:
Furthering Quantization at Run Time", SC20, and the results files of its code), of other trainings of the same
architecture: compare the losses, not the levels.
"""
TERMS = f"""\
* **terms/MAC**: kept weight terms, each layer weighted by its MACs. Zero weights have none.
* **pairs/MAC, paper**: the paper's accounting: weight terms allowed x data terms allowed, used or not. 8-bit weights
  and data are 8 x 8 = {BASELINE_PAIRS}, the baseline; b-bit weights b x {DATA_BITS}; k terms a group of g: k/g x \
{DATA_BITS}. Calibrated rows
  without groups allow what they keep. No data budget s is set in these rows. The published totals count about 6 data
  terms, not 8.
* **executed pairs/MAC**: terms of each weight x the mean terms of the activations that it meets, zeros skipped,
  activations as x - zero point on {classifiers.MEASURED_SAMPLES} test samples.
* **QT** is uniform quantisation of the int8 weights to b bits per layer; **TR** is term revealing as published (the
  k largest terms of each g, the paper's HESE rule); **calibrated** is `edge-tr tune`, on the calibration set only; in
  bold the point that meets the goal.
* Accuracy and agreement (same decision as the int8 model) are on the test set. Their standard error is about 0.5
  points on 750 keyword clips and 0.25 on 2000 digits. Sums in another order (another BLAS) move calibrated rows by
  some tenths.
"""
PHOTOGRAPHS = """\
No labelled data with a clear licence is here: the rows are agreement on crops of four photographs that scikit-image
ships (public domain and CC0), two for calibration, two others for testing. They are no CIFAR-10 and no wake words: the
model is less sure of its answers on them, and agreement is lower than it would be on its own data.
"""
NOT_REPRODUCED = """\
## Not reproduced

| published row | why not |
|---|---|
| ResNet-18, ImageNet (69.62 % at 8 bits, 69.50 % with k=12, s=3) | no ImageNet here |
| MobileNet-v2, ImageNet (71.60 % at 8 bits, 71.65 % with k=20, s=4) | no ImageNet here |
| Accuracy of ResNet-8 on CIFAR-10 and of the wake words | their data have no clear licence and are not here |
"""

ALONE = {
    "mobilenet": lambda given: mobilenets.section(given.work),
    "detector": lambda given: detector.section(given.work),
    "summary": lambda given: summary.section((given.out / "reproduction.md").read_text(encoding="utf-8")),
    "effort": lambda given: effort.section(classifiers.SUBJECTS, given.shared, given.work),
}
"""Sections that can be written anew by themselves, by name, of the parsed arguments."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.reproduction", description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder of models and data")
    parser.add_argument("--out", type=Path, default=ROOT / "docs", help="folder for reproduction.md and plots")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "reproduction", help="folder for finished points")
    parser.add_argument("--only", choices=ALONE, help="measure this section and leave the rest of the document")
    arguments = parser.parse_args(argv)
    arguments.work.mkdir(parents=True, exist_ok=True)
    report = arguments.out / "reproduction.md"
    try:
        if arguments.only:
            _replace(report, ALONE[arguments.only](arguments))
            return 0
        with LocalProcesses() as workers:
            sections = [
                *(
                    _classifier(s, arguments.shared, arguments.work, arguments.out, workers)
                    for s in classifiers.SUBJECTS
                ),
                trained.section(arguments.shared, arguments.work, workers),
                ALONE["mobilenet"](arguments),
                ALONE["detector"](arguments),
                *sequences.sections(arguments.shared, arguments.work),
            ]
            splits.measure(splits.SUBJECTS, splits.SPLITS, arguments.shared, arguments.work / "splits", workers)
            sections.append(splits.section(splits.kept(arguments.work / "splits")))
        sections.append(ALONE["effort"](arguments))
    except EdgeTrError as error:
        print(f"reproduction: {error}", file=sys.stderr)
        return error.exit_code
    text = "\n".join(["# Reproduction of the published tables\n", PAPER, TERMS, *sections, NOT_REPRODUCED])
    report.write_text(text, encoding="utf-8")
    _replace(report, ALONE["summary"](arguments))
    return 0


def _replace(report: Path, section: str) -> None:
    """Put a section in the place of the one with its title; the summary goes first, others last."""
    text, title = report.read_text(encoding="utf-8"), section.partition("\n")[0]
    before = "## MLP" if title == summary.HEADING else "## Not reproduced"
    report.write_text(effort.replaced(text, section, before=before, title=title), encoding="utf-8")
    print(f"written: {report}")


def _classifier(subject: classifiers.Subject, shared: Path, work: Path, out: Path, workers: LocalProcesses) -> str:
    """A model's section; its plot goes beside the report."""
    print(subject.title, file=sys.stderr, flush=True)
    samples, rows = classifiers.measure(subject, shared, work, workers)
    picture = out / f"reproduction-{subject.model}.svg"
    axis = "agreement with the int8 model, %" if rows[0].accuracy is None else "accuracy, %"
    picture.write_text(plot(subject.title, rows, axis), encoding="utf-8")
    notes = [f"`{subject.model}`, {samples} test samples.", *([] if subject.test else [PHOTOGRAPHS.strip()])]
    return "\n".join(
        [f"## {subject.title}\n", "\n".join(notes), f"\n![{subject.title}]({picture.name})\n", table(rows)]
    )


if __name__ == "__main__":
    sys.exit(main())
