"""What the command line takes: every verb's arguments, and the help that explains them."""

from edge_tr.arguments.parsing import full_parsers, parse, printable
from edge_tr.arguments.values import ALL_LEVELS
from edge_tr.arguments.verb import EXIT_CODES
from edge_tr.arguments.verbs import VERBS

__all__ = ["ALL_LEVELS", "EXIT_CODES", "VERBS", "full_parsers", "parse", "printable"]
