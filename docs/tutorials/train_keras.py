"""Train a small CNN on 8x8 digits with Keras and convert it to int8 TFLite.

Writes digits.tflite and test.npz (`x`: float32 [n, 8, 8, 1] from 0 to 1; `y`: integer labels).
"""

import os

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"  # the same sums on every processor

import keras
import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

keras.utils.set_random_seed(7)

digits = load_digits()
images = (digits.images[..., None] / 16).astype(np.float32)
x_train, x_test, y_train, y_test = train_test_split(
    images, digits.target, test_size=300, random_state=7, stratify=digits.target
)

model = keras.Sequential(
    [
        keras.layers.Input((8, 8, 1)),
        keras.layers.Conv2D(8, 3, padding="same", activation="relu"),
        keras.layers.DepthwiseConv2D(3, padding="same", activation="relu"),
        keras.layers.Conv2D(16, 1, activation="relu"),
        keras.layers.AveragePooling2D(2),
        keras.layers.Flatten(),
        keras.layers.Dense(10, activation="softmax"),
    ]
)
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(x_train, y_train, batch_size=32, epochs=30, verbose=0)
print(f"float accuracy: {model.evaluate(x_test, y_test, verbose=0)[1]:.2%}")

# int8 weights and int8 activations; the converter measures the activations' ranges on the training images.
converter = tf.lite.TFLiteConverter.from_keras_model(model)
converter.optimizations = [tf.lite.Optimize.DEFAULT]
converter.representative_dataset = lambda: ([image[None]] for image in x_train[:200])
converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
converter.inference_input_type = tf.int8
converter.inference_output_type = tf.int8

with open("digits.tflite", "wb") as file:
    file.write(converter.convert())
np.savez("test.npz", x=x_test, y=y_test)
print("written: digits.tflite, test.npz")
