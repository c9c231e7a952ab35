"""The project's own demonstration: an int8 digits CNN and the 360 digits it was not trained on.

Made by `make_digits.py`; `digits.json` beside it records origin, licence, seeds, versions,
accuracy and SHA-256. The names below are readable from a checkout and from an installed
wheel (`importlib.resources` Traversables: `.read_bytes()`, `.open("rb")`, or a path through
`importlib.resources.as_file`).
"""

from __future__ import annotations

from importlib.resources import files

MODEL = files(__name__) / "digits_cnn_int8.tflite"
"""int8 [1, 8, 8, 1] to int8 [1, 10] (softmax)."""

TEST_DATA = files(__name__) / "digits_test.npz"
"""`x` int8 [360, 8, 8, 1], quantised as the model takes it; `y` int64 [360], 0..9."""

RECORD = files(__name__) / "digits.json"
"""Where the two files come from, as JSON."""
