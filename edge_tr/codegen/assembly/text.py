"""What the emitters of assembly share."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Pointer:
    """A register that walks over an array, so that offsets stay within an instruction's reach (bytes)."""

    register: str
    low: int
    high: int
    step: str  # "add {register}, {register}, #{by}" with a positive or negative literal
    largest_step: int
    at: int = 0

    def reach(self, offset: int) -> tuple[list[str], int]:
        """Instructions that bring `offset` into reach, and the literal to use."""
        moves = []
        if not self.low <= offset - self.at <= self.high:
            middle = (self.high + self.low) // 2 // 4 * 4
            moves = self.move(max(0, offset - middle))
        return moves, offset - self.at

    def move(self, to: int) -> list[str]:
        """Instructions that put the pointer at byte `to`."""
        moves = []
        while self.at != to:
            by = max(-self.largest_step, min(self.largest_step, to - self.at))
            moves.append(self.step.format(op="add" if by > 0 else "sub", by=abs(by), signed=by))
            self.at += by
        return moves


def indented(lines: list[str]) -> list[str]:
    return [line if line.endswith(":") else f"    {line}" for line in lines]
