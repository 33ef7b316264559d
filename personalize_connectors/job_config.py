"""config.json: the models, and errors that name file, JSON path, value and remedy, all at once.

Keys that begin with `//` are comments; `$schema` is left to editors.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from personalize_connectors.connectors.protocol import Connector, Rule
from personalize_connectors.connectors.registry import connectors
from personalize_connectors.connectors.settings import ConnectorSettings
from personalize_connectors.errors import InvalidConfig
from personalize_connectors.job_run import Job

_SHOWN = 80
_COMMENTS = {"patternProperties": {"^//": {"description": "A comment."}}}
_LEAST_INTEGER, _MOST_INTEGER = -(2**63), 2**64 - 1

Model = TypeVar("Model", bound=BaseModel)


class TopLevel(BaseModel):
    """The top level of config.json; each block below `connectors` has its connector's own model."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    batchInferencePath: str = Field(
        min_length=1,
        description="Folder or s3:// prefix of one batch output; or its parent: then each complete child is a new source. "
        "A relative path is below the bucket's root.",
    )
    settleSeconds: int = Field(
        default=60,
        ge=0,
        le=86_400,
        description="The sensor takes a batch output as complete when nothing in it has changed for so long.",
    )
    personalizeAccess: bool = Field(
        default=False,
        description="The sensor takes a batch output as complete when Amazon Personalize says its batch job is ACTIVE.",
    )
    saveBatchInferenceErrors: bool = Field(default=False, description="Keep the error lines below errors/.")
    performDeltaCheck: bool = Field(
        default=True, description="Send only what changed; a connector's own key wins."
    )
    itemsPerUser: int = Field(
        default=25, ge=1, le=500, description="The longest list a user gets, at most 500."
    )
    userItemPolicy: Literal["merge", "first"] = Field(
        default="merge",
        description="related_items, several mapped items per user: interleave their lists by rank, or take the first's.",
    )
    maxErrorShare: float = Field(
        default=0.05, ge=0, le=1, description="Above this share of error lines nothing is delivered."
    )
    maxUserDrop: float = Field(
        default=0.3,
        ge=0,
        le=1,
        description="Above this drop of users against the previous run nothing is delivered.",
    )
    recordCompression: Literal["none", "gzip", "zstd"] = Field(
        default="zstd", description="How the decorated records are stored: .json, .json.gz or .json.zst."
    )
    connectors: dict[str, Any] = Field(
        min_length=1, description="Where to deliver: one block for each destination."
    )


@dataclass(frozen=True)
class JobConfig:
    """A config.json that can be used."""

    top: TopLevel
    connectors: dict[str, ConnectorSettings]

    def delta_check(self, connector: str) -> bool:
        """Whether a connector sends only what changed."""
        own = self.connectors[connector].performDeltaCheck
        return self.top.performDeltaCheck if own is None else own


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: the JSON path, and the value with what would be right."""

    path: str
    text: str


def parse_config(content: bytes, uri: str, job: Job) -> JobConfig:
    """Read a config.json.

    Raises:
        InvalidConfig: with every problem of the file, one line each.
    """
    try:
        raw, repeated = _load(content)
    except (ValueError, RecursionError) as error:
        raise InvalidConfig(f"{uri}: cannot be read as JSON: {error}") from None
    problems = [Problem(path, "stands here more than once; keep one") for path in repeated]
    top = _validate(TopLevel, raw, "$", problems)
    settings = dict(_connectors(raw.get("connectors") if isinstance(raw, dict) else None, problems))
    if isinstance(raw, dict) and "userItemPolicy" in raw and job.job_type != "related_items":
        problems.append(
            Problem(
                "$.userItemPolicy",
                f"has no meaning for {job.job_type}; only related_items maps users to items",
            )
        )
    if problems or top is None:
        raise InvalidConfig("\n".join(f"{uri}: {problem.path}: {problem.text}" for problem in problems))
    return JobConfig(top, _side_by_side(settings))


def schema() -> dict[str, Any]:
    """The JSON schema of config.json with the connectors that are installed."""
    result = TopLevel.model_json_schema()
    models = {name: _block_schema(connector) for name, connector in connectors().items()}
    definitions = {
        key: value | _COMMENTS for model in models.values() for key, value in model.pop("$defs", {}).items()
    }
    result["properties"]["connectors"] = {
        "type": "object",
        "description": TopLevel.model_fields["connectors"].description,
        "properties": models,
        "additionalProperties": False,
        "minProperties": 1,
        **_COMMENTS,
    }
    result["properties"]["$schema"] = {"type": "string"}
    result |= _COMMENTS
    result["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    if definitions:
        result["$defs"] = {**result.get("$defs", {}), **definitions}
    return result | {"title": "config.json of a personalize_connectors job"}


def _block_schema(connector: Connector) -> dict[str, Any]:
    """The schema of a connector's block, in which onInvalid has its rules."""
    block = connector.settings.model_json_schema()
    rules = {
        name: {"enum": list(rule.actions), "description": f"Of {rule.text}."}
        for name, rule in connector.rules.items()
    }
    block["properties"]["onInvalid"] |= {"properties": rules, "additionalProperties": False, **_COMMENTS}
    return block | _COMMENTS


