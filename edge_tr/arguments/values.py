"""Values of options that argparse has no type for: each raises `argparse.ArgumentTypeError` with what is wrong."""

from __future__ import annotations

import argparse
import re

ALL_LEVELS = -1
FASTEST_BAUD = 20_000_000
LONGEST_WAIT = 86_400  # seconds


def size(text: str) -> tuple[int, int]:
    """--size: height and width."""
    parts = text.lower().split("x")
    if len(parts) != 2 or not all(part.isdecimal() and 0 < int(part) < 1 << 14 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 96x96")
    return int(parts[0]), int(parts[1])


def budget_level(text: str) -> int:
    """--budget-level: a number, or ALL_LEVELS."""
    if text == "all":
        return ALL_LEVELS
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a level (0, 1, ...) nor all")
    return int(text)


def tcp_port(text: str) -> int:
    """--tcp: a number that the system has."""
    if not text.isdecimal() or not 0 <= int(text) < 1 << 16:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 0 (any that is free) to 65,535")
    return int(text)


def baud(text: str) -> int:
    """--baud: bits in a second."""
    if not text.isdecimal() or not 0 < int(text) <= FASTEST_BAUD:
        raise argparse.ArgumentTypeError(f"{text!r} is not a speed from 1 to {FASTEST_BAUD:,} bits in a second")
    return int(text)


def seconds(text: str) -> float:
    """--wait: a time."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= LONGEST_WAIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to {LONGEST_WAIT:,}")
    return seconds


def length(text: str) -> float:
    """--time-budget: 90, 90s, 5m or 2h, in seconds."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d+)?)([smh]?)", text)
    seconds = float(found[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[found[2]] if found else 0.0
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90s, 5m or 2h")
    return seconds
