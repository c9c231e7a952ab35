"""Commands in pages. In a fence called `sh` they are run: those of tutorials by `make tutorials`, the others by the
tests. What needs a board, or a file that is not here, stands in a fence called `shell`, and is only parsed.

`python -m documents.commands docs/tutorials/keras.md` runs a page, in an empty folder below out/tutorials.
"""

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from documents import DOCS, PROJECT, files

FENCE = re.compile(r"^( *)(`{3,})([^\n`]*)\n(.*?)^\1\2 *$", re.DOTALL | re.MULTILINE)
CALL = re.compile(r"(\S*/)?edge-tr\s")
WORK = PROJECT / "out" / "tutorials"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@dataclass(frozen=True)
class Fence:
    """A block of code in a page; `language` is the first word behind the fence, or nothing."""

    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Lines, continued ones joined, without those that are empty or comments."""
        lines = self.text.replace("\\\n", " ").splitlines()
        return [line.strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def fences(page: str) -> list[Fence]:
    """All blocks of code of a page in Markdown."""
    found = []
    for indent, _, info, text in FENCE.findall(page):
        lines = [line.removeprefix(indent) for line in text.splitlines(keepends=True)]
        found.append(Fence((info.split() or [""])[0], "".join(lines)))
    return found


def to_run(page: str) -> list[str]:
    """The commands of a page that are run."""
    return [command for fence in fences(page) if fence.language == "sh" for command in fence.commands]


def edge_tr_arguments(page: str) -> Iterator[list[str]]:
    """What stands behind `edge-tr` in every command of a page, of whatever fence but `text`."""
    for fence in fences(page):
        if fence.language in ("", "sh", "shell"):
            for command in fence.commands:
                if CALL.match(command):
                    yield shlex.split(command, comments=True)[1:]


def run(page: Path, folder: Path, environment: Mapping[str, str], echo: bool = False) -> subprocess.CompletedProcess:
    """The commands of a page, one after the other in one shell, until one fails."""
    script = "\n".join(["set -eu", *(["set -x"] if echo else []), *to_run(page.read_text(encoding="utf-8"))])
    kept = {} if echo else {"capture_output": True, "text": True}
    return subprocess.run(["bash", "-c", script], cwd=folder, env={**os.environ, **environment}, **kept)


def tutorial(page: Path) -> int:
    """A tutorial in an empty folder, with its scripts and a copy of the project; the shell's exit code."""
    folder, source = WORK / page.stem, WORK / "edge-tr"
    for old in (folder, source):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in files():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, source / name)
    for script in (DOCS / "tutorials").glob("*.py"):
        shutil.copy(script, folder)
    environment = {"EDGE_TR": str(source), "TF_CPP_MIN_LOG_LEVEL": "3"}
    if CERTIFICATES.is_file():  # Node.js knows only its own
        environment |= {"NODE_EXTRA_CA_CERTS": os.environ.get("NODE_EXTRA_CA_CERTS", str(CERTIFICATES))}
    began = time.monotonic()
    code = run(page, folder, environment, echo=True).returncode
    count = len(to_run(page.read_text(encoding="utf-8")))
    said = f"{count} commands done" if code == 0 else f"a command failed with exit code {code}"
    print(f"{page.name}: {said}, {time.monotonic() - began:.0f} s", flush=True)
    return code


def main() -> int:
    """Entry point of `python -m documents.commands`; the first exit code that is not 0."""
    parser = argparse.ArgumentParser(description="run the commands of tutorials, each in an empty folder")
    parser.add_argument("pages", type=Path, nargs="*", default=sorted((DOCS / "tutorials").glob("*.md")))
    return next((code for page in parser.parse_args().pages if (code := tutorial(page))), 0)


if __name__ == "__main__":
    sys.exit(main())
