"""The transformations: columns in, columns out; nothing here knows Dagster or a destination."""
