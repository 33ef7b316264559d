"""The report of a run: one HTML page that opens from a file, loads nothing and runs nothing."""
