"""Bit-exact integer model of TFLite's reference kernels, and the interpreter as oracle."""
