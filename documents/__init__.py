"""What makes the documentation: pages and pictures that are written from the source, the site's hooks, and the commands
in pages. Part of the checkout, not of the installed package."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
DOCS = PROJECT / "docs"
