"""Record for record: 50,000 users through the real job, against a few lines of pandas."""

from __future__ import annotations

import csv
import io

import numpy as np
import orjson
import pandas as pd
import pytest

from personalize_connectors import layout
from personalize_connectors.job_run import Job
from personalize_connectors_tests.assets.runs import DAYS

USERS, ITEMS, LISTED, LONGEST = 50_000, 2_000, 30, 25
FIELDS = ["price", "name", "tags", "absent"]
AWKWARD = [
    '"quoted"',
    "comma, and ''",
    "pi|pe",
    "sla/sh\\",
    "ünïcødé 日本 😀",
    "x" * 200,
    " spaces ",
    "new\nline",
    "007",
]


@pytest.fixture
def rng():
    """The same numbers at every run."""
    return np.random.default_rng(50_000)


def named(kind, count):
    """Ids of which the first are awkward."""
    return [f"{kind} {name}"[:200] for name in AWKWARD] + [
        f"{kind}-{number}" for number in range(count - len(AWKWARD))
    ]


def metadata(rng, items):
    """Metadata of nine items in ten, with fields that some lack or have as null."""
    found = {}
    for item in items:
        fields = {"name": f'Näme of "{item[:20]}"', "price": float(rng.integers(1, 99)) / 4, "unused": 1}
        fields |= {"tags": [None, ["a", {"b": "ü"}], "t"][rng.integers(3)]}
        if rng.random() < 0.2:
            del fields["price"]
        if rng.random() < 0.9:
            found[item] = fields
    return found


def answer_lists(rng, queries, items):
    """A list of distinct items for each query."""
    places = np.argsort(rng.random((len(queries), 60)), axis=1)[:, :LISTED] + rng.integers(
        0, ITEMS - 60, (len(queries), 1)
    )
    names = np.array(items, object)
    return dict(zip(queries, names[places].tolist(), strict=True))


def documents(items, of_items):
    """What is recommended of each item: the wanted fields that it has, in order, and its id."""
    chosen = {
        item: {
            field: of_items[item][field] for field in FIELDS if of_items.get(item, {}).get(field) is not None
        }
        for item in items
    }
    return pd.Series({item: fields | {"itemId": item} for item, fields in chosen.items()})


def differences(world, job, expected):
    """Some lines that stand on one side only; a diff of 50,000 lines is no help."""
    info = {"name": job.name, "runDateTime": DAYS[0].isoformat()}
    lines = [orjson.dumps({**record, "jobInfo": info}) for record in expected]
    found = world.records(job, 0)
    assert (len(found), len(set(found))) == (len(lines), len(set(lines)))
    return sorted(set(lines) ^ set(found))[:4]


def test_user_personalization_equals_the_oracle(world, rng):
    """For each of 50,000 users the record holds the items of the batch output, in order, with their fields."""
    job = Job("user_personalization", "oracle")
    users, items = named("user", USERS), named("item", ITEMS)
    lists, of_items = answer_lists(rng, users, items), metadata(rng, items)
    world.configure(job, {"itemMetadataFields": FIELDS})
    world.metadata(job, of_items)
    world.answer(job, 0, lists)
    assert world.run(job, 0).failures == {}

    batch = pd.DataFrame({"user": lists.keys(), "item": lists.values()}).explode("item")
    batch["document"] = batch["item"].map(documents(items, of_items))
    oracle = batch.groupby("user").head(LONGEST).groupby("user")["document"].agg(list)
    expected = ({"queryUserId": user, "recommendations": found} for user, found in oracle.items())
    assert differences(world, job, expected) == []
    assert world.emulator.stats()["users"] == USERS


def test_related_items_equals_the_oracle(world, rng):
    """For each of 50,000 users the lists of the mapped items are interleaved by rank, without repeats and mapped items."""
    job = Job("related_items", "oracle")
    users, items = named("user", USERS), named("item", ITEMS)
    lists, of_items = answer_lists(rng, items[: ITEMS - 100], items), metadata(rng, items)
    who = [*users, *rng.choice(users, USERS)]
    rows = pd.DataFrame({"user": who, "query": rng.choice(items, len(who))}).drop_duplicates(
        ignore_index=True
    )
    world.configure(job, {"itemMetadataFields": FIELDS})
    world.metadata(job, of_items)
    world.answer(job, 0, lists)
    for name, part in (("b.csv", rows[USERS:]), ("a.csv", rows[:USERS])):
        text = io.StringIO()
        csv.writer(text).writerows([["ITEM_ID", "USER_ID"], *part[["query", "user"]].to_numpy().tolist()])
        world.write(f"{layout.mapping_folder(job)}/{name}", text.getvalue())
    assert world.run(job, 0).failures == {}

    batch = pd.DataFrame({"query": lists.keys(), "item": lists.values()}).explode("item")
    batch["rank"] = batch.groupby("query").cumcount()
    merged = rows.reset_index(names="place").merge(batch, on="query")
    queries = merged[merged["rank"] == 0].sort_values("place").groupby("user")["query"].agg(list)
    merged = merged.sort_values(["rank", "place"]).drop_duplicates(["user", "item"])
    mapped = pd.MultiIndex.from_frame(rows[["user", "query"]])
    merged = merged[~pd.MultiIndex.from_frame(merged[["user", "item"]]).isin(mapped)]
    merged["document"] = merged["item"].map(documents(items, of_items))
    oracle = merged.groupby("user").head(LONGEST).groupby("user")["document"].agg(list)
    expected = (
        ({"queryItemIds": queries[user]} if len(queries[user]) > 1 else {"queryItemId": queries[user][0]})
        | {"userId": user, "recommendations": found}
        for user, found in oracle.items()
    )
    assert differences(world, job, expected) == []
    assert len(oracle) > 0.9 * USERS
