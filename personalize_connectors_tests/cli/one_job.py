"""One job with one batch output."""

import json
from pathlib import Path

OUTPUT = "personalize/batch_inference/daily/batch_daily_2026_11_22_03_00_00"
KEY = "user_personalization/daily|2026-11-22T03-00-00Z"


def add_output(bucket: Path, users: dict[str, list[str]], output: str = OUTPUT) -> None:
    """One batch output of the job daily."""
    lines = [
        {"input": {"userId": user}, "output": {"recommendedItems": items}} for user, items in users.items()
    ]
    folder = bucket / output
    folder.mkdir(parents=True)
    (folder / "users.json.out").write_text("".join(json.dumps(line) + "\n" for line in lines))
