"""config.json: what it says, and every message about what is wrong with it."""

import json

import pytest

from personalize_connectors.connectors.braze import BrazeSettings
from personalize_connectors.errors import InvalidConfig
from personalize_connectors.job_config import JobConfig, TopLevel, parse_config
from personalize_connectors.job_run import JOB_TYPES, Job

DAILY = Job("user_personalization", "daily")
SIMILAR = Job("related_items", "similar")
GOOD = {"batchInferencePath": "in", "connectors": {"braze": {}}}
BRAZE = "$.connectors.braze"
PATH_MISSING = (
    "$.batchInferencePath: is missing, and needed: Folder or s3:// prefix of one batch output; or its parent: then each "
    "complete child is a new source. A relative path is below the bucket's root."
)
TOP_KEYS = (
    "batchInferencePath, connectors, itemsPerUser, maxErrorShare, maxUserDrop, performDeltaCheck, personalizeAccess, "
    "recordCompression, saveBatchInferenceErrors, settleSeconds, userItemPolicy"
)
RULES = (
    "array_over_500_elements, id_over_987_bytes, item_id_too_long, list_over_100_kb, misaligned, name_not_storable, "
    "null_inside, text_over_255_characters, time_not_text, value_over_100_kb, value_over_50_levels"
)


def parse(config, job=SIMILAR) -> JobConfig:
    """Parse a config, or bytes as they are."""
    content = config if isinstance(config, bytes) else json.dumps(config).encode()
    return parse_config(content, "u", job)


def problems(config, job=SIMILAR) -> list[str]:
    """What is wrong with a config, without the address of the file."""
    with pytest.raises(InvalidConfig) as refused:
        parse(config, job)
    lines = str(refused.value).split("\n")
    assert all(line.startswith("u: ") for line in lines)
    return [line.removeprefix("u: ") for line in lines]


def braze(**block) -> dict:
    """A good config with this block for Braze."""
    return GOOD | {"connectors": {"braze": block}}


def other(value, key="x") -> dict:
    """A good config with one other attribute."""
    return braze(otherAttributes={key: value})


def test_fills_in_the_defaults():
    """What a config leaves out has the default of the issue's table."""
    assert parse(GOOD) == JobConfig(
        TopLevel(
            batchInferencePath="in",
            settleSeconds=60,
            personalizeAccess=False,
            saveBatchInferenceErrors=False,
            performDeltaCheck=True,
            itemsPerUser=25,
            userItemPolicy="merge",
            maxErrorShare=0.05,
            maxUserDrop=0.3,
            recordCompression="zstd",
            connectors={"braze": {}},
        ),
        {
            "braze": BrazeSettings(
                performDeltaCheck=None,
                itemMetadataFields=None,
                onInvalid={},
                maxRemovalShare=0.1,
                rateLimit=None,
                recordsPerRequest=None,
                concurrentRequests=32,
                attributePrefix="recommendation_",
                otherAttributes={},
                missingUsers="keep",
                maxUsers=None,
                maxDataPoints=None,
                pricePerDataPoint=None,
                payload="objects",
                allowMisaligned=False,
                updateExistingOnly=False,
                contract="points-2026",
                catalogIds=None,
            )
        },
    )


@pytest.mark.parametrize(
    ("top", "own", "checked"),
    [({}, {}, True), (False, {}, False), (True, False, False), (False, True, True), (False, None, False)],
)
def test_the_connectors_delta_check_wins(top, own, checked):
    """A connector's performDeltaCheck wins over the top level's, and is that one's where it is not set."""
    config = braze(**({} if own == {} else {"performDeltaCheck": own}))
    config |= {} if top == {} else {"performDeltaCheck": top}
    assert parse(config).delta_check("braze") is checked


