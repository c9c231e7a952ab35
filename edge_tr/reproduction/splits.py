"""Does a tuning keep its promise? Seeded splits of calibration and test: `python -m edge_tr.reproduction.splits`.

Each split is tuned by `tune` with a goal on loss, as a user would, and tested on all other samples of the model's data.
A finished split is a file; the same command does what is missing, and writes the section of docs/reproduction.md from
all that there is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_tr.errors import EdgeTrError
from edge_tr.reproduction.effort import replaced
from edge_tr.tuning.fit import ALGORITHM, Settings
from edge_tr.tuning.tuning import Tuning, tune
from edge_tr.tuning.workers import LocalProcesses, Workers
from edge_tr.tuning.written import goal_of

ROOT = Path(__file__).resolve().parents[2]
HEADING = "## The promise of `--max-loss`"
SPLITS, MAX_LOSS = 20, 0.5
TRACKED = 10.0
"""Points of loss up to which measures without labels are compared with it."""


@dataclass(frozen=True)
class Subject:
    """A model, the files that its samples come from, and how many of these are for calibration."""

    model: str
    files: tuple[str, ...]
    calibration: int


SUBJECTS = (
    Subject("kws_ref_model", ("kws_calibration_250", "kws_test_750"), 250),
    Subject("mnist_lenet5_int8", ("mnist_calibration_500", "mnist_test_2000"), 500),
    Subject("mnist_mlp_784_512_512_10_int8", ("mnist_calibration_500", "mnist_test_2000"), 500),
    Subject("mnist_dscnn_int8", ("mnist_calibration_500", "mnist_test_2000"), 500),
    Subject("fashion_lenet5_int8", ("fashion_test_1500",), 500),
)


def record(subject: Subject, seed: int, shared: Path, work: Path, workers: Workers) -> Mapping[str, object]:
    """What one split's tuning promised, and what the test showed; from its file where that is there."""
    done = work / f"{subject.model}-{seed}-{ALGORITHM}.json"
    if done.exists():
        return json.loads(done.read_text(encoding="utf-8"))
    calibration, test = _split(subject, seed, shared, work)
    result = tune(
        shared / "models" / f"{subject.model}.tflite",
        calibration,
        work / f"{subject.model}-{seed}.toml",
        goal_of(max_loss=MAX_LOSS),
        settings=Settings(seed=seed, costed=False),
        data=test,
        workers=workers,
    )
    found = _told(result)
    done.write_text(json.dumps(found, indent=1), encoding="utf-8")
    return found


def _split(subject: Subject, seed: int, shared: Path, work: Path) -> tuple[Path, Path]:
    """Files of the samples for calibration and of all others; of equal samples the first."""
    arrays = [np.load(shared / "data" / f"{name}.npz") for name in subject.files]
    x, y = (np.concatenate([part[name] for part in arrays]) for name in ("x", "y"))
    _, first = np.unique(x.reshape(len(x), -1), axis=0, return_index=True)
    order = np.random.default_rng(seed).permutation(np.sort(first))
    files = []
    for name, some in (("calibration", order[: subject.calibration]), ("test", order[subject.calibration :])):
        files.append(work / f"{subject.model}-{seed}-{name}.npz")
        np.savez_compressed(files[-1], x=x[some], y=y[some])
    return files[0], files[1]


def _told(result: Tuning) -> Mapping[str, object]:
    """Losses in points, terms a MAC; `rows`: of every point, the loss and what is known of it without labels."""
    chosen, original = result.chosen, result.original_accuracy
    estimate = chosen.estimate
    return {
        "test_samples": result.test_samples,
        "terms": chosen.point.terms_per_mac,
        "loss": original - chosen.test_accuracy,
        "estimate": 0.0 if estimate is None else estimate.loss,
        "low": 0.0 if estimate is None else estimate.low,
        "high": 0.0 if estimate is None else estimate.high,
        "rows": [
            {
                "loss": original - row.test_accuracy,
                "changed answers": 100 - row.test.agreement,
                "margin": row.test.loss,
                "divergence": row.test.divergence,
            }
            for row in result.rows[1:]
        ],
    }


