"""A program for test_package.py: run the code of a notebook under the real pynq, its device a fake Zynq.

python notebook.py LIBRARY    where edge_tr_pynq is installed with an overlay; prints what was found as JSON
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pynq
from pynq.bitstream import Bitstream
from pynqutils.setup_utils import ExtensionsManager

from edge_tr import overlays
from edge_tr.target.cosim import Core
from edge_tr.target.virtual_zynq import VirtualZynq


def main() -> None:
    (overlay,) = entry_points(group="pynq.overlays", name="tr_accelerator")
    (notebooks,) = entry_points(group="pynq.notebooks", name="term-accelerator")
    with Core(Path(sys.argv[1])) as core:
        device = VirtualZynq(overlays.load("pynq-z2"), core)
        pynq.Device.active_device = device
        folder = Path(notebooks.load().__file__).parent
        (path,) = folder.glob("*.ipynb")
        names: dict[str, object] = {}
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] == "code":
                exec(compile("".join(cell["source"]), f"{path.name}:{cell['id']}", "exec"), names)
        found = {
            "overlay": overlay.load().__file__,
            "by_name": Bitstream(overlays.BITFILE, device=device).bitfile_name,
            "pynq_notebooks": ExtensionsManager("pynq.notebooks").paths,
            "same": names["same"],
            "text": names["text"],
            "outputs": [array.shape for array in names["outputs"].values()],
            "cycles": names["cycles"],
            "picture": names["picture"].data,
            "rates": [[rate.batch, rate.per_second] for rate in names["rates"]],
            "allocated": device.allocated,
        }
    json.dump(found, sys.__stdout__)


if __name__ == "__main__":
    from contextlib import redirect_stdout

    with redirect_stdout(sys.stderr):
        main()