def test_leaves_comments_and_the_byte_order_mark_out():
    """Keys with // in front are comments at every level, also repeated; $schema and a BOM change nothing."""
    text = """{"//": "a", "//": "b", "$schema": "x", "batchInferencePath": "in",
        "connectors": {"// none": {}, "braze": {"// why": [1]}}}"""
    assert parse(b"\xef\xbb\xbf" + text.encode()) == parse(GOOD)


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        (GOOD | {"itemPerUser": 3}, "$.itemPerUser: unknown key; did you mean 'itemsPerUser'?"),
        (GOOD | {"PERFORMDELTACHECK": 1}, "$.PERFORMDELTACHECK: unknown key; did you mean 'performDeltaCheck'?"),
        (GOOD | {"zzz": 3}, f"$.zzz: unknown key; known are {TOP_KEYS}"),
        (braze(prefix="x"), f"{BRAZE}.prefix: unknown key; did you mean 'attributePrefix'?"),
        ({"connectors": {"braze": {}}}, PATH_MISSING),
        (
            {"batchInferencePath": "in"},
            "$.connectors: is missing, and needed: Where to deliver: one block for each destination.",
        ),
        (GOOD | {"batchInferencePath": ""}, '$.batchInferencePath: is "": string should have at least 1 character'),
        (GOOD | {"batchInferencePath": 7}, "$.batchInferencePath: is 7: input should be a valid string"),
        (GOOD | {"itemsPerUser": "3"}, '$.itemsPerUser: is "3": input should be a valid integer'),
        (GOOD | {"itemsPerUser": 2.5}, "$.itemsPerUser: is 2.5: input should be a valid integer"),
        (GOOD | {"itemsPerUser": True}, "$.itemsPerUser: is true: input should be a valid integer"),
        (GOOD | {"itemsPerUser": 0}, "$.itemsPerUser: is 0: input should be greater than or equal to 1"),
        (GOOD | {"itemsPerUser": 501}, "$.itemsPerUser: is 501: input should be less than or equal to 500"),
        (GOOD | {"maxErrorShare": 5}, "$.maxErrorShare: is 5: input should be less than or equal to 1"),
        (GOOD | {"maxUserDrop": -0.1}, "$.maxUserDrop: is -0.1: input should be greater than or equal to 0"),
        (
            GOOD | {"saveBatchInferenceErrors": "yes"},
            '$.saveBatchInferenceErrors: is "yes": input should be a valid boolean',
        ),
        (GOOD | {"performDeltaCheck": None}, "$.performDeltaCheck: is null: input should be a valid boolean"),
        (GOOD | {"userItemPolicy": "last"}, "$.userItemPolicy: is \"last\": input should be 'merge' or 'first'"),
        (
            GOOD | {"recordCompression": "lz4"},
            "$.recordCompression: is \"lz4\": input should be 'none', 'gzip' or 'zstd'",
        ),
        (GOOD | {"connectors": {}}, "$.connectors: is {}: dictionary should have at least 1 item"),
        (GOOD | {"connectors": ["braze"]}, '$.connectors: is ["braze"]; it must be an object {...}'),
        (GOOD | {"connectors": {"braze": None}}, f"{BRAZE}: is null; it must be an object {{...}}"),
        (
            GOOD | {"connectors": {"Brase": {}}},
            "$.connectors.Brase: no such connector is installed; did you mean 'braze'?",
        ),
        (
            GOOD | {"connectors": {"mail": {}}},
            "$.connectors.mail: no such connector is installed; known are braze, braze_catalog",
        ),
        (
            braze(payload="object"),
            f"{BRAZE}.payload: is \"object\": input should be 'objects', 'ids', 'flat' or 'arrays'",
        ),
        (
            braze(itemMetadataFields=["b", "a", "b", "a", "c"]),
            f'{BRAZE}.itemMetadataFields: is ["b", "a", "b", "a", "c"]: names a, b more than once; name each field once',
        ),
        (braze(itemMetadataFields=["a", 1]), f"{BRAZE}.itemMetadataFields[1]: is 1: input should be a valid string"),
        (braze(itemMetadataFields=[]), f"{BRAZE}.itemMetadataFields: is []: list should have at least 1 item"),
        (braze(contract="mau"), f"{BRAZE}.contract: is \"mau\": input should be 'legacy', 'mau-2024', 'points-2026' or 'mau-2026'"),
        (braze(missingUsers="drop"), f"{BRAZE}.missingUsers: is \"drop\": input should be 'keep' or 'unset'"),
        (braze(maxRemovalShare=2), f"{BRAZE}.maxRemovalShare: is 2: input should be less than or equal to 1"),
        (braze(recordsPerRequest=0), f"{BRAZE}.recordsPerRequest: is 0: input should be greater than or equal to 1"),
        (braze(recordsPerRequest=100), f"{BRAZE}.recordsPerRequest: is 100; Braze takes at most 75 objects in a request"),
        (braze(concurrentRequests=0), f"{BRAZE}.concurrentRequests: is 0: input should be greater than or equal to 1"),
        (braze(rateLimit=[]), f"{BRAZE}.rateLimit: is []: list should have at least 1 item"),
        (
            braze(rateLimit=[{"requests": 0, "seconds": 1}]),
            f"{BRAZE}.rateLimit[0].requests: is 0: input should be greater than or equal to 1",
        ),
        (
            braze(rateLimit=[{"requests": 1, "seconds": 1}, {"requests": 1}]),
            f"{BRAZE}.rateLimit[1].seconds: is missing, and needed: Length of a window.",
        ),
        (
            braze(rateLimit=[{"requests": 1, "seconds": 1, "request": 1}]),
            f"{BRAZE}.rateLimit[0].request: unknown key; did you mean 'requests'?",
        ),
        (braze(catalogIds=True), f"{BRAZE}.catalogIds: has no meaning with payload objects; only ids sends ids alone"),
        (
            braze(onInvalid={"text_over_255": "stop"}),
            f"{BRAZE}.onInvalid.text_over_255: no such rule; did you mean 'text_over_255_characters'?",
        ),
        (braze(onInvalid={"zzz": "stop"}), f"{BRAZE}.onInvalid.zzz: no such rule; known are {RULES}"),
        (
            braze(onInvalid={"misaligned": "drop_field"}),
            f'{BRAZE}.onInvalid.misaligned: is "drop_field"; it can be drop_record or stop',
        ),
        (
            braze(onInvalid={"null_inside": "keep"}),
            f"{BRAZE}.onInvalid.null_inside: is \"keep\": input should be 'drop_field', 'drop_record' or 'stop'",
        ),
        (braze(attributePrefix=""), f'{BRAZE}.attributePrefix: is "": string should have at least 1 character'),
        (braze(otherAttributes=["x"]), f'{BRAZE}.otherAttributes: is ["x"]; it must be an object {{...}}'),
        ([], "$: is []; it must be an object {...}"),
        (b"null", "$: is null; it must be an object {...}"),
        (GOOD | {"batchInferencePath": ["x" * 100]}, f'$.batchInferencePath: is ["{"x" * 78}...: input should be a valid string'),
    ],
)  # fmt: skip
def test_says_what_is_wrong(config, wrong):
    """A problem is told with its JSON path, the value, and what would be right."""
    assert problems(config) == [wrong]


