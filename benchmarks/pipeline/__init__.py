"""The pipeline against its limit: three days, every stage in a process of its own, beside the time to move the same bytes."""
