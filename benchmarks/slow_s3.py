"""An S3 that answers late: listings, reads and conditional puts of what it was given, in a process of its own.

It holds the keys in memory, sorted, so that on a small machine the time of a request is the delay and not the stand-in.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qs, unquote
from xml.sax.saxutils import escape

import uvicorn

_PAGE = 1000


@dataclass
class Keys:
    """The keys of one bucket, in the order in which S3 lists them, and what they hold."""

    names: list[str] = field(default_factory=list)
    contents: dict[str, bytes] = field(default_factory=dict)

    def put(self, name: str, content: bytes) -> None:
        """Put one object."""
        if name not in self.contents:
            insort(self.names, name)
        self.contents[name] = content

    def page(self, prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, bool]]:
        """Keys and common prefixes from a place on; whether it is a prefix."""
        place = bisect_right(self.names, after) if after >= prefix else bisect_left(self.names, prefix)
        while place < len(self.names) and self.names[place].startswith(prefix):
            name = self.names[place]
            head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
            if found:
                common = f"{prefix}{head}{delimiter}"
                if common > after:
                    yield common, True
                place = bisect_left(self.names, common + "\U0010ffff", place)
            else:
                yield name, False
                place += 1


@dataclass
class SlowS3:
    """The application: each request waits, then is answered."""

    delay: float
    written: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.000Z}")
    buckets: dict[str, Keys] = field(default_factory=dict)
    requests: int = 0

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Answer one request."""
        if scope["type"] != "http":
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"] == "/-/requests":
            status, answer, headers = 200, str(self.requests).encode(), {}
        elif scope["path"] == "/-/seconds":
            status, answer, headers = 200, b"0", {}
        elif scope["path"] == "/-/load":
            self.load(body.decode())
            status, answer, headers = 200, b"", {}
        else:
            self.requests += 1
            await asyncio.sleep(self.delay)
            status, answer, headers = self.answer(scope, body)
        fields = {"content-length": str(len(answer)), **headers}
        raw = [(key.encode(), value.encode()) for key, value in fields.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": answer})

    def load(self, lines: str) -> None:
        """Put objects: bucket, key and content, separated by tabs, one object in each line."""
        for line in lines.splitlines():
            bucket, name, content = line.split("\t")
            self.buckets.setdefault(bucket, Keys()).put(name, content.encode())

    def answer(self, scope, body: bytes) -> tuple[int, bytes, dict[str, str]]:  # type: ignore[no-untyped-def]  # noqa: ANN001
        """Status, body and headers."""
        bucket, _, name = unquote(scope["raw_path"].decode()).lstrip("/").partition("/")
        keys = self.buckets.setdefault(bucket, Keys())
        query = {key: values[0] for key, values in parse_qs(scope["query_string"].decode()).items()}
        if "list-type" in query:
            return 200, self.listing(keys, query), {"content-type": "application/xml"}
        if scope["method"] == "PUT":
            if (b"if-none-match", b"*") in scope["headers"] and name in keys.contents:
                return 412, b"", {}
            keys.put(name, body)
            return 200, b"", {"etag": _etag(body)}
        if name not in keys.contents:
            missing = b"<Error><Code>NoSuchKey</Code><Message>none</Message></Error>"
            return 404, missing, {"content-type": "application/xml"}
        content = keys.contents[name]
        modified = "Mon, 23 Nov 2026 03:00:00 GMT"
        return 200, content, {"etag": _etag(content), "last-modified": modified}

    def listing(self, keys: Keys, query: dict[str, str]) -> bytes:
        """One page of ListObjectsV2."""
        after = query.get("continuation-token") or query.get("start-after", "")
        parts, number, last, cut = [], 0, "", False
        for name, is_prefix in keys.page(query.get("prefix", ""), query.get("delimiter", ""), after):
            if number == _PAGE:
                cut = True
                break
            number, last = number + 1, name
            if is_prefix:
                parts.append(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>")
            else:
                content = keys.contents[name]
                parts.append(
                    f"<Contents><Key>{escape(name)}</Key><LastModified>{self.written}</LastModified>"
                    f"<ETag>{_etag(content)}</ETag><Size>{len(content)}</Size></Contents>"
                )
        token = f"<NextContinuationToken>{escape(last)}</NextContinuationToken>" if cut else ""
        head = (
            f"<Name>b</Name><IsTruncated>{str(cut).lower()}</IsTruncated><KeyCount>{number}</KeyCount>{token}"
        )
        return f"<ListBucketResult>{head}{''.join(parts)}</ListBucketResult>".encode()


def _etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--delay", type=float, required=True)
    given = parser.parse_args()
    uvicorn.run(SlowS3(given.delay), host="127.0.0.1", port=given.port, log_level="warning", access_log=False)
