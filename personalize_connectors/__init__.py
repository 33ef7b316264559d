"""Amazon Personalize batch recommendations onto customer profiles, as Dagster assets."""
