"""An AccelProgram becomes the folder that is copied to the board: driver package, scripts, program, Vivado sources.

The driver's own modules are `codegen_templates/fpga`; what it shares with the host (formats, golden's layers) is this
package's own source under the driver's name, so that nothing is defined twice. The same program gives the same bytes.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType

import jinja2
import numpy as np

from edge_tr import __version__, overlays
from edge_tr.accel import AccelProgram, HostLayer, Level, Segment
from edge_tr.formats.accelerator import ACCEL_VERSION, COLUMNS
from edge_tr.graph import Tensor
from edge_tr.overlays import OverlayBoard
from edge_tr.resources import folder

PACKAGE = "edge_tr_pynq"
PROGRAM_FORMAT = 8
SHARED = {
    "errors": "errors", "formats.accelerator": "accelerator", "formats.frames": "frames", "formats.schema": "schema",
    "tr.fixed_point": "fixed_point", "tr.fixed_point16": "fixed_point16", "tr.libm": "libm", "tr.requant": "requant",
    "tr.softmax": "softmax",
    "golden.ends": "ends", "graph": "graph", "record": "record", "structs": "structs", "target.token": "token",
}  # fmt: skip
"""Modules of edge_tr that the driver's package has too, under these names; beside them all of `operators`."""
SERIAL = ("agent.py", "cobs.py", "driver.py", "program.py", "server.py", "slots.py")
"""Modules of the package that have nothing of pynq."""
VIVADO_STEPS = 6
"""That overlay.tcl announces."""
_IMPORT = re.compile(r"\bedge_tr\.([\w.]+)(?= import)")
_EPOCH = (1980, 1, 1, 0, 0, 0)  # what a zip archive calls no date


def source_tree(program: AccelProgram, board: OverlayBoard, model_name: str) -> Mapping[str, bytes]:
    """Every file by its path below the build folder, program.json with its build id included."""
    arrays = _archive(_arrays(program))
    facts = _facts(program, board, model_name)
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode() + arrays).digest()
    facts["build_id"] = int.from_bytes(digest[:8], "little")
    tree = {f"{PACKAGE}/program.npz": arrays, f"{PACKAGE}/program.json": (json.dumps(facts, indent=1) + "\n").encode()}
    tree |= _shared()
    if board.serial:
        tree |= _driver()
    else:
        context = {"version": __version__, "model_name": model_name, "board": board, "build_id": facts["build_id"]}
        tree |= _templates(context | _block_design(board))
        tree |= {f"vivado/rtl/{path.name}": path.read_bytes() for path in sorted(folder("rtl").glob("*.*"))}
    return MappingProxyType(dict(sorted(tree.items())))


def _driver() -> dict[str, bytes]:
    """What of the board's package runs on the host where the board has no processor."""
    base = folder("codegen_templates")
    files = [base / "fpga" / PACKAGE / name for name in SERIAL] + [base / "serial" / PACKAGE / "__init__.py"]
    return {f"{PACKAGE}/{path.name}": path.read_bytes() for path in files}


def build_id(tree: Mapping[str, bytes]) -> int:
    """The build id in the tree."""
    return json.loads(tree[f"{PACKAGE}/program.json"])["build_id"]


def vivado_digest(tree: Mapping[str, bytes]) -> str:
    """SHA-256 of all that the bitstream is made of."""
    digest = hashlib.sha256()
    for name, data in tree.items():
        if name.startswith("vivado/"):
            digest.update(name.encode() + b"\0" + data + b"\0")
    return digest.hexdigest()


def _facts(program: AccelProgram, board: OverlayBoard, model_name: str) -> dict[str, object]:
    graph = program.most.alive.graph
    ends = (*graph.inputs, *graph.outputs, *graph.states)
    return {
        "format": PROGRAM_FORMAT,
        "model": model_name,
        "model_sha256": program.sha256,
        "board_id": board.board_id,
        "clock_hz": board.clock_mhz * 1_000_000,
        "word_bytes": COLUMNS.value,
        "version": ACCEL_VERSION.value,
        "crc": program.program_crc,
        "tensors": [_tensor(graph.tensor(index)) for index in dict.fromkeys(ends)],
        "inputs": list(graph.inputs),
        "outputs": list(graph.outputs),
        "results": list(program.outputs),
        "states": list(graph.states),
        "file_inputs": list(map(_tensor, graph.file_inputs)),
        "file_outputs": list(map(_tensor, graph.file_outputs)),
        "levels": [_level_facts(level) for level in program.levels],
    }


