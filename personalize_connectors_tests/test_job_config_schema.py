"""The JSON schema of config.json, which takes and refuses what the parser does."""

import json

import jsonschema
import pytest

from personalize_connectors.demo.shop import PERSONAL_JOB, SIMILAR_JOB, ShopSize, write_day
from personalize_connectors.job_config import schema
from personalize_connectors.job_run import Job
from personalize_connectors_tests.test_job_config import GOOD, braze, parse, problems


@pytest.fixture(scope="module")
def validator():
    """A validator of the schema, which is itself valid."""
    jsonschema.Draft202012Validator.check_schema(schema())
    return jsonschema.Draft202012Validator(schema())


def test_the_schema_takes_the_configs_of_the_demo(validator, tmp_path):
    """Both configs of the demo pass the JSON schema, and are read without a problem."""
    write_day(tmp_path, 0, ShopSize(users=20, items=40))
    for name in (PERSONAL_JOB, SIMILAR_JOB):
        content = (tmp_path / f"etl_jobs/{name}/config.json").read_bytes()
        assert [error.message for error in validator.iter_errors(json.loads(content))] == []
        assert list(parse(content, Job.parse(name)).connectors) == ["braze"]


@pytest.mark.parametrize(
    ("config", "taken"),
    [
        (GOOD, True),
        (GOOD | {"$schema": "x", "// a": 1, "connectors": {"//": 2, "braze": {"// b": 3}}}, True),
        (
            braze(otherAttributes={"a": [1, {"b": "c"}]}, itemMetadataFields=["a"], performDeltaCheck=False),
            True,
        ),
        (
            braze(
                contract="legacy",
                rateLimit=[{"// why": 1, "requests": 9, "seconds": 1}],
                onInvalid={"// why": 1, "null_inside": "drop_record", "misaligned": "stop"},
            ),
            True,
        ),
        (braze(onInvalid={"null": "stop"}), False),
        (braze(onInvalid={"null_inside": "keep"}), False),
        (braze(onInvalid={"misaligned": "drop_field"}), False),
        (braze(rateLimit=[{"requests": 9}]), False),
        (braze(rateLimit=[{"requests": 9, "seconds": 1, "minutes": 1}]), False),
        (GOOD | {"itemPerUser": 3}, False),
        (GOOD | {"itemsPerUser": 0}, False),
        (GOOD | {"connectors": {}}, False),
        (GOOD | {"connectors": {"mail": {}}}, False),
        (braze(payload="x"), False),
        (braze(prefix="x"), False),
        ({"connectors": {"braze": {}}}, False),
    ],
)
def test_the_schema_says_what_the_parser_says(validator, config, taken):
    """An editor with the schema takes and refuses what the parser does, comments included."""
    assert validator.is_valid(config) is taken
    if taken:
        parse(config)
    else:
        problems(config)
