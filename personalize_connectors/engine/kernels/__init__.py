"""Loops over bytes and numbers, compiled. They are imported where there is enough to read, for the import takes a second."""
