"""docs/reliability.md: what was tried, how often, and what was found; `make reliability` prints it.

A campaign calls `record`; each section is one file of docs/reliability/, each row one entry there. A new section is one
entry of SECTIONS.
"""

from __future__ import annotations

import json
import resource
import textwrap
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
PAGE, RESULTS = DOCS / "reliability.md", DOCS / "reliability"
WIDTH = 115
HEAD = """\
# Reliability: what was tried, and what was found

Printed by `make reliability` from docs/reliability/, which the campaigns write. "Found" counts outcomes that must not
happen, in the version that this page describes; what was found earlier has been corrected and has a test. Times are
processor times of this project's machines, emulators included. Nothing here was run on a board: boards are emulated,
simulated or, where the page says so, fakes that pass the same contract tests as the real loader.
"""


@dataclass(frozen=True)
class Section:
    """One table of the page. `name` is its file, `about` what is real in it and how to repeat it."""

    name: str
    title: str
    about: str
    table: Callable[[str], list[str]] | None = None  # lines, of a file that has a form of its own


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


def _flips(text: str) -> list[str]:
    """Of what `tests.flips` writes; "found" is what must be there."""
    lines = ["| board | bits flipped in | bytes | tried | found |", "|---|---|---|---|---|"]
    for line in json.loads(text)["lines"]:
        tried = f"{line['tried']:,} | {line['found']:,}" if line["tried"] else "not covered |"
        lines.append(f"| {line['board']} | {line['where']} | {line['bytes']:,} | {tried} |")
    return lines


SECTIONS = (
    Section(
        "fuzz",
        "Hostile bytes",
        "`make fuzz-serial`. On the device's side, the firmware's own C runs on the host under address and "
        "undefined-behaviour sanitizers. It is sent frames and loader requests that are correct, damaged or cut off, "
        "and each answer is compared with that of independent code. On the host's side, a device gives arbitrary "
        "answers. An execution is a whole check of one or two samples, or a whole transfer, and it must end in bounded "
        "time with a result or one DeviceError.",
    ),
    Section(
        "wire",
        "A bad wire",
        "`make soak PARTS=wire`. The firmware runs as a process of the host. Between it and `check`, in both "
        "directions, a byte is lost, doubled, changed in one bit or followed by a random byte, each with a quarter of "
        "the given probability, and chunks are repeated and delayed. Found: a wrong answer, or a check that gave up.",
    ),
    Section(
        "kill",
        "Killed, unplugged, flashed again",
        "`make soak PARTS=kill`. `edge-tr flash`, or the emulated board, is killed at a random moment of a transfer "
        "through the emulated UART. Found: an incomplete image that runs, or a board that the next `flash` does not "
        "recover.",
    ),
    Section(
        "accelerator",
        "The term accelerator",
        "`make fuzz PARTS=shapes`. Random models of odd shapes are built for the accelerator and run on the Verilated "
        "RTL under the generated driver.",
    ),
    Section(
        "flips",
        "Flipped bits in flash",
        "`make soak`, first part. Here every flipped bit has to be found: while the program runs, by the check before "
        "the next inference (in Unicorn, and on the emulated board); at rest, by the loader.",
        _flips,
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
    return "\n".join([HEAD, *(line for section in SECTIONS for line in _section(section))])


def _section(section: Section) -> list[str]:
    path = RESULTS / f"{section.name}.json"
    if not path.is_file():
        table = ["Not run yet."]
    elif section.table is not None:
        table = section.table(path.read_text(encoding="utf-8"))
    else:
        table = _rows(load(section.name))
    return [f"## {section.title}", "", *textwrap.wrap(section.about, WIDTH, break_on_hyphens=False), "", *table, ""]


def _rows(rows: list[Row]) -> list[str]:
    lines = ["| what | tried | found | processor time | seed |", "|---|---|---|---|---|"]
    for row in rows:
        what = f"{row.what}; {row.notes}" if row.notes else row.what
        tried = f"{row.tried:,} {row.unit}"
        lines.append(f"| {what} | {tried} | {row.found} | {_time(row.processor_seconds)} | {row.seed} |")
    return lines


def _time(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{round(seconds / 60)} min"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
