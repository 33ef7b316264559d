import json
from collections import Counter
from pathlib import Path

import pytest

from personalize_connectors.demo.shop import DAYS, PERSONAL_JOB, SIMILAR_JOB, ShopSize, write_day
from personalize_connectors.errors import BadSettings
from personalize_connectors_tests.demo.shop_files import (
    MAPPING,
    PICKS,
    SIMILAR,
    fault_of,
    read_files,
    read_lines,
    read_lists,
    read_products,
    read_records,
    read_views,
)

SMALL = ShopSize(users=2_000, items=400)
TINY = ShopSize(users=20, items=40)


@pytest.fixture(scope="module", name="days")
def two_days(tmp_path_factory) -> list[Path]:
    """Both days, each in a bucket of its own, so that day 0's inputs are still there to compare."""
    return [_written(tmp_path_factory.mktemp("day"), (0, day), SMALL) for day in (0, 1)]


def _written(root: Path, days: tuple[int, ...], size: ShopSize) -> Path:
    for day in days:
        write_day(root, day, size)
    return root


def test_the_same_size_writes_the_same_bytes(tmp_path):
    """A shop follows from its size and seed alone, and another seed gives another shop."""
    first, second = (read_files(_written(tmp_path / name, (0, 1), TINY)) for name in ("a", "b"))
    other = read_files(_written(tmp_path / "c", (0, 1), ShopSize(users=20, items=40, seed=8)))
    assert first == second
    assert first.keys() == other.keys()
    assert first != other


def test_the_files_are_those_of_two_jobs_and_two_runs(days):
    """The bucket holds both jobs' inputs and, for each day, both jobs' batch outputs with an empty _CHECK."""
    jobs = [f"etl_jobs/{job}/config.json" for job in (PERSONAL_JOB, SIMILAR_JOB)]
    products = [f"etl_jobs/{job}/input/item_metadata/products.json" for job in (PERSONAL_JOB, SIMILAR_JOB)]
    mapping = [f"{MAPPING}/last_viewed-{number}.csv" for number in (1, 2)]
    outputs = [
        f"{folder.format(f'{day:%d}')}/{name}"
        for day in DAYS
        for folder, names in (
            (PICKS, ("users_1.json.out", "users_2.json.out")),
            (SIMILAR, ("items.json.out",)),
        )
        for name in ("_CHECK", *names)
    ]
    files = read_files(days[1])
    assert sorted(files) == sorted(jobs + products + mapping + outputs)
    assert {files[name] for name in files if name.endswith("_CHECK")} == {b""}


def test_the_second_day_leaves_the_first_days_outputs_alone(days):
    """A second day adds its batch outputs and only rewrites products and mapping."""
    before, after = map(read_files, days)
    assert {name for name in before if before[name] != after[name]} == {
        *(f"etl_jobs/{job}/input/item_metadata/products.json" for job in (PERSONAL_JOB, SIMILAR_JOB)),
        *(f"{MAPPING}/last_viewed-{number}.csv" for number in (1, 2)),
    }


def test_configs_have_exactly_the_documented_keys(days):
    """Both jobs' config.json are what a user would write by hand."""
    fields = ["name", "price", "category", "image_url"]
    configs = [
        json.loads((days[0] / "etl_jobs" / job / "config.json").read_text("utf-8"))
        for job in (PERSONAL_JOB, SIMILAR_JOB)
    ]
    personal = {
        "itemMetadataFields": fields,
        "attributePrefix": "picks_",
        "otherAttributes": {"picks_source": "demo"},
    }
    assert configs == [
        {
            "batchInferencePath": "personalize/batch_inference/picks_for_you",
            "saveBatchInferenceErrors": True,
            "connectors": {"braze": personal},
        },
        {
            "batchInferencePath": "personalize/batch_inference/similar_items",
            "saveBatchInferenceErrors": True,
            "userItemPolicy": "merge",
            "connectors": {"braze": {"itemMetadataFields": fields, "attributePrefix": "similar_"}},
        },
    ]


