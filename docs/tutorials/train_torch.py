"""Train a small CNN on 8x8 digits with PyTorch and write it as a float32 .tflite file with litert-torch.

Writes digits_float.tflite, calibration.npz and test.npz (`x`: float32 [n, 8, 8, 1] from 0 to 1; `y`: integer labels).
"""

import litert_torch
import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

torch.manual_seed(7)
torch.set_num_threads(1)  # a network this small is slower on several

digits = load_digits()
images = (digits.images[..., None] / 16).astype(np.float32)
x_train, x_test, y_train, y_test = train_test_split(
    images, digits.target, test_size=300, random_state=7, stratify=digits.target
)

# Images are [n, height, width, channels] in TFLite, [n, channels, height, width] in PyTorch: a wrapper below converts
# the input, so that the .tflite file takes the images as TFLite has them.
network = nn.Sequential(
    nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(),
    nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(16 * 4 * 4, 10),
)  # fmt: skip

optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
inputs, labels = torch.tensor(x_train).permute(0, 3, 1, 2), torch.tensor(y_train)
for _ in range(30):
    for batch in torch.randperm(len(inputs)).split(32):
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(inputs[batch]), labels[batch]).backward()
        optimizer.step()

with torch.no_grad():
    guessed = network(torch.tensor(x_test).permute(0, 3, 1, 2)).argmax(1).numpy()
print(f"float accuracy: {np.mean(guessed == y_test):.2%}")

model = litert_torch.to_channel_last_io(network, args=[0]).eval()
litert_torch.convert(model, (torch.tensor(x_train[:1]),)).export("digits_float.tflite")
np.savez("calibration.npz", x=x_train[:200])
np.savez("test.npz", x=x_test, y=y_test)
print("written: digits_float.tflite, calibration.npz, test.npz")
