"""Make the demonstration's model and data: train on scikit-learn's digits, quantise to int8.

Run it in a throwaway environment, as edge-tr itself needs none of these packages:

    python3.11 -m venv ../digits-venv
    ../digits-venv/bin/pip install tensorflow-cpu==2.19.1 keras==3.15.1 scikit-learn==1.9.1 numpy==2.1.3
    ../digits-venv/bin/python edge_tr/demo/make_digits.py

It writes `digits_cnn_int8.tflite`, `digits_test.npz` and `digits.json` (versions, seeds, accuracy,
SHA-256) beside itself. The committed files were made with Python 3.11.7, tensorflow-cpu 2.19.1,
Keras 3.15.1, scikit-learn 1.9.1 and numpy 2.1.3 on x86-64; with these a run gives the same bytes again,
on one core or two, whatever the hash seed.

The digits are from the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin,
C. Kaynak, UCI Machine Learning Repository, CC BY 4.0), 1797 images of 8x8 pixels, 0..16.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from pathlib import Path

# Before TensorFlow loads: oneDNN's sums depend on the CPU.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np
import sklearn
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

HERE = Path(__file__).resolve().parent
SPLIT_SEED = 1
TRAINING_SEED = 1
TEST_DIGITS = 360
EPOCHS = 60
BATCH = 32


def split_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Stratified x_train, x_test (float32 [n, 8, 8, 1], 0..1) and y_train, y_test (int64 [n])."""
    digits = load_digits()
    x = (digits.images[..., None] / 16).astype(np.float32)
    y = digits.target.astype(np.int64)
    return train_test_split(x, y, test_size=TEST_DIGITS, random_state=SPLIT_SEED, stratify=y)


def train(x: np.ndarray, y: np.ndarray) -> keras.Model:
    """Two convolutions and a classifier; fixed epochs, nothing is chosen by the test digits."""
    keras.utils.set_random_seed(TRAINING_SEED)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(1)  # sums also depend on how work is split
    tf.config.threading.set_inter_op_parallelism_threads(1)
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, padding="same", activation="relu"),
            layers.MaxPool2D(),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPool2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    steps = EPOCHS * -(-len(x) // BATCH)
    rate = keras.optimizers.schedules.CosineDecay(4e-3, steps)
    network.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    network.fit(x, y, batch_size=BATCH, epochs=EPOCHS, verbose=2)
    return network


def convert(network: keras.Model, calibration: np.ndarray) -> bytes:
    """Full int8 .tflite for one digit at a time, int8 in and out, per-tensor classifier weights."""
    one_digit = tf.function(lambda x: network(x, training=False))
    function = one_digit.get_concrete_function(tf.TensorSpec((1, 8, 8, 1), tf.float32, name="digit"))
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([digit[None]] for digit in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    # Per-channel FULLY_CONNECTED needs a newer runtime than tflite-runtime 2.14.
    converter._experimental_disable_per_channel_quantization_for_dense_layers = True
    return converter.convert()


def quantise_input(model: bytes, x: np.ndarray) -> np.ndarray:
    """float32 digits as the int8 of the model's input tensor."""
    scale, zero_point = tf.lite.Interpreter(model_content=model).get_input_details()[0]["quantization"]
    return np.clip(np.round(x / scale) + zero_point, -128, 127).astype(np.int8)


def count_correct(model: bytes, x: np.ndarray, y: np.ndarray) -> int:
    """Digits of int8 `x` that the interpreter's reference kernels classify as `y`."""
    interpreter = tf.lite.Interpreter(
        model_content=model,
        experimental_op_resolver_type=tf.lite.experimental.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    source, sink = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]
    correct = 0
    for digit, label in zip(x, y, strict=True):
        interpreter.set_tensor(source, digit[None])
        interpreter.invoke()
        correct += int(interpreter.get_tensor(sink).argmax() == label)
    return correct


def describe(correct: int, files: list[Path]) -> dict:
    """What `digits.json` records."""
    return {
        "origin": "Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine "
        "Learning Repository, https://doi.org/10.24432/C50P49; the 1797 digits in scikit-learn",
        "licence": "CC BY 4.0",
        "made_by": Path(__file__).name,
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "scikit-learn": sklearn.__version__,
            "numpy": np.__version__,
        },
        "seeds": {"split": SPLIT_SEED, "training": TRAINING_SEED},
        "split": {"train": 1797 - TEST_DIGITS, "test": TEST_DIGITS, "stratified": True},
        "accuracy": {
            "correct": correct,
            "samples": TEST_DIGITS,
            "value": correct / TEST_DIGITS,
            "interpreter": f"tensorflow {tf.__version__} tf.lite.Interpreter, BUILTIN_REF",
        },
        "files": {
            path.name: {
                "bytes": path.stat().st_size,
                "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
            }
            for path in files
        },
    }


def main() -> None:
    x_train, x_test, y_train, y_test = split_digits()
    network = train(x_train, y_train)
    print("float accuracy", network.evaluate(x_test, y_test, verbose=0)[1])
    model = convert(network, x_train)
    x = quantise_input(model, x_test)
    model_path, data_path = HERE / "digits_cnn_int8.tflite", HERE / "digits_test.npz"
    model_path.write_bytes(model)
    np.savez_compressed(data_path, x=x, y=y_test)
    record = describe(count_correct(model, x, y_test), [model_path, data_path])
    (HERE / "digits.json").write_text(json.dumps(record, indent=2) + "\n")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    main()
