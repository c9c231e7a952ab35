"""The published tables of term revealing, as far as they can be shown here: `make reproduce`."""
