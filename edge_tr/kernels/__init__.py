"""Kernels: every way that the firmware computes dot products, one module each; `registry` lists them."""

from edge_tr.kernels.choice import KernelChoice, allowed, parse_choice
from edge_tr.kernels.registry import KERNELS, structs

__all__ = ["KERNELS", "KernelChoice", "allowed", "parse_choice", "structs"]
