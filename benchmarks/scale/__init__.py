"""The platform with 200 jobs and up to 50,000 past runs: what each look at them costs, and how it grows."""
