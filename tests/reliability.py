"""docs/reliability.md: what was tried, how often, and what was found; `make reliability` prints it.

A campaign calls `record`; each section is one file of docs/reliability/, each row one entry there. A new section is one
entry of SECTIONS.
"""

from __future__ import annotations

import json
import resource
from dataclasses import asdict, dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, RESULTS = DOCS / "reliability.md", DOCS / "reliability"
HEAD = """\
# Reliability: what was tried, and what was found

Printed by `make reliability` from docs/reliability/, which the campaigns write. "Found" counts outcomes that must not
be, in the state that this page describes; what was found on the way there was mended and has a test. Time is processor
time of this project's machines, of emulators too. Nothing here was run on a board: boards are emulated, simulated or,
where it says so, fakes that obey the same contract tests as the real loader.
"""


@dataclass(frozen=True)
class Section:
    """One table of the page. `name` is its file, `about` what is real in it and how to repeat it."""

    name: str
    title: str
    about: str


@dataclass(frozen=True)
class Row:
    """`tried` in the words that the table shows, how many of them, and how many ended as they must not."""

    what: str
    tried: int
    unit: str
    found: int
    processor_seconds: int
    seed: int
    notes: str = ""


SECTIONS = (
    Section(
        "fuzz",
        "Hostile bytes",
        "`make fuzz-serial`. On the device's side the firmware's own C, under address and undefined-behaviour "
        "sanitizers on the host, gets frames and loader requests, right, damaged and cut off, and each answer is held "
        "against code of its own. On the host's side a device answers as it likes: an execution is a whole check of "
        "one or two samples, or a whole transfer, and it must end in bounded time with a result or one DeviceError.",
    ),
    Section(
        "wire",
        "A bad wire",
        "`make soak PARTS=wire`. The firmware runs as a process of the host; between it and `check` each byte of "
        "either direction is lost, doubled, changed in one bit or followed by a random one, each with a quarter of the "
        "chance that is given, and chunks are repeated and delayed. Found: a wrong answer, or a check that ended.",
    ),
    Section(
        "kill",
        "Killed, unplugged, flashed again",
        "`make soak PARTS=kill`. `edge-tr flash`, or the emulated board, is killed at a random moment of a transfer "
        "through the emulated UART. Found: an image that runs and is not the whole one, or a board that the next "
        "`flash` does not bring back.",
    ),
)


def processor_seconds() -> float:
    """That this process and its ended children have used so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def record(section: str, row: Row) -> None:
    """Put a campaign's row into its section, in place of an older one about the same."""
    assert section in {each.name for each in SECTIONS}
    rows = [old for old in load(section) if old.what != row.what]
    RESULTS.mkdir(exist_ok=True)
    ordered = sorted([*rows, row], key=lambda each: each.what)
    text = json.dumps([asdict(each) for each in ordered], indent=2)
    (RESULTS / f"{section}.json").write_text(text + "\n", encoding="utf-8")


def load(section: str) -> list[Row]:
    """What was recorded."""
    path = RESULTS / f"{section}.json"
    return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))] if path.is_file() else []


def page() -> str:
    """The whole document."""
    return "\n".join([HEAD, *(_section(section, load(section.name)) for section in SECTIONS)])


def _section(section: Section, rows: list[Row]) -> str:
    lines = [f"## {section.title}", "", section.about, ""]
    if not rows:
        return "\n".join([*lines, "Not run yet.", ""])
    lines += ["| what | tried | found | processor time | seed |", "|---|---|---|---|---|"]
    for row in rows:
        what = f"{row.what}; {row.notes}" if row.notes else row.what
        tried = f"{row.tried:,} {row.unit}"
        lines.append(f"| {what} | {tried} | {row.found} | {_time(row.processor_seconds)} | {row.seed} |")
    return "\n".join([*lines, ""])


def _time(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
