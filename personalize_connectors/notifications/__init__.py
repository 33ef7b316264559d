"""Who is told, and what, when a run failed, was stopped by a check, or had records rejected."""
