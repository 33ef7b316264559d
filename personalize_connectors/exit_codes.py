"""The exit codes that scripts rely on."""

RUN_FAILED, WRONG, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130
