"""The soak test: many runs of one job that are disturbed and killed, and then everything must be right."""
