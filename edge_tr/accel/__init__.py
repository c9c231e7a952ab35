"""The scheduler of the term accelerator (`rtl/`): a model and its budgets become an `AccelProgram`."""

from edge_tr.accel.lowering import lower_accel
from edge_tr.accel.program import AccelLayer, AccelProgram, HostLayer, Level, Part, Segment

__all__ = ["AccelLayer", "AccelProgram", "HostLayer", "Level", "Part", "Segment", "lower_accel"]
