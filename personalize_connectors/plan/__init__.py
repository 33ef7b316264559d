"""What a run would do and cost, worked out by what a run does, up to the first request."""
