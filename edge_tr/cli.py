"""The command line. Results go to stdout (`--json`: as JSON), everything else to stderr.

What a verb needs is imported once it is known which one: `--version` and `--help` answer at once, and Ctrl-C ends every
moment of a command with one line.
"""

from __future__ import annotations

import argparse
import atexit
import signal
import sys
import traceback
from collections.abc import Sequence

from edge_tr.arguments import parse, printable
from edge_tr.errors import EdgeTrError, UsageError
from edge_tr.files.writing import SURROUNDINGS

INTERRUPTED = 130
# Python forgets how it handles Ctrl-C while it ends, and would be killed though all is done.
atexit.register(signal.signal, signal.SIGINT, signal.SIG_IGN)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point of `edge-tr`; the exit code."""
    try:
        return _run(parse(sys.argv[1:] if argv is None else argv))
    except EdgeTrError as error:
        print(f"edge-tr: {printable(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt as error:
        print(f"edge-tr: {printable(str(error)) or 'interrupted'}", file=sys.stderr)
        return INTERRUPTED
    except (OSError, MemoryError) as error:
        if isinstance(error, OSError) and error.errno not in SURROUNDINGS:
            return _bug()
        print(f"edge-tr: {printable(str(error)) or 'there is not enough memory'}", file=sys.stderr)
        return UsageError.exit_code
    except Exception:
        return _bug()


def _run(arguments: argparse.Namespace) -> int:
    from edge_tr.report.progress import BEAT_SECONDS, Progress
    from edge_tr.target.heart import beating
    from edge_tr.verbs import VERBS

    arguments.progress = Progress(quiet=arguments.quiet)
    with beating(arguments.progress.beat, BEAT_SECONDS):
        return VERBS[arguments.verb](arguments)


def _bug() -> int:
    """Of an exception that says nothing to a user."""
    traceback.print_exc()
    print("edge-tr: this is a bug of edge-tr, please report it with the lines above", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