def _level_facts(level: Level) -> dict[str, object]:
    numbers = {layer.name: number for number, layer in enumerate(level.host_layers)}
    return {
        "budget": str(level.budget),
        "cycles": level.cycles,
        "turns": [
            {
                "host": [_host_facts(layer, numbers[layer.name]) for layer in turn.host],
                "segment": None if turn.segment is None else _segment_facts(turn.segment),
            }
            for turn in level.turns
        ],
    }


def _segment_facts(segment: Segment) -> dict[str, object]:
    parts, reads = ("stop", "address", "words", "first"), ("command", "tensor", "words", "first")
    return {
        "entry": segment.entry,
        "sends": [{"tensor": send.tensor, "after": send.after} for send in segment.sends],
        "reads": [{name: getattr(read, name) for name in reads} for read in segment.reads],
        "layers": [
            {
                "name": layer.name,
                "tensor": layer.tensor,
                "cycles": layer.cycles,
                "parts": [{name: getattr(part, name) for name in parts} for part in layer.parts],
            }
            for layer in segment.layers
        ],
    }


def _host_facts(layer: HostLayer, number: int) -> dict[str, object]:
    """A layer of the processor, its number among them; its record's arrays are in the archive."""
    return {
        "name": layer.name,
        "tensor": layer.tensor,
        "inputs": list(layer.inputs),
        "output": layer.output,
        "updates": list(layer.updates),
        "record": packed(layer.record, f"host{number}", {}),
        "data_terms": packed(layer.data_terms, f"host{number}.data_terms", {}),
    }


def packed(value: object, name: str, arrays: dict[str, np.ndarray]) -> object:
    """A record, or part of one, as JSON has it; its arrays go to `arrays`, their names begin with `name`."""
    if isinstance(value, np.ndarray):
        arrays[name] = value
        return {"array": name}
    if dataclasses.is_dataclass(value):
        parts = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
        module = type(value).__module__.partition(".")[2]
        fields = {field: packed(part, f"{name}.{field}", arrays) for field, part in parts.items()}
        return {"module": module, "class": type(value).__name__, "fields": fields}
    if isinstance(value, tuple):
        return [packed(part, f"{name}.{i}", arrays) for i, part in enumerate(value)]
    return value.item() if isinstance(value, np.generic) else value


def _tensor(tensor: Tensor) -> dict[str, object]:
    """An end or a state; without quantisation, scale and zero point are null."""
    of = tensor.quantization
    scale, zero_point = (None, None) if of is None else (float(of.scale[0]), int(of.zero_point[0]))
    return {
        "index": tensor.index, "name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype, "scale": scale,
        "zero_point": zero_point,
    }  # fmt: skip


def _arrays(program: AccelProgram) -> dict[str, np.ndarray]:
    """`load`; `state<tensor>`, what a reset gives it; of each level, after `<level>.`, those of `_level_arrays`."""
    states = program.most.alive.graph.states
    arrays = {"load": program.load} | {f"state{index}": np.ascontiguousarray(of) for index, of in states.items()}
    for number, level in enumerate(program.levels):
        arrays |= {f"{number}.{name}": array for name, array in _level_arrays(level).items()}
    return arrays


def _level_arrays(level: Level) -> dict[str, np.ndarray]:
    """Of segment n `stream<n>`, `send<n>.<which>`, `read<n>.<which>` and, of its layers' parts, index
    `part<n>.<layer>.<which>`; of the processor's layer n `host<n>.<field>`, see `packed`, and `host<n>.data_terms`."""
    arrays: dict[str, np.ndarray] = {}
    for n, segment in enumerate(level.segments):
        arrays[f"stream{n}"] = segment.stream
        arrays |= {f"send{n}.{i}": send.index for i, send in enumerate(segment.sends)}
        arrays |= {f"read{n}.{i}": read.index for i, read in enumerate(segment.reads)}
        for i, layer in enumerate(segment.layers):
            arrays |= {f"part{n}.{i}.{j}": part.index for j, part in enumerate(layer.parts)}
    for n, layer in enumerate(level.host_layers):
        packed(layer.record, f"host{n}", arrays)
        packed(layer.data_terms, f"host{n}.data_terms", arrays)
    return arrays


