"""Amazon Personalize batch recommendations onto customer profiles, as Dagster assets."""

import gc

# Python's collector would look through all that is imported, again and again, while modules are read and items rendered.
gc.set_threshold(1_000_000)
