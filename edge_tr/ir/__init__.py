"""Import: parse a .tflite at the edge, typed and validated data inside."""
