"""A bucket of S3: how it is reached, encrypted and read in parallel."""

from __future__ import annotations

import logging
import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any

import obstore
from obstore.store import ObjectStore, S3Store

from personalize_connectors.aws import aws_client
from personalize_connectors.aws_endpoint import aws_endpoint
from personalize_connectors.errors import BadSettings

if TYPE_CHECKING:  # obstore has them for type checkers only
    from obstore import GetOptions
    from obstore.auth.boto3 import Boto3CredentialProvider
    from obstore.store import ClientConfig, RetryConfig, S3Config

_RANGE = 8 << 20
_RANGES_AT_ONCE = 4
_SMALL, _SMALL_AT_ONCE = 1 << 20, 16
# A request ends within the time for which a delivery's lease holds; so does finding that nobody answers.
_CLIENT: ClientConfig = {"timeout": "10s", "connect_timeout": "3s"}
_RETRIES: RetryConfig = {"max_retries": 10, "retry_timeout": timedelta(seconds=60)}
_REGION = re.compile(r"[A-Za-z0-9-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_log = logging.getLogger(__name__)


def s3_store(bucket: str, prefix: str) -> S3Store:
    """The store of a bucket, by the usual AWS variables and files; `CONNECTORS_SSE_KMS_KEY_ID` encrypts what is written.

    Raises:
        BadSettings: there are no credentials, the profile that is named is not there, or the endpoint or region cannot be one.
    """
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if (region := os.environ.get(name)) and not _REGION.fullmatch(region):
            raise BadSettings(f"{name} is {region!r}; write a region, for example eu-west-1, or unset it")
    plain_http = (aws_endpoint("s3") or "").startswith("http://")
    key = os.environ.get("CONNECTORS_SSE_KMS_KEY_ID")
    encryption: S3Config = {"server_side_encryption": "aws:kms", "sse_kms_key_id": key} if key else {}
    options: ClientConfig = {"allow_http": plain_http, **_CLIENT}
    return S3Store(
        bucket,
        prefix=prefix or None,
        client_options=options,
        retry_config=_RETRIES,
        credential_provider=_credential_provider(),
        config=encryption,
    )


def _credential_provider() -> Boto3CredentialProvider | None:
    """What the store cannot find itself: it knows the variables with keys, but no profiles, files and single sign-on."""
    if os.environ.get("AWS_ACCESS_KEY_ID") and os.environ.get("AWS_SECRET_ACCESS_KEY"):
        return None
    from personalize_connectors.aws_credentials import credential_provider  # noqa: PLC0415 - boto3's import takes 0.2 s of each command, most of which need none

    return credential_provider()


def ranges(store: ObjectStore, path: str) -> Iterator[bytes]:
    """The object's bytes in order, a few ranges ahead at once; all of the same version of it."""
    whole = obstore.get(store, path)
    etag, size = whole.meta["e_tag"] or "", whole.meta["size"]
    if size <= _RANGE:
        if size:
            yield bytes(whole.bytes())
        return
    del whole

    def read(start: int) -> bytes:
        return one_range(store, path, (start, min(start + _RANGE, size)), etag)

    ahead: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(_RANGES_AT_ONCE) as pool:
        try:
            for start in range(0, size, _RANGE):
                ahead.append(pool.submit(read, start))
                if len(ahead) == _RANGES_AT_ONCE:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            for future in ahead:
                future.cancel()


def one_range(store: ObjectStore, path: str, bounds: tuple[int, int], etag: str) -> bytes:
    """Some bytes of an object, of this version of it where one is named."""
    options: GetOptions = {"range": bounds}
    if etag:
        options["if_match"] = etag
    return bytes(obstore.get(store, path, options=options).bytes())


def read_ahead(
    read: Callable[[str], bytes], blocks: Callable[[str], Iterator[bytes]], objects: Sequence[tuple[str, int]]
) -> Iterator[Iterator[bytes]]:
    """The bytes of objects (path and size) in order; small ones are read whole, some at once, and held until it is their turn."""
    small = [path for path, size in objects if size <= _SMALL]
    ahead: deque[Future[bytes]] = deque()
    with ThreadPoolExecutor(_SMALL_AT_ONCE) as pool:
        waiting = iter(small)
        ahead.extend(pool.submit(read, path) for path in islice(waiting, 2 * _SMALL_AT_ONCE))
        try:
            for path, size in objects:
                if size > _SMALL:
                    yield blocks(path)
                    continue
                yield iter([ahead.popleft().result()])
                ahead.extend(pool.submit(read, path) for path in islice(waiting, 1))
        finally:
            for future in ahead:
                future.cancel()


def plain_listing(
    store: S3Store, url: str, folder: str, after: str = ""
) -> Iterator[list[Mapping[str, Any]]]:
    """Pages of the objects below a folder, without those whose keys no path can name; these are counted and told.

    The store itself gives a listing up at the first key with an empty part, as `a//b`, be it of somebody else.
    """
    root = f"{store.prefix}/" if store.prefix else ""
    client = aws_client("s3")
    asked = {
        "Bucket": store.config["bucket"],
        "Prefix": f"{root}{folder}",
        "StartAfter": f"{root}{after}" if after else "",
    }
    left_out = 0
    for page in client.get_paginator("list_objects_v2").paginate(**asked):
        keys = page.get("Contents", [])
        good = [found for found in keys if _can_be_named(found["Key"])]
        left_out += len(keys) - len(good)
        yield [_as_listed(found, len(root)) for found in good]
    if left_out:
        _log.warning(
            "%s: %d keys with an empty part, as in a//b, or a control character are left out", url, left_out
        )
    client.close()


def _as_listed(found: Mapping[str, Any], root: int) -> Mapping[str, Any]:
    return {
        "path": found["Key"][root:].rstrip("/"),
        "size": found["Size"],
        "last_modified": found["LastModified"],
        "e_tag": found["ETag"],
    }


def _can_be_named(key: str) -> bool:
    parts = key.removesuffix("/").split("/")
    return all(part not in ("", ".", "..") for part in parts) and not _CONTROL.search(key)
