"""Quantise a float32 .tflite file to int8 weights and int8 activations with litert-quantizer.

usage: quantise.py FLOAT.tflite CALIBRATION.npz INT8.tflite
"""

import sys

import numpy as np
from litert_quantizer import quantizer, recipe
from litert_quantizer.utils import tfl_interpreter_utils as interpreter_of

source, calibration, output = sys.argv[1:]

signature, details = next(iter(interpreter_of.create_tfl_interpreter(source).get_signature_list().items()))
(name,) = details["inputs"]
samples = {signature: [{name: image[None]} for image in np.load(calibration)["x"]]}

chosen = quantizer.Quantizer(source, recipe.static_wi8_ai8())
result = chosen.quantize(chosen.calibrate(samples))
result.export_model(output, overwrite=True)
print(f"written: {output}")
