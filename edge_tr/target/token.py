"""The word without which an agent answers nobody. The host and the agent read it from the same places."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge_tr.errors import UsageError

VARIABLE = "EDGE_TR_TOKEN"
"""Of the environment; a file that is named is asked first."""
SHORTEST, LONGEST = 16, 256
"""Bytes: no one guesses the former, and one frame holds the latter."""
_MAKE = "python3 -c 'import secrets; print(secrets.token_hex(16))' makes one"


def read_token(file: Path | None, environment: Mapping[str, str]) -> bytes | None:
    """The token, without white space around it; None if there is none. UsageError if it cannot be read, or is none."""
    if file is not None:
        try:
            with file.open("rb") as opened:
                token, where = opened.read(LONGEST + 64).strip(), str(file)
        except OSError as error:
            raise UsageError(f"--token-file {file}: {error.strerror}; {_MAKE}") from error
    elif VARIABLE in environment:
        token, where = environment[VARIABLE].strip().encode(), VARIABLE
    else:
        return None
    if not SHORTEST <= len(token) <= LONGEST:
        raise UsageError(f"{where} holds {len(token)} bytes, a token has {SHORTEST} to {LONGEST}; {_MAKE}")
    return token
