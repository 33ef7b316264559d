"""What is past its retention, in the bucket and in Dagster, and its removal."""
