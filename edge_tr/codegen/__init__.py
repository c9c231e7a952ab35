"""Printing: a Program becomes a tree of source files; decides nothing."""