@pytest.mark.parametrize("day", ["21", "22"])
def test_personal_lines_have_the_services_shape(days, day):
    """A good personal line is compact JSON with 25 different items, falling scores and a null error."""
    folder = days[1] / PICKS.format(day)
    for record, line in zip(read_records(folder), read_lines(folder), strict=True):
        if record is None or fault_of(record) != "good":
            continue
        items, scores = record["output"]["recommendedItems"], record["output"]["scores"]
        assert line == json.dumps(record, separators=(",", ":"), ensure_ascii=False)
        assert (list(record), list(record["input"])) == (["input", "output", "error"], ["userId"])
        assert (len(items), len(set(items)), len(scores), record["error"]) == (25, 25, 25, None)
        assert scores == sorted((round(score, 7) for score in scores), reverse=True)
        assert 0 < sum(scores) < 1


@pytest.mark.parametrize("day", ["21", "22"])
def test_similar_lines_have_no_scores_and_no_error_key(days, day):
    """A good related-items line lists other items of the item's own category."""
    products = read_products(days[1])
    shelf = {item: product["category"] for item, product in products.items() if "category" in product}
    for record in read_records(days[1] / SIMILAR.format(day)):
        if record is None or fault_of(record) != "good":
            continue
        item, items = record["input"]["itemId"], record["output"]["recommendedItems"]
        assert (list(record), list(record["output"])) == (["input", "output"], ["recommendedItems"])
        assert len(set(items)) == len(items) == 25
        assert item not in items
        assert len({shelf[each] for each in (item, *items) if each in shelf}) == 1


@pytest.mark.parametrize(("folder", "lines"), [(PICKS, 2_000), (SIMILAR, 400)])
def test_failing_lines_are_few_of_every_kind_and_others_each_day(days, folder, lines):
    """About 0.4 % of the lines fail, at least one in each of the four ways, and not the same each day."""
    counts = [Counter(map(fault_of, read_records(days[1] / folder.format(day)))) for day in ("21", "22")]
    failed = max(4, round(lines * 0.004))
    service, cut_off = (failed - 1) // 2, (failed - 2) // 2
    faults = {"empty list": 1, "no id": 1, "service error": service, "not JSON": cut_off}
    assert [{**count, "good": 0} for count in counts] == [{**faults, "good": 0}] * 2
    assert counts[0].total() == lines
    first, second = (read_lists(days[1] / folder.format(day)).keys() for day in ("21", "22"))
    assert first - second
    assert second - first


def test_one_user_in_twenty_has_another_list(days):
    """Exactly 5 % of the users with a good line on both days have a changed list; scores moved for all."""
    first, second = (read_lists(days[1] / PICKS.format(day)) for day in ("21", "22"))
    both = first.keys() & second.keys()
    assert sum(first[user] != second[user] for user in both) == round(0.05 * len(both))
    old, new = (set(read_lines(days[1] / PICKS.format(day))) for day in ("21", "22"))
    assert not old & new
    assert [user for user in first if user in both] != [user for user in second if user in both]


def test_one_item_in_twenty_has_other_neighbours(days):
    """5 % of the good related-items lines changed over night."""
    first, second = (read_lists(days[1] / SIMILAR.format(day)) for day in ("21", "22"))
    both = first.keys() & second.keys()
    assert sum(first[item] != second[item] for item in both) == round(0.05 * len(both))


def test_users_come_and_go(days):
    """1 % of the users are new on the second day and 0.5 % have no line any more."""
    first, second = (
        [record["input"]["userId"] if record and record["input"] else None for record in read_records(folder)]
        for folder in (days[1] / PICKS.format(day) for day in ("21", "22"))
    )
    hidden = max(first.count(None), second.count(None))
    assert (len(first), len(second)) == (2_000, 2_000 + 20 - 10)
    assert len(set(second) - set(first)) == pytest.approx(20, abs=hidden)
    assert len(set(first) - set(second)) == pytest.approx(10, abs=hidden)


def test_one_item_in_a_hundred_has_no_metadata(days):
    """1 % of the items on lists are missing from products.json, which is the same for both jobs."""
    listed = {item for items in read_lists(days[0] / PICKS.format("21")).values() for item in items}
    products = read_products(days[0])
    assert products == read_products(days[0], SIMILAR_JOB)
    assert len(products) == 396
    assert len(listed - products.keys()) == 4


