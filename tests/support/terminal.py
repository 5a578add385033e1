"""Run a command on a terminal of its own; return its output and its exit code."""

import os
import pty
import signal
import sys
import time

from quick import PATIENCE


def on_terminal(source, *arguments, interrupt_at=None):
    """Run Python source with a terminal for stdin, stdout and stderr.

    Return the exit code and the output. When the output has `interrupt_at`, Ctrl-C is typed.
    """
    child, terminal = pty.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "80", "PYTHONUNBUFFERED": "1"}
        command = [sys.executable, "-c", source, *map(str, arguments)]
        os.execve(sys.executable, command, environment)
    shown = b""
    end = time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end:
            try:
                piece = os.read(terminal, 1 << 16)
            except OSError:  # on Linux: the other side is closed
                break
            if not piece:
                break
            shown += piece
            if interrupt_at is not None and interrupt_at.encode() in shown:
                interrupt_at = None
                os.write(terminal, b"\x03")
        else:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(terminal)
        _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), shown.decode()
