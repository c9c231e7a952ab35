"""Packed formats, declared once and printed as C, SystemVerilog and Markdown."""