def test_products_have_their_fields_and_a_few_gaps(days):
    """All but about 3 % of the products have every field; picture addresses are short; names are unique."""
    keys = ["id", "name", "brand", "price", "category", "style", "image_url", "in_stock", "created_at"]
    products = list(read_products(days[0]).values())
    whole = [item for item in products if list(item) == keys and None not in item.values()]
    assert len(products) - len(whole) == 12
    assert len({item["name"] for item in products}) == len(products)
    assert all(item["image_url"].startswith("https://images.example.com/") for item in whole)
    assert max(len(item["image_url"]) for item in whole) < 120
    assert min(item["price"] for item in whole) > 0


def test_only_prices_of_slow_sellers_change(days):
    """On the second day a single field of one slow seller differs, and few lists hold that item."""
    first, second = map(read_products, days)
    changed = [item for item in first if first[item] != second[item]]
    assert first.keys() == second.keys()
    assert len(changed) == 1
    assert first[changed[0]] | {"price": second[changed[0]]["price"]} == second[changed[0]]
    lists = read_lists(days[1] / PICKS.format("22")).values()
    assert 0 < sum(changed[0] in items for items in lists) < 0.05 * len(lists)


def test_the_mapping_is_two_files_of_different_habits(days):
    """One file is plain; the other has other names, order and line ends, and quotes now and then."""
    one, two = ((days[0] / MAPPING / f"last_viewed-{number}.csv").read_bytes() for number in (1, 2))
    assert (one.split(b"\n")[0], two.split(b"\r\n")[0]) == (b"USER_ID,ITEM_ID", b"item_id,user_id")
    assert b"\r" not in one
    assert two.count(b"\n") == two.count(b"\r\n")
    assert two.split(b"\r\n")[1].startswith(b'"')


def test_two_users_in_five_have_viewed_up_to_three_items(days):
    """40 % of the users viewed something: 60 % of them one item, 30 % two, 10 % three."""
    pairs = read_views(days[0])
    depth = Counter(Counter(user for user, _ in pairs).values())
    assert len(set(pairs)) == len(pairs)
    assert depth.total() == 800
    assert [depth[number] / 800 for number in (1, 2, 3)] == pytest.approx([0.6, 0.3, 0.1], abs=0.05)
    assert len({item for _, item in pairs} - read_lists(days[0] / SIMILAR.format("21")).keys()) <= 4


def test_the_mapping_gains_a_few_rows(days):
    """The second day has all views of the first and one more for 0.2 % of the users, in another order."""
    first, second = map(read_views, days)
    assert len(set(second) - set(first)) == 4
    assert set(first) <= set(second)
    assert first != [pair for pair in second if pair in set(first)]


def test_awkward_ids_are_in_the_files(days):
    """Ids with spaces, bars, dots, quotes, commas and letters beyond ASCII reach lists and products."""
    lists = read_lists(days[0] / PICKS.format("21")) | read_lists(days[1] / PICKS.format("22"))
    items = {item for listed in lists.values() for item in listed}
    for awkward in (" ", "|", ".", '"', ",", "ö"):
        assert any(awkward in item for item in items), awkward
    for awkward in ('user "ten"', "garcia, ana", "zoë.nuñez", "o'brien|17", "ユーザー 19"):
        assert awkward in lists


@pytest.mark.parametrize(
    "size",
    [
        TINY,
        ShopSize(users=20, items=40, recommendations=2),
        ShopSize(users=20, items=40, recommendations=40),
        ShopSize(users=50, items=61, recommendations=25, seed=0),
    ],
)
def test_the_smallest_shops_are_whole(tmp_path, size):
    """A tiny shop still has full lists of different items, and at least one of them changes."""
    _written(tmp_path, (0, 1), size)
    first, second = (read_lists(tmp_path / PICKS.format(day)) for day in ("21", "22"))
    assert {len(set(items)) for items in [*first.values(), *second.values()]} == {size.recommendations}
    assert sum(first[user] != second[user] for user in first.keys() & second.keys()) >= 1
    assert read_views(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"users": 19}, "20 users"),
        ({"items": 39}, "40 items"),
        ({"seed": -1}, "seed"),
        ({"recommendations": 1}, "2"),
    ],
)
def test_an_impossible_size_is_refused(wrong, named):
    """A size that makes no shop is refused with what a shop needs."""
    with pytest.raises(BadSettings, match=named):
        ShopSize(**wrong)


def test_a_third_day_is_refused(tmp_path):
    """The shop has two days."""
    with pytest.raises(BadSettings, match="`day` is 2"):
        write_day(tmp_path, 2, TINY)
