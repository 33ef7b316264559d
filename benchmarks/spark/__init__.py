"""What a Spark cluster makes of the pipeline."""