def section(records: Mapping[str, Sequence[Mapping[str, object]]]) -> str:
    """Markdown of the splits by model."""
    lines = [
        HEADING,
        "",
        f"`edge-tr tune --max-loss {MAX_LOSS:g}` on seeded splits of the model's samples: labelled ones for",
        "calibration, and the test on all others. **inside**: tests whose loss is in the interval that was printed for",
        "it, which should hold nine in ten. Splits of one model share samples, so their losses vary together.",
        f"`python -m edge_tr.reproduction.splits` does {SPLITS} of each model; here are those that are finished.",
        "",
        "| model | calibration, test | splits | estimated loss, mean | test loss, mean | worst | inside | terms/MAC |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        *(_line(subject, records[subject.model]) for subject in SUBJECTS if records.get(subject.model)),
        "",
        "How well measures without labels track the loss of accuracy: correlation over the points of these tunings",
        f"whose loss on the test set is at most {TRACKED:g} points, and the loss that one unit of the measure is.",
        "",
        "| model | points | changed answers, % | margin-weighted, % | divergence, nats |",
        "| --- | --- | --- | --- | --- |",
        *(_tracking(subject.model, records[subject.model]) for subject in SUBJECTS if records.get(subject.model)),
        "",
    ]
    return "\n".join(lines)


def _line(subject: Subject, records: Sequence[Mapping[str, object]]) -> str:
    losses, inside = [r["loss"] for r in records], sum(r["low"] <= r["loss"] <= r["high"] for r in records)
    cells = [
        f"`{subject.model}`",
        f"{subject.calibration}, {records[0]['test_samples']}",
        str(len(records)),
        f"{np.mean([r['estimate'] for r in records]):.2f}",
        f"{np.mean(losses):.2f}",
        f"{max(losses):.2f}",
        f"{inside} of {len(records)}",
        f"{np.mean([r['terms'] for r in records]):.3f}",
    ]
    return f"| {' | '.join(cells)} |"


def _tracking(model: str, records: Sequence[Mapping[str, object]]) -> str:
    rows = [row for r in records for row in r["rows"] if row["loss"] <= TRACKED]
    losses, cells = np.array([row["loss"] for row in rows]), []
    for name in ("changed answers", "margin", "divergence"):
        values = np.array([row[name] for row in rows])
        ratio = losses.sum() / max(values.sum(), 1e-12)
        cells.append(f"{np.corrcoef(values, losses)[0, 1]:.2f} ({ratio:.3g})")
    return f"| `{model}` | {len(rows)} | {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> int:
    """Do the splits that are asked for, one of each model after the other, and write the section of all there are."""
    parser = argparse.ArgumentParser(prog="python -m edge_tr.reproduction.splits", description=__doc__.split("\n")[0])
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder of models and data")
    parser.add_argument("--report", type=Path, default=ROOT / "docs" / "reproduction.md")
    parser.add_argument("--work", type=Path, default=ROOT / "out" / "reproduction" / "splits")
    parser.add_argument("--splits", type=int, default=SPLITS, help="of each model; 0: write what there is")
    parser.add_argument("--models", default=",".join(s.model for s in SUBJECTS), help="names, with commas between")
    parser.add_argument("--jobs", type=int, help="processes; default: one for each core")
    arguments = parser.parse_args(argv)
    wanted = [subject for subject in SUBJECTS if subject.model in arguments.models.split(",")]
    try:
        with LocalProcesses(arguments.jobs) as workers:
            measure(wanted, arguments.splits, arguments.shared, arguments.work, workers)
    except EdgeTrError as error:
        print(f"splits: {error}", file=sys.stderr)
        return error.exit_code
    text = arguments.report.read_text(encoding="utf-8")
    arguments.report.write_text(replaced(text, section(kept(arguments.work)), title=HEADING), encoding="utf-8")
    return 0


def measure(subjects: Sequence[Subject], splits: int, shared: Path, work: Path, workers: Workers) -> None:
    """Every split that is not there, one of each model after the other."""
    work.mkdir(parents=True, exist_ok=True)
    for seed in range(splits):
        for subject in subjects:
            found = record(subject, seed, shared, work, workers)
            summary = {name: value for name, value in found.items() if name != "rows"}
            print(subject.model, seed, json.dumps(summary), file=sys.stderr, flush=True)


def kept(work: Path) -> dict[str, list[Mapping[str, object]]]:
    """All finished splits, by model."""
    return {
        subject.model: [
            json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(work.glob(f"{subject.model}-*-{ALGORITHM}.json"))
        ]
        for subject in SUBJECTS
    }


if __name__ == "__main__":
    sys.exit(main())
