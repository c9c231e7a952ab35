"""edge-tr: int8 TFLite models as power-of-two terms, on microcontrollers and small FPGA SoCs.

The listing of the package is the pipeline (see docs/architecture.md)::

    ir -> lower (with tr, formats) -> codegen -> target -> report
"""

__version__ = "0.1.0"