def test_says_all_that_is_wrong_at_once():
    """One look at a config tells every problem in it."""
    config = {
        "itemsPerUser": 0,
        "userItemPolicy": "first",
        "connectors": {"mail": {}, "braze": {"payload": "ids", "otherAttributes": {"email": 1, "gender": 2}}},
    }
    profile = "is a field of Braze's own profile, not a custom attribute; choose another name"
    assert problems(config, DAILY) == [
        PATH_MISSING,
        "$.itemsPerUser: is 0: input should be greater than or equal to 1",
        "$.connectors.mail: no such connector is installed; known are braze, braze_catalog",
        f"{BRAZE}.otherAttributes.email: {profile}",
        f"{BRAZE}.otherAttributes.gender: {profile}",
        "$.userItemPolicy: has no meaning for user_personalization; only related_items maps users to items",
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "Expecting value: line 1 column 1 (char 0)"),
        (b"{'a': 1}", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"\xff\xfe", "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
        (b'{"maxErrorShare": NaN}', "NaN is no JSON number"),
        (b'{"a": [-Infinity]}', "-Infinity is no JSON number"),
        (b'{"a": 1e999}', "1e999 does not fit 64 bits"),
        (b'{"a": 18446744073709551616}', "18446744073709551616 does not fit 64 bits"),
        (b'{"a": "\\ud800"}', "'utf-8' codec can't encode character '\\ud800' in position 7: surrogates not allowed"),
    ],
)  # fmt: skip
def test_refuses_what_is_not_json(content, why):
    """A file that is not strict JSON in UTF-8, or holds what no destination can take, is refused with the place."""
    assert problems(content) == [f"cannot be read as JSON: {why}"]


def test_refuses_json_that_is_nested_too_deeply():
    """Nesting without end is an error of the config, not of the program."""
    (text,) = problems(b"[" * 100_000)
    assert text.startswith("cannot be read as JSON: maximum recursion depth exceeded")


def test_refuses_repeated_keys():
    """A key that stands in an object twice is an error wherever it is, as one of them would silently lose."""
    text = b"""{"batchInferencePath": "a", "batchInferencePath": "b", "itemsPerUser": 3,
        "connectors": {"braze": {"payload": "ids", "otherAttributes": {"x": 1, "x": 1, "x": 2}, "payload": "ids"}}}"""
    assert problems(text) == [
        f"key {key!r}: stands here more than once; keep one" for key in ("x", "payload", "batchInferencePath")
    ]


@pytest.mark.parametrize("job_type", JOB_TYPES)
def test_user_item_policy_is_for_related_items(job_type):
    """userItemPolicy, also with the default's value, is an error for the types that map no users to items."""
    config = GOOD | {"userItemPolicy": "merge"}
    if job_type == "related_items":
        assert parse(config, Job(job_type, "x")) == parse(GOOD)
    else:
        assert problems(config, Job(job_type, "x")) == [
            f"$.userItemPolicy: has no meaning for {job_type}; only related_items maps users to items"
        ]


def test_a_block_is_read_beside_the_others():
    """What a block leaves out can follow from another of the same job: ids are those of its catalog."""
    both = {"braze": {"payload": "ids"}, "braze_catalog": {"catalog": "items"}}
    assert parse(GOOD | {"connectors": both}).connectors["braze"].catalogIds is True
    assert parse(GOOD | {"connectors": {"braze": {"payload": "ids"}}}).connectors["braze"].catalogIds is None


def test_a_wrong_key_hides_no_other_problem():
    """What the model refuses and what the connector knows better come together."""
    block = {"payload": "list", "otherAttributes": {"email": "x", "_flag": 1}}
    content = json.dumps({"batchInferencePath": "x", "connectors": {"braze": block}}).encode()
    with pytest.raises(InvalidConfig) as refused:
        parse_config(content, "config.json", Job("user_personalization", "daily"))
    paths = [line.split(": ")[1] for line in str(refused.value).splitlines()]
    assert paths == [
        "$.connectors.braze.payload",
        "$.connectors.braze.otherAttributes.email",
        "$.connectors.braze.otherAttributes._flag",
    ]
