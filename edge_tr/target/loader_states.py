"""States that a loader of AN3155 can be in, and filler that brings it back to its commands without doing anything.

When an answer is lost, the host does not know where in a request the loader is; a ROM waits there for ever. What can
be known is which states the bytes sent so far may have led to. `filler` sends on until the loader waits for a command
from whichever of them it started, by bytes that complete no request in any: no checksum, complement or count fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass, replace
from functools import reduce
from operator import xor

GET, GET_ID, READ_MEMORY, GO, WRITE_MEMORY, EXTENDED_ERASE = 0x00, 0x02, 0x11, 0x21, 0x31, 0x44
SPECIAL_ERASE = 0xFFF0  # from here on, the count of pages is a code
FILLER = 0x02
"""Even, so that as size, data and checksum of a write it does not sum up; not zero, so that as a list of pages it does
not either; small, so that the write and the erase that it begins are over soon."""
_CHOICES = (FILLER, *range(4, 256, 2), *range(1, 255, 2))  # best first; never 0 and 0xFF


@dataclass(frozen=True)
class State:
    """Waiting for a byte.

    at       "command", "complement", "address", "count" (of a read), "size" (of a write), "data", "pages" or "list"
    command  whose request it is
    left     bytes until what is waited for is whole
    sum      exclusive or of its bytes so far, or the byte that decides
    """

    at: str = "command"
    command: int = 0
    left: int = 1
    sum: int = 0


IDLE = State()
_AFTER_COMMAND = {
    READ_MEMORY: State("address", READ_MEMORY, 5),
    WRITE_MEMORY: State("address", WRITE_MEMORY, 5),
    GO: State("address", GO, 5),
    EXTENDED_ERASE: State("pages", EXTENDED_ERASE, 2),
}
_AFTER_ADDRESS = {READ_MEMORY: State("count", READ_MEMORY, 2), WRITE_MEMORY: State("size", WRITE_MEMORY)}
STAGES = (IDLE, *_AFTER_COMMAND.values(), *_AFTER_ADDRESS.values())
"""Where a loader waits when it has just answered."""


def step(state: State, byte: int) -> tuple[State, bool]:
    """The next state, and whether this byte completed something that a loader may acknowledge."""
    if state.at == "command":
        return State("complement", byte), False
    if state.at == "complement":
        good = state.command ^ byte == 0xFF
        return (_AFTER_COMMAND.get(state.command, IDLE) if good else IDLE), good
    if state.at == "size":
        return State("data", state.command, byte + 2, byte), False
    if state.left > 1:
        total = state.sum << 8 | byte if state.at == "pages" else state.sum ^ byte
        return replace(state, left=state.left - 1, sum=total), False
    if state.at == "pages":
        code = state.sum << 8 | byte
        pages = 0 if code >= SPECIAL_ERASE else code + 1
        return State("list", state.command, 2 * pages + 1, state.sum ^ byte), False
    good = state.sum ^ byte == (0xFF if state.at == "count" else 0)
    return (_AFTER_ADDRESS.get(state.command, IDLE) if good and state.at == "address" else IDLE), good


def run(state: State, data: bytes) -> State:
    """Where these bytes lead a loader that finds nothing wrong before a request is whole."""
    position = 0
    while position < len(data):
        taken = min(state.left, len(data) - position) if state.at in ("data", "list") else 1
        total = reduce(xor, data[position : position + taken])
        state, _ = step(replace(state, left=state.left - taken + 1), total)
        position += taken
    return state


def run_or_refuse(state: State, data: bytes) -> set[State]:
    """The same, and where they lead a loader that refuses a size or a list of pages at once, and takes what follows for
    commands."""
    found = {run(state, data)}
    for i, byte in enumerate(data):
        following, _ = step(state, byte)
        if following.at in ("data", "list") and state.at in ("size", "pages"):
            found.add(run(IDLE, data[i + 1 :]))
        state = following
    return found


def possible(state: State, sent: bytes) -> tuple[set[State], set[State]]:
    """Where a loader may be that was in `state` when `sent` was sent: if only its answer was lost, and if a byte was
    lost or doubled on the way, or one of filler was still before them."""
    certain = run_or_refuse(state, sent) | {IDLE}
    spoiled = {run(State("complement", FILLER), sent)} if state == IDLE else set()
    for i in range(len(sent)):
        spoiled |= {run(state, sent[:i] + sent[i + 1 :]), run(state, sent[: i + 1] + sent[i:])}
    return certain, spoiled - certain


def filler(certain: Iterable[State], spoiled: Iterable[State] = ()) -> bytes:
    """What to send so that a loader in any of these states waits for a command, or for a command's second byte.

    It completes nothing in the states that are certain, and in as few of the spoiled ones as can be: where a byte of
    256 different ones was lost, every filler is the right checksum of one case.
    """
    certain, spoiled, sent = set(certain), set(spoiled), bytearray()
    while not all(_rests(state) for state in certain | spoiled):
        if count := _undecided(certain | spoiled):
            pairs = _PAIR * count
            certain, spoiled = (
                {state if _rests(state) else run(state, pairs) for state in states} for states in (certain, spoiled)
            )
            sent += pairs
            continue
        byte = _least_harmful(certain, spoiled)
        certain, spoiled = _moved(certain, byte), _moved(spoiled, byte)
        sent.append(byte)
    return bytes(sent)


_PAIR = bytes([FILLER]) * 2


def _undecided(states: Set[State]) -> int:
    """How many pairs of filler are taken without any loader deciding anything but to refuse a command."""
    busy = [state for state in states if not _rests(state)]
    quiet = states - set(busy) <= {IDLE, State("complement", FILLER)}
    return (min(state.left for state in busy) - 1) // 2 if quiet and all(map(_is_long, busy)) else 0


def _is_long(state: State) -> bool:
    return state.at in ("data", "list")


def _rests(state: State) -> bool:
    return state.at in ("command", "complement")


def _moved(states: Set[State], byte: int) -> set[State]:
    return {after for state in states for after in run_or_refuse(state, bytes([byte]))}


def _least_harmful(certain: Set[State], spoiled: Set[State]) -> int:
    """The first byte that completes nothing; else the one that completes least."""

    def harms() -> Iterator[tuple[int, int, int]]:
        for order, byte in enumerate(_CHOICES):
            harm = tuple(sum(step(state, byte)[1] for state in states) for states in (certain, spoiled))
            yield (*harm, order)
            if harm == (0, 0):
                return

    return _CHOICES[min(harms())[2]]