def _block_design(board: OverlayBoard) -> dict[str, object]:
    """What vivado/overlay.tcl connects, by the names of cells and their pins."""
    names = overlays.INSTANCES
    accelerator, dma, interrupts, processor = (names[name] for name in sorted(names))
    interfaces = (
        (f"{processor}/M_AXI_GP0", "registers/S00_AXI"),
        ("registers/M00_AXI", f"{accelerator}/s_axi"),
        ("registers/M01_AXI", f"{dma}/S_AXI_LITE"),
        ("registers/M02_AXI", f"{interrupts}/s_axi"),
        (f"{dma}/M_AXI_MM2S", "memory/S00_AXI"),
        (f"{dma}/M_AXI_S2MM", "memory/S01_AXI"),
        ("memory/M00_AXI", f"{processor}/S_AXI_HP0"),
        (f"{dma}/M_AXIS_MM2S", f"{accelerator}/s_axis"),
        (f"{accelerator}/m_axis", f"{dma}/S_AXIS_S2MM"),
    )
    nets = {
        f"{processor}/FCLK_CLK0": (
            f"{processor}/M_AXI_GP0_ACLK", f"{processor}/S_AXI_HP0_ACLK", "proc_sys_reset_0/slowest_sync_clk",
            "registers/aclk", "memory/aclk", f"{accelerator}/clk", f"{interrupts}/s_axi_aclk", f"{dma}/s_axi_lite_aclk",
            f"{dma}/m_axi_mm2s_aclk", f"{dma}/m_axi_s2mm_aclk",
        ),
        f"{processor}/FCLK_RESET0_N": ("proc_sys_reset_0/ext_reset_in",),
        "proc_sys_reset_0/peripheral_aresetn": (
            "registers/aresetn", "memory/aresetn", f"{accelerator}/resetn", f"{interrupts}/s_axi_aresetn",
            f"{dma}/axi_resetn",
        ),
        f"{dma}/s2mm_prmry_reset_out_n": (f"{accelerator}/m_axis_resetn",),
        f"{accelerator}/irq": (f"{interrupts}/intr",),
        f"{interrupts}/irq": (f"{processor}/IRQ_F2P",),
    }  # fmt: skip
    return {
        "design": overlays,
        "steps": VIVADO_STEPS,
        "vlnv": dict(zip(("vendor", "library", "name", "version"), overlays.ACCELERATOR_VLNV.split(":"))),
        "rtl": (folder("rtl") / "files.txt").read_text(encoding="utf-8").split(),
        "interfaces": interfaces,
        "nets": nets,
        "addresses": {names[name]: base for name, base in board.addresses.items()},
    }


def _archive(arrays: Mapping[str, np.ndarray]) -> bytes:
    """An .npz without dates: np.savez writes the time."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, array in arrays.items():
            data = io.BytesIO()
            np.lib.format.write_array(data, np.ascontiguousarray(array), allow_pickle=False)
            info = zipfile.ZipInfo(f"{name}.npy", _EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, data.getvalue())
    return whole.getvalue()


def _shared() -> dict[str, bytes]:
    """Modules of ours as those of the driver's package."""
    root = files("edge_tr")
    tree = {f"{name}.py": root / f"{module.replace('.', '/')}.py" for module, name in SHARED.items()}
    operators = (file for file in (root / "operators").iterdir() if file.name.endswith(".py"))
    tree |= {f"operators/{file.name}": file for file in operators}
    return {f"{PACKAGE}/{path}": _renamed(file.read_text(encoding="utf-8")) for path, file in tree.items()}


def _renamed(text: str) -> bytes:
    """A module's source with imports from the driver's package."""
    text = text.replace("from cobs import cobs", f"from {PACKAGE} import cobs")
    return _IMPORT.sub(lambda found: f"{PACKAGE}.{_name_there(found[1])}", text).encode()


def _name_there(module: str) -> str:
    """What the driver's package calls a module of ours."""
    return module if module.partition(".")[0] == "operators" else SHARED[module]


def _templates(context: Mapping[str, object]) -> dict[str, bytes]:
    """Files of codegen_templates/fpga: as they are, and those that end in .j2 rendered."""
    base = folder("codegen_templates") / "fpga"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(base), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    tree = {}
    for path in sorted(base.rglob("*")):
        name = path.relative_to(base).as_posix()
        if path.is_file() and "__pycache__" not in name:
            is_template = path.suffix == ".j2"
            data = environment.get_template(name).render(context).encode() if is_template else path.read_bytes()
            tree[name.removesuffix(".j2")] = data
    return tree
