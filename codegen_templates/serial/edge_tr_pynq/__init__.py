"""One model on edge-tr's term accelerator behind a serial port: what `edge-tr check` runs on this computer."""
