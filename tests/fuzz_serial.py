"""Millions of hostile conversations with the serial link and the loader, on both sides: `make fuzz-serial`.

Parts of the device's side run as C in programs of their own, those of the host's side in this process. Executions are
numbered by seeds; a failure names the one that reproduces it (of the device's side with those before it in its batch,
for the application keeps its state).
"""

from __future__ import annotations

import argparse
import functools
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from tests import hostile, reliability
from tests.firmware import harness_fuzz

DEVICE_BATCH = 50_000
HOST_BATCH = 200
NAMES = (*harness_fuzz.PARTS, *hostile.PARTS)
DESCRIBED = {
    "device-frames": "device's side: frames to the application",
    "device-states": "device's side: the same with states and several outputs",
    "device-loader": "device's side: requests to our loader",
    "host-link": "host's side: a check with a hostile board",
    "host-loader": "host's side: a transfer to a hostile loader",
}


Runner = tuple[Callable[[int, int], None], int]


def runner(part: str, folder: Path) -> Runner:
    """What runs `count` executions from a seed on, and how many it does well at once; compiled in `folder`."""
    if part in harness_fuzz.PARTS:
        return functools.partial(harness_fuzz.run, harness_fuzz.PARTS[part](folder)), DEVICE_BATCH

    def run(first: int, count: int) -> None:
        for seed in range(first, first + count):
            hostile.PARTS[part](seed)

    return run, HOST_BATCH


def campaign(part: str, seed: int, count: int, record: bool) -> bool:
    """Whether nothing was found in `count` executions."""
    done, before, said = 0, reliability.processor_seconds(), time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        run, batch = runner(part, Path(folder))
        while done < count:
            size = min(batch, count - done)
            try:
                run(seed + done, size)
            except (Exception, hostile.Hang):
                traceback.print_exc()
                print(
                    f"fuzz-serial: {part} failed between seed {seed + done} and {seed + done + size}", file=sys.stderr
                )
                return False
            done += size
            if time.monotonic() - said > 30 or done == count:
                said = time.monotonic()
                print(f"fuzz-serial: {part}, {done:,} of {count:,}", file=sys.stderr)
                if record:
                    spent = round(reliability.processor_seconds() - before)
                    row = reliability.Row(DESCRIBED[part], done, "executions", 0, spent, seed)
                    reliability.record("fuzz", row)
    return True


def main() -> int:
    """Entry point; the exit code: 1 after the first failure."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz_serial", description=__doc__.split("\n")[0])
    parser.add_argument("--count", type=int, default=20_000, help="executions of each part (default %(default)s)")
    parser.add_argument("--seed", type=int, default=None, help="the first one (default: by the clock)")
    parser.add_argument("--parts", default="", help=f"some of {','.join(NAMES)}")
    parser.add_argument("--record", action="store_true", help="write the figures into docs/reliability/")
    arguments = parser.parse_args()
    seed = int(time.time()) if arguments.seed is None else arguments.seed
    parts = arguments.parts.split(",") if arguments.parts else NAMES
    return 0 if all(campaign(part, seed, arguments.count, arguments.record) for part in parts) else 1


if __name__ == "__main__":
    sys.exit(main())
