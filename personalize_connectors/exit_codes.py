"""The exit codes that scripts rely on."""

RUN_FAILED, WRONG, UNREACHABLE, INTERRUPTED, READER_GONE = 1, 2, 3, 130, 141
