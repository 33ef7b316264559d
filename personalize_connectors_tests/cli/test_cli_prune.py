"""The command `prune`."""

import os


def test_prune_says_what_it_would_remove_and_removes_it(bucket, command):
    """With --dry-run nothing is removed; without it, what is past its retention is, and a second time there is nothing."""
    assert command("new-job", "user_personalization", "daily")[0] == 0
    for day in ("2020/month=01/day=01", "2020/month=01/day=02"):
        folder = (
            bucket / f"etl_jobs/user_personalization/daily/stages/user_recommendations/year={day}/time=030000"
        )
        folder.mkdir(parents=True)
        for name in ("lists-00000-ab.parquet", "_SUCCESS"):
            (folder / name).write_text("{}")
            os.utime(folder / name, (1_577_934_000,) * 2)
    line = "user_personalization/daily  stages of 1 runs, 2020-01-01 to 2020-01-01: 2 files, 4 bytes\n"
    assert command("prune", "--dry-run") == (0, f"{line}nothing was removed (--dry-run)\n", "")
    assert command("prune") == (0, f"{line}removed\n", "")
    assert command("prune") == (0, "nothing is past its retention\n", "")
    assert [path.name for path in bucket.rglob("day=*")] == ["day=02"]
