"""Waiting for something that another process or thread does."""

import threading
import time


def until(condition, seconds=60):
    """Wait for a condition, at most a minute."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"the condition did not come true in {seconds} s"
        pause.wait(0.02)
