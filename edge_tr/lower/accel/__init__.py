"""The scheduler of the term accelerator (`rtl/`): a model and a budget become an `AccelProgram`."""

from edge_tr.lower.accel.program import AccelLayer, AccelProgram, HostLayer, Level, Segment, lower_accel

__all__ = ["AccelLayer", "AccelProgram", "HostLayer", "Level", "Segment", "lower_accel"]
