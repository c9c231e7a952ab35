"""Pages in a browser: a build and its check, two builds beside each other, a tuning. Each is one file that asks for
nothing from outside, and the same data give the same bytes."""

from edge_tr.report.pages.compare import Build, comparison
from edge_tr.report.pages.report import html_report
from edge_tr.report.pages.tuned import tuning_page

__all__ = ["Build", "comparison", "html_report", "tuning_page"]
