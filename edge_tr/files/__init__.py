"""Files of others read within bounds, our own written whole or not at all, folders held by one command at a time."""
