"""Which IAM actions on which resources a request to AWS needs, and what policy documents allow.

Source: AWS service authorization reference, "Actions, resources, and condition keys for Amazon S3"; a multipart upload needs
s3:PutObject, its end without success s3:AbortMultipartUpload, and HEAD of an object s3:GetObject.
"""

import io
import json
import re
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import parse_qs, unquote
from xml.etree import ElementTree as ET


class Asked(NamedTuple):
    """One action on one resource."""

    action: str
    resource: str


def asked(environment) -> list[Asked]:
    """What a request needs; its body can still be read afterwards."""
    body = environment["wsgi.input"].read(int(environment.get("CONTENT_LENGTH") or 0))
    environment["wsgi.input"] = io.BytesIO(body)
    credential = re.search(
        r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/", environment.get("HTTP_AUTHORIZATION", "")
    )
    assert credential, "a request that is not signed"
    region, service = credential.groups()
    if service == "s3":
        return _of_s3(environment, body)
    if service == "ssm":
        operation, name = environment["HTTP_X_AMZ_TARGET"].rpartition(".")[2], json.loads(body)["Name"]
        return [Asked(f"ssm:{operation}", f"arn:aws:ssm:{region}:123456789012:parameter{name}")]
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    return [Asked(f"{service}:{form['Action']}", form["TopicArn"])]


def _of_s3(environment, body) -> list[Asked]:
    path = unquote(environment.get("RAW_URI", environment["PATH_INFO"]).partition("?")[0])
    bucket, _, key = path.lstrip("/").partition("/")
    method = environment["REQUEST_METHOD"]
    query = parse_qs(environment.get("QUERY_STRING", ""), keep_blank_values=True)
    arn = f"arn:aws:s3:::{bucket}"
    if not key and method == "GET":
        return [Asked("s3:ListBucket", arn)]
    if not key and "delete" in query:
        keys = [found.text for found in ET.fromstring(body).iter() if found.tag.endswith("Key")]
        return [Asked("s3:DeleteObject", f"{arn}/{found}") for found in keys]
    assert key, f"{method} of a bucket: {environment.get('QUERY_STRING')}"
    actions = {"GET": "GetObject", "HEAD": "GetObject", "PUT": "PutObject", "POST": "PutObject"}
    aborted = method == "DELETE" and "uploadId" in query
    action = actions.get(method) or ("AbortMultipartUpload" if aborted else "DeleteObject")
    return [Asked(f"s3:{action}", f"{arn}/{key}")]


def statements(*documents: str) -> list[dict]:
    """The statements of policy documents, all of which allow something."""
    found = [statement for document in documents for statement in json.loads(document)["Statement"]]
    assert all(statement["Effect"] == "Allow" and "Condition" not in statement for statement in found)
    return found


def listed(value) -> list[str]:
    """An element of a statement, which may be one text or several."""
    return [value] if isinstance(value, str) else value


def allowed(one: Asked, statement: dict) -> bool:
    """Whether a statement allows an action on a resource."""
    return one.action in listed(statement["Action"]) and any(
        fnmatchcase(one.resource, pattern) for pattern in listed(statement["Resource"])
    )


def refused(found: set[Asked], policy: list[dict]) -> set[Asked]:
    """What no statement allows."""
    return {one for one in found if not any(allowed(one, statement) for statement in policy)}
