"""All that the emulator does like Braze, each with what it rests on; the table of docs/braze-emulator.md.

A test looks up every ``where`` and finds the tag and the section there.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Tag = Literal["documented", "recorded", "assumed"]
DOCUMENTED: Tag = "documented"
RECORDED: Tag = "recorded"
ASSUMED: Tag = "assumed"


class Behaviour(NamedTuple):
    """One thing that the emulator does.

    Attributes:
        what: in a few words.
        tag: *documented* by Braze, *recorded* on the wire (or in the tests of those who use it), or *assumed*.
        section: of braze.md.
        where: module, and function or class, below this package.
    """

    what: str
    tag: Tag
    section: str
    where: str


def table(*rows: tuple[str, Tag, str, str]) -> tuple[Behaviour, ...]:
    """Behaviours from their parts."""
    return tuple(Behaviour(*row) for row in rows)


CALLS = table(
    (
        "401 for a key it does not know, 403 for one without the scope",
        DOCUMENTED,
        "1.1",
        "settings.BrazeEmulatorSettings",
    ),
    ("The words of the 401", RECORDED, "1.6", "app.BrazeApp"),
    (
        "Path, method, key, scope, rate, content type, size and JSON are checked in this order",
        ASSUMED,
        "1.6",
        "app.BrazeApp",
    ),
    ("403 for a trailing slash", ASSUMED, "1.1", "routes.find_route"),
    ("X-Braze-Bulk is counted and changes nothing", DOCUMENTED, "1.1", "workspace.Workspace.count_request"),
    (
        "4 MB a request (of 1,024 x 1,024 bytes each), then 413",
        ASSUMED,
        "1.5",
        "settings.BrazeEmulatorSettings",
    ),
    ("75 objects together, 75 in each array, or 50, by preset", DOCUMENTED, "1.5", "presets"),
    ("Bulk: 1,000 objects, 100 of one user, 2 MB", DOCUMENTED, "1.7", "track.Tracker.bulk"),
    ("Sync: one object, applied at once, values echoed", DOCUMENTED, "1.7", "track.Tracker.sync"),
    ("Export: 201, users, invalid_user_ids", RECORDED, "1.10", "workspace.Workspace.export_ids"),
)
ANSWERS = table(
    (
        "201 with counts; dropped objects in errors by array and position",
        DOCUMENTED,
        "1.6",
        "track.Tracker.track",
    ),
    ("201, not 200, also when some objects are bad", RECORDED, "1.10", "track.Tracker"),
    ("400 with errors when every object is bad", RECORDED, "1.6", "track._refused"),
    ("Errors as constants", DOCUMENTED, "1.6", "validation.Rejection"),
    ("Errors as sentences", RECORDED, "1.6", "validation.Rejection"),
    ("A case known in one dialect only keeps its words in the other", ASSUMED, "1.6", "validation.Rejection"),
    ("One primary identifier; email, then phone, only without one", DOCUMENTED, "1.3", "validation.identify"),
    (
        "Email, subscription states, location and quantity are checked",
        DOCUMENTED,
        "1.6",
        "validation.wrong_value",
    ),
    ("Errors without an index (a fault to plant)", RECORDED, "1.6", "track.Tracker"),
    ("202 queued in maintenance (a fault to plant)", DOCUMENTED, "1.6", "app.BrazeApp"),
    ("What is queued says nothing of its bad objects", ASSUMED, "1.6", "app.BrazeApp"),
)
RATES = table(
    ("Fixed windows that begin at multiples of their length", DOCUMENTED, "1.7", "rates._Counted"),
    ("One limit for the whole company, whatever the key", DOCUMENTED, "1.7", "rates.RateLimiter"),
    ("Limit, remaining, and the reset as an epoch", DOCUMENTED, "1.8", "settings.BrazeEmulatorSettings"),
    ("50,000 a minute with epochs (preset legacy)", RECORDED, "1.7", "presets"),
    ("Limit, remaining, and the seconds left", DOCUMENTED, "1.8", "settings.BrazeEmulatorSettings"),
    ("429 of the seconds-left dialect: X-Ratelimit-Retry-After alone", DOCUMENTED, "1.8", "rates"),
    ("429 of the epoch dialect: the three limit headers", ASSUMED, "1.8", "rates"),
    ("429 with Retry-After (a setting)", RECORDED, "1.8", "rates"),
    ("A refused call does not count; the body of the 429", ASSUMED, "1.10", "rates.RateLimiter"),
    ("With two windows the headers are those of the longer one", DOCUMENTED, "1.8", "rates.RateLimiter"),
    ("The numbers of an hourly contract (preset mau-2026)", ASSUMED, "1.7", "presets"),
)
PROFILES = table(
    ("Arrays of scalars are sets of at most 500", DOCUMENTED, "2.1", "nested._unique"),
    ("The last 500 stay; 1, 1.0 and true are three values", ASSUMED, "2.1", "nested._unique"),
    ("Arrays inside objects are no sets", ASSUMED, "1.10", "nested.kept_array"),
    ("Dropped without a word: an array or object over 100 KB", DOCUMENTED, "2.1", "nested"),
    ("Dropped without a word: a null inside a nested value", DOCUMENTED, "2.1", "nested._storable"),
    ("An over-long string is dropped, not cut", ASSUMED, "1.10", "nested"),
    ("A value nested deeper than 254 levels is dropped", ASSUMED, "2.1", "nested._text"),
    (
        "Dropped without a word: blocked attributes, which are free",
        DOCUMENTED,
        "2.1",
        "attribute_types.AttributeRules.admitted",
    ),
    ("A forced or first type coerces, or drops, later values", DOCUMENTED, "2.1", "attribute_types.coerced"),
    ("Which values can be coerced", ASSUMED, "2.1", "attribute_types.coerced"),
    (
        "An unknown user with _update_existing_only is not created",
        DOCUMENTED,
        "1.4",
        "store.ProfileStore.write",
    ),
    ("Such an object counts as processed and costs nothing", ASSUMED, "1.4", "store.ProfileStore.write"),
    (
        "Null removes an attribute; an object replaces or, with _merge_objects, merges",
        DOCUMENTED,
        "1.4",
        "profiles.write_attributes",
    ),
    ("Names lose the spaces around them; profile fields are not stored", DOCUMENTED, "2.1", "profiles"),
    (
        "Data points: one for an attribute, one for each key of each object, sent or not changed",
        DOCUMENTED,
        "2.2",
        "profiles.write_attributes",
    ),
    ("What is dropped costs nothing", ASSUMED, "1.6", "profiles"),
    ("Accepted is queued: applied late", DOCUMENTED, "1.6", "waiting.Waiting"),
    ("No order between requests", DOCUMENTED, "1.9", "waiting.Waiting"),
    ("How late a request is (from the seed)", ASSUMED, "1.9", "waiting.Waiting"),
)
CATALOGS = table(
    (
        "POST, PATCH, PUT, DELETE of at most 50 items: 202, applied later",
        DOCUMENTED,
        "3.1",
        "catalogs.Catalogs",
    ),
    (
        "One bad item refuses the request: 400, errors by code with the item ids",
        DOCUMENTED,
        "3.1",
        "catalog_errors.CatalogError",
    ),
    ("One entry for each code, naming every id", ASSUMED, "3.1", "catalog_items.id_errors"),
    (
        "With several parameters the values are objects with an id",
        RECORDED,
        "3.1",
        "catalog_errors.CatalogError",
    ),
    ("404 for a catalog or an item that is not there", DOCUMENTED, "3.1", "catalog_errors"),
    ("Ids: letters, digits, - and _, at most 250", DOCUMENTED, "3.1", "catalog_items"),
    (
        "Values of 5,000 characters, arrays of 100 strings, objects of 50 levels",
        DOCUMENTED,
        "3.1",
        "catalog_items",
    ),
    ("The length of an object is that of its JSON text", ASSUMED, "3.1", "catalog_items._size_problem"),
    ("Fields first; values are coerced to their type", DOCUMENTED, "3.1", "catalog_schema"),
    ("PUT replaces or creates, PATCH edits what is there", DOCUMENTED, "3.1", "catalogs.Catalogs._apply"),
    (
        "POST of many leaves an item that is there; PATCH and DELETE of many pass over one that is not",
        ASSUMED,
        "3.1",
        "catalogs.Catalogs._apply",
    ),
    ("Single items, pages of 50 with a cursor", DOCUMENTED, "3.1", "catalogs.Catalogs.page"),
)
BEHAVIOURS = {
    "Calls": CALLS,
    "Answers of /users/track": ANSWERS,
    "Rate limits": RATES,
    "Profiles": PROFILES,
    "Catalogs": CATALOGS,
}


def markdown() -> str:
    """The tables of the guide; `python -m personalize_connectors.emulators.braze.behaviours` prints them."""
    parts = []
    for title, rows in BEHAVIOURS.items():
        lines = [f"| {row.what} | {row.tag} | {row.section} | `{row.where}` |" for row in rows]
        head = "| behaviour | tag | braze.md | code |\n| --- | --- | --- | --- |"
        parts.append("\n".join([f"### {title}\n", head, *lines]))
    return "\n\n".join(parts)


if __name__ == "__main__":
    print(markdown())  # noqa: T201 - the tables are what this is for
