"""The outside world: compilers, emulators, serial ports, devices."""