def _load(content: bytes) -> tuple[Any, list[str]]:
    """The JSON value without comments, and the paths of keys that stand in it twice."""
    repeated: list[str] = []

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in found]
        repeated.extend(
            sorted({f"key {key!r}" for key in keys if keys.count(key) > 1 and not key.startswith("//")})
        )
        return {key: value for key, value in found if not key.startswith("//") and key != "$schema"}

    def constant(text: str) -> Any:
        raise ValueError(f"{text} is no JSON number")

    def number(text: str) -> int | float:
        value = int(text) if text.lstrip("-").isdecimal() else float(text)
        if not (_LEAST_INTEGER <= value <= _MOST_INTEGER if isinstance(value, int) else isfinite(value)):
            raise ValueError(f"{text} does not fit 64 bits")
        return value

    loaded = json.loads(
        content.decode("utf-8-sig"),
        object_pairs_hook=pairs,
        parse_constant=constant,
        parse_int=number,
        parse_float=number,
    )
    json.dumps(loaded, ensure_ascii=False).encode()  # refuses halves of characters
    return loaded, repeated


def _connectors(blocks: Any, problems: list[Problem]) -> Iterator[tuple[str, ConnectorSettings]]:
    if not isinstance(blocks, dict):
        return
    known = connectors()
    for name, block in blocks.items():
        if name not in known:
            problems.append(
                Problem(
                    f"$.connectors.{name}", f"no such connector is installed{_nearest(name, list(known))}"
                )
            )
            continue
        settings = _validate(known[name].settings, block, f"$.connectors.{name}", problems)
        judged = settings or _what_can_be_read(known[name].settings, block)
        found = (
            [*_choice_problems(known[name].rules, judged), *known[name].problems(judged)] if judged else []
        )
        problems.extend(Problem(f"$.connectors.{name}.{path}", text) for path, text in found)
        if settings:
            yield name, settings


def _choice_problems(rules: Mapping[str, Rule], settings: ConnectorSettings) -> Iterator[tuple[str, str]]:
    """What cannot be chosen in onInvalid: rules that the connector does not have, and actions that a rule does not allow."""
    for name, action in settings.onInvalid.items():
        if name not in rules:
            yield f"onInvalid.{name}", f"no such rule{_nearest(name, list(rules))}"
        elif action not in rules[name].actions:
            yield f"onInvalid.{name}", f"is {_shown(action)}; it can be {' or '.join(rules[name].actions)}"


def _side_by_side(settings: Mapping[str, ConnectorSettings]) -> dict[str, ConnectorSettings]:
    """The blocks, each as it is beside the others."""
    return {
        name: connectors()[name].beside(
            own, {other: block for other, block in settings.items() if other != name}
        )
        for name, own in settings.items()
    }


def _validate(model: type[Model], raw: Any, base: str, problems: list[Problem]) -> Model | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        problems.extend(_problem(model, base, details) for details in error.errors())
        return None


def _what_can_be_read(model: type[Model], raw: Any) -> Model | None:
    """The settings without the keys that are wrong, so that the rest is judged too; None where one is needed."""
    block = raw if isinstance(raw, dict) else {}
    try:
        return model.model_validate(block)
    except ValidationError as error:
        wrong = {details["loc"][0] for details in error.errors() if details["loc"]}
    with suppress(ValidationError):
        return model.model_validate({key: value for key, value in block.items() if key not in wrong})
    return None


def _problem(model: type[BaseModel], base: str, details: Any) -> Problem:
    path = base + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in details["loc"])
    kind, value = details["type"], _shown(details["input"])
    if kind in ("extra_forbidden", "missing"):
        *outer, key = details["loc"]
        fields = _model_at(model, outer).model_fields
        if kind == "missing":
            return Problem(path, f"is missing, and needed: {fields[key].description}")
        return Problem(path, f"unknown key{_nearest(key, list(fields))}")
    if kind in ("model_type", "dict_type"):
        return Problem(path, f"is {value}; it must be an object {{...}}")
    message = details["msg"].removeprefix("Value error, ").partition(" after validation")[0]
    return Problem(path, f"is {value}: {message[0].lower()}{message[1:]}")


def _model_at(model: type[BaseModel], place: list[str | int]) -> type[BaseModel]:
    """The model inside a model that stands at a place."""
    for key in place:
        waiting = [model.model_fields[key].annotation] if isinstance(key, str) else []
        while waiting:
            part = waiting.pop()
            if isinstance(part, type) and issubclass(part, BaseModel):
                model = part
            waiting += get_args(part)
    return model


def _nearest(name: str, known: list[str]) -> str:
    lower = {key.lower(): key for key in known}
    near = get_close_matches(name.lower(), list(lower), n=1, cutoff=0.5)
    if near:
        return f"; did you mean {lower[near[0]]!r}?"
    return f"; known are {', '.join(sorted(known)) or 'none'}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "..."
