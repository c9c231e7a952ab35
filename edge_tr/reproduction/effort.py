"""What `edge-tr tune` takes: wall time, processor time and peak memory of the whole command, as a process."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge_tr.ir.tflite import parse, read_file
from edge_tr.reproduction.classifiers import Subject, data_files
from edge_tr.target.processes import LOOK, watched

HEADING = "## What tune takes"
LIMITS = {"kws_ref_model": 60, "pretrainedResnet_quant": 180, "vww_96_int8": 180}
"""Seconds that `tune` may take on two cores, by model."""
MEMORY_LIMIT = 2e9
"""Bytes of all its processes together."""
JOBS = 2
NOTE = """\
`edge-tr tune` from start to end in a process of its own with {jobs} workers, nothing finished before, the goal the bold
row's above; crops of photographs where the model's data are not here. Memory is the largest sum over all its processes
(proportional set size, looked at every {look:g} s). Wall time depends on what else runs, so the processor time (user
and system, all processes) stands beside it, and the load when it began. Machine: {machine}.
"""


@dataclass(frozen=True)
class Effort:
    """Of one command: seconds, seconds of all processors, bytes, and the load average when it began."""

    model: str
    wall: float
    processor: float
    memory: int
    load: float


def section(subjects: Iterable[Subject], shared: Path, work: Path) -> str:
    """Markdown: measures `tune` of the subjects that have a limit."""
    efforts = []
    for subject in subjects:
        if subject.model in LIMITS:
            print(f"{HEADING.removeprefix('## ')}: {subject.title}", file=sys.stderr, flush=True)
            efforts.append(measure(subject, shared, work))
    note = NOTE.format(jobs=JOBS, look=LOOK, machine=machine())
    return f"{HEADING}\n\n{note}\n{table(efforts)}"


def measure(subject: Subject, shared: Path, work: Path) -> Effort:
    """Run `tune` on one model."""
    model = shared / "models" / f"{subject.model}.tflite"
    calibration, _ = data_files(subject, parse(read_file(model)), shared, work)
    out = work / "effort" / f"{subject.model}.toml"
    shutil.rmtree(out.parent, ignore_errors=True)
    out.parent.mkdir(parents=True)
    load = os.getloadavg()[0]
    words = [sys.executable, "-m", "edge_tr.cli", "tune", model, "--calibration", calibration, "-o", out]
    words += ["--max-terms", subject.goal, "--jobs", JOBS, "--quiet", "--json"]
    wall, processor, memory = watched([str(word) for word in words])
    return Effort(subject.model, wall, processor, memory, load)


def table(efforts: Iterable[Effort]) -> str:
    """Markdown: what was measured beside the limits."""
    lines = [["model", "wall s", "limit s", "processor s", "peak memory MB", "limit MB", "load at the start"]]
    lines.append(["---"] * len(lines[0]))
    for effort in efforts:
        lines.append(
            [
                f"`{effort.model}`",
                f"{effort.wall:.0f}",
                f"{LIMITS[effort.model]}",
                f"{effort.processor:.0f}",
                f"{effort.memory / 1e6:,.0f}",
                f"{MEMORY_LIMIT / 1e6:,.0f}",
                f"{effort.load:.1f}",
            ]
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def machine(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The processor's name and how many cores this process may use."""
    try:
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
    except OSError:
        names = []
    cores = len(os.sched_getaffinity(0))
    return f"{(names or [platform.machine()])[0]}, {cores} cores"


def replaced(report: str, new: str, before: str = "## Not reproduced", title: str = HEADING) -> str:
    """The report with this section in place of the old one; where there is none, before another one's heading."""
    head, heading, rest = report.partition(f"{title}\n")
    if not heading:
        head, heading, rest = report.partition(before)
        return f"{head}{new}\n{heading}{rest}"
    at = rest.find("\n## ")
    return f"{head}{new}{rest[at:] if at >= 0 else ''}"
