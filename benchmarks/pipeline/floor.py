"""The floor: the time to read a day's input, and to push its output's text through the same compressor to the same disk.

Nothing happens in between. The text is that of the run's own records, of which a part is held in memory and written again and again,
so that no time goes into making it; the part is larger than what the compressor looks back.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from benchmarks.pipeline.inputs import DAYS, JOB, output_folder
from personalize_connectors import layout
from personalize_connectors.installation import Installation

_PART = 256 << 20
_BLOCK = 1 << 20


def floor(day: str) -> dict[str, float]:
    """Seconds to read, seconds to write, and the bytes of both."""
    bucket = Installation().bucket
    root = bucket.local
    assert root, "the floor is that of a local disk"
    records = sorted((root / layout.output(DAYS[day], "braze")).glob("*.json.zst"))
    part, size = _text(records)
    read = _read([*output_folder(root, day).iterdir(), *(root / layout.metadata_folder(JOB)).iterdir()])
    started = time.perf_counter()
    with tempfile.NamedTemporaryFile(dir=root) as file, pa.CompressedOutputStream(file, "zstd") as sink:
        for start in range(0, size, len(part) or 1):
            sink.write(part[: size - start])
    return {**read, "write_seconds": time.perf_counter() - started, "text_bytes": size}


def _read(paths: list[Path]) -> dict[str, float]:
    started, size = time.perf_counter(), 0
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while block := file.read(_BLOCK):
                size += len(block)
    return {"read_seconds": time.perf_counter() - started, "input_bytes": size}


def _text(paths: list[Path]) -> tuple[memoryview, int]:
    """The first part of the text, and how long all of it is."""
    part, size = bytearray(), 0
    for path in paths:
        with pa.input_stream(str(path), compression="zstd") as stream:
            while block := stream.read(_BLOCK):
                size += len(block)
                if len(part) < _PART:
                    part += block
    return memoryview(bytes(part)), size


def main() -> None:
    """`DAY`; prints the figures as JSON."""
    print(json.dumps(floor(sys.argv[1])))


if __name__ == "__main__":
    main()
