"""What makes the documentation: pages and pictures that are written from the source, the site's hooks, and the commands
in pages. Part of the checkout, not of the installed package."""

import subprocess
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
DOCS = PROJECT / "docs"


def files() -> list[Path]:
    """What belongs to the project, relative to it: what git tracks, or outside a checkout all of it."""
    if not (PROJECT / ".git").exists():
        listing = (PROJECT / "edge_tr.egg-info" / "SOURCES.txt").read_text(encoding="utf-8")
        return [Path(name) for name in listing.splitlines() if not name.startswith("edge_tr.egg-info/")]
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True)
    return [Path(name) for name in filter(None, listed.stdout.split("\0"))]
