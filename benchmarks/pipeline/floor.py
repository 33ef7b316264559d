"""The floor: the time to read a day's input, and to push its output's text through the same compressor to the same disk.

Nothing happens in between. The text is that of the run's own records, of which a part is held in memory and written again and again,
so that no time goes into making it; the part is larger than what the compressor looks back.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pyarrow as pa

from benchmarks.pipeline.inputs import DAYS, JOB, output_folder
from personalize_connectors import layout
from personalize_connectors.engine.gather import IN_CACHE
from personalize_connectors.line_file import line_file
from personalize_connectors.storage import open_storage

_PART = 256 << 20
_BLOCK = 1 << 20
_COLUMNS = {
    "input": "STRUCT(userId VARCHAR)",
    "output": "STRUCT(recommendedItems VARCHAR[], scores DOUBLE[])",
}
_COMPRESSIONS = {".zst": "zstd", ".gz": "gzip", ".json": None}


def floor(root: Path, day: str) -> dict[str, float]:
    """Seconds to read and to write, and the bytes of both, of a day whose records are there."""
    records = sorted((root / layout.output(DAYS[day], "braze")).glob("*.json*"))
    compression = _COMPRESSIONS[records[0].suffix]
    part, size = _text(records, compression)
    inputs = [*output_folder(root, DAYS[day]).iterdir(), *(root / layout.metadata_folder(JOB)).iterdir()]
    started = time.perf_counter()
    read = sum(len(block) for path in inputs for block in _blocks(path, None))
    between = time.perf_counter()
    with (
        tempfile.NamedTemporaryFile(dir=root) as file,
        pa.output_stream(file.name, compression=compression) as sink,
    ):
        for start in range(0, size, len(part) or 1):
            sink.write(part[: size - start])
    done = time.perf_counter()
    found = {"read_seconds": between - started, "write_seconds": done - between, "read": read, "text": size}
    found["threads_seconds"] = _on_all_processors(root, compression, part, size)
    return found | _by_duckdb(output_folder(root, DAYS[day]), root)


def _on_all_processors(root: Path, compression: str | None, part: memoryview, size: int) -> float:
    """Seconds to write the same text in pieces as a run does."""
    started, text = time.perf_counter(), pa.py_buffer(part)
    with tempfile.TemporaryDirectory(dir=root) as folder:
        with line_file(open_storage(folder), "floor", compression or "none") as lines:
            for start in range(0, size, IN_CACHE):
                at = start % len(part)
                lines.put(text.slice(at, min(IN_CACHE, len(part) - at, size - start)))
        return time.perf_counter() - started


def _by_duckdb(folder: Path, scratch: Path) -> dict[str, float]:
    """Seconds in which DuckDB reads and parses a batch output, and in which it also writes it as Parquet, on all processors.

    The first tells hours and machines apart, the second is what typed lines cost an engine that does nothing else.
    """
    lines = f"read_json('{folder}/*.out', format = 'newline_delimited', columns = {_COLUMNS})"
    parsed = "count(input.userId), sum(len(output.recommendedItems)), sum(list_sum(output.scores))"
    typed = "input.userId AS query, output.recommendedItems AS recommended, output.scores AS scores"
    with duckdb.connect() as session, tempfile.NamedTemporaryFile(dir=scratch) as file:
        session.execute("SET enable_progress_bar = false")
        started = time.perf_counter()
        session.execute(f"SELECT {parsed} FROM {lines}").fetchall()
        between = time.perf_counter()
        session.execute(
            f"COPY (SELECT {typed} FROM {lines}) TO '{file.name}' (FORMAT parquet, COMPRESSION zstd)"
        )
        done = time.perf_counter()
    return {"scan_seconds": between - started, "parquet_seconds": done - between}


def _text(paths: list[Path], compression: str | None) -> tuple[memoryview, int]:
    """The first part of the text, and how long all of it is."""
    part, size = bytearray(), 0
    for path in paths:
        for block in _blocks(path, compression):
            size += len(block)
            if len(part) < _PART:
                part += block
    return memoryview(bytes(part)), size


def _blocks(path: Path, compression: str | None) -> Iterator[bytes]:
    with pa.input_stream(str(path), compression=compression) as stream:
        while block := stream.read(_BLOCK):
            yield block


def main() -> None:
    """`ROOT DAY`; prints the figures as JSON."""
    print(json.dumps(floor(Path(sys.argv[1]), sys.argv[2])))


if __name__ == "__main__":
    main()
