"""What a command takes that is run as a process: wall time, processor time and peak memory."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from edge_tr.errors import EdgeTrError

LOOK = 0.2
"""Seconds between two looks at the memory."""


class CommandFailed(EdgeTrError):
    """The command that was measured ended with an error."""


def watched(words: Sequence[str]) -> tuple[float, float, int]:
    """(wall seconds, processor seconds, peak bytes of all its processes) of a command. CommandFailed if it fails."""
    before, start, peak = os.times(), time.perf_counter(), 0
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            peak = max(peak, sum(map(memory_of, family(process.pid))))
            time.sleep(LOOK)
        message = process.stderr.read()
    wall, after = time.perf_counter() - start, os.times()
    if process.returncode:
        raise CommandFailed(f"{' '.join(words[:5])} ended with {process.returncode}: {message.strip()[-500:]}")
    processor = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, processor, peak


def family(root: int, proc: Path = Path("/proc")) -> set[int]:
    """The process and all its descendants that are alive."""
    children: dict[int, list[int]] = {}
    for folder in proc.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    found, left = set(), [root]
    while left:
        found.add(pid := left.pop())
        left += [child for child in children.get(pid, []) if child not in found]
    return found


def memory_of(pid: int, proc: Path = Path("/proc")) -> int:
    """Bytes: proportional set size, of which pages that processes share count once; 0 if it has ended."""
    try:
        lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:"))
