"""Term-quantisation-aware training in PyTorch (extra `train`): layers that reveal terms in the forward pass.

>>> network = prepare(nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)), x)
>>> train(network, x, y, budgets=(6, 8, 12, 16))
>>> Path("model.tflite").write_bytes(export(network))  # edge-tr build model.tflite --budget g=8,k=6
"""

from edge_tr.errors import ToolMissingError

try:
    import torch  # noqa: F401
except ImportError as error:
    raise ToolMissingError(f"edge_tr.training needs PyTorch: pip install 'edge-tr[train]' ({error})") from error

from edge_tr.training.export import export
from edge_tr.training.network import RevealedNetwork, prepare
from edge_tr.training.restore import restore
from edge_tr.training.revealed import RevealedLayer
from edge_tr.training.train import train

__all__ = ["RevealedLayer", "RevealedNetwork", "export", "prepare", "restore", "train"]
