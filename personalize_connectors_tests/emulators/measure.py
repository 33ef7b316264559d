"""How fast the emulator is: `python -m personalize_connectors_tests.emulators.measure [seconds]`.

The emulator runs on one core, a raw keep-alive client with requests made beforehand on another. Printed are calls a
second by the clock, and by the emulator's own processor time: what it would be on a core that nobody else uses.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

SERVE = """
import os, sys
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
from personalize_connectors.emulators.braze import read_settings, serve
serve(read_settings(eval(sys.argv[1])), ready=lambda url: print(url, flush=True))
"""
CONNECTIONS = 8
WIDE = {"track": [{"limit": 10**9, "seconds": 3600}, {"limit": 10**8, "seconds": 3}]}
CASES = {
    "no limit": {},
    "hourly and 3-second limit": {"rate_limits": WIDE, "header_dialect": "seconds_left"},
    "applied up to 100 ms later": {"apply_delay": 0.1},
}


def requests(kind: str) -> list[bytes]:
    """Requests of 75 users each: one attribute, a list of 10 ids, or 25 objects."""
    made = []
    for start in range(0, 64 * 75, 75):
        objects = [
            {"external_id": f"user-{number}", **_attributes(kind, number)}
            for number in range(start, start + 75)
        ]
        body = json.dumps({"attributes": objects}, separators=(",", ":")).encode()
        head = (
            "POST /users/track HTTP/1.1\r\nHost: emulator\r\nAuthorization: Bearer emulator-key\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        made.append(head.encode() + body)
    return made


def _attributes(kind: str, number: int) -> dict[str, object]:
    ids = [f"item-{(number * 7 + place * 13) % 5000}" for place in range(25)]
    if kind == "one attribute":
        return {"n": number}
    if kind == "10 ids":
        return {"_update_existing_only": False, "recommendation_ids": ids[:10]}
    names = {"name": "A product name", "price": 9.99, "url": "https://shop.example/x/y"}
    return {"recommendation_items": [{"itemId": one, **names} for one in ids]}


def measure(settings: dict[str, object], kind: str, seconds: float) -> str:
    """Calls a second."""
    program = [sys.executable, "-c", SERVE, repr(settings)]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        host, port = process.stdout.readline().strip().removeprefix("http://").split(":")
        made = requests(kind)
        before, started = _processor(process.pid), time.perf_counter()
        statuses = _send((host, int(port)), made, seconds)
        elapsed, used = time.perf_counter() - started, _processor(process.pid) - before
        process.terminate()
    calls = statuses.total()
    size = len(made[0])
    return f"{size:>9,}{calls / elapsed:>10,.0f}{calls / used:>12,.0f}   {dict(statuses)}"


def _send(address: tuple[str, int], made: list[bytes], seconds: float) -> Counter[str]:
    statuses: Counter[str] = Counter()
    sent = 0
    with selectors.DefaultSelector() as selector:
        for _ in range(CONNECTIONS):
            client = socket.create_connection(address)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(client, selectors.EVENT_READ, bytearray())
            client.sendall(made[sent % len(made)])
            sent += 1
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for key, _ in selector.select():
                if _whole(key.data, key.fileobj.recv(65536)):  # type: ignore[union-attr]
                    statuses[key.data[9:12].decode()] += 1
                    key.data.clear()
                    key.fileobj.sendall(made[sent % len(made)])  # type: ignore[union-attr]
                    sent += 1
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return statuses


def _whole(buffer: bytearray, part: bytes) -> bool:
    """Whether an answer is complete: the emulator sends its length, and one object."""
    if not part:
        raise ConnectionError("the emulator closed a connection")
    buffer += part
    head, end, body = bytes(buffer).partition(b"\r\n\r\n")
    return bool(end) and len(body) == int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])


def _processor(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    spell = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    show = sys.stdout.write
    show(f"{'75 users of':<16}{'settings':<28}{'bytes':>9}{'calls/s':>10}{'per CPU s':>12}\n")
    for shape, (title, given) in [
        ("one attribute", ("no limit", CASES["no limit"])),
        *(("10 ids", case) for case in CASES.items()),
        ("25 objects", ("no limit", CASES["no limit"])),
    ]:
        show(f"{shape:<16}{title:<28}{measure(given, shape, spell)}\n")
