"""Why a user, or an item, got what it got: told from what the runs left in the bucket."""
