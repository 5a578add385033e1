"""The command `smoothxent`. It is outside the package because importing the package may fail."""

import sys


def main() -> int:
    """Run the command line and return its exit code; 2 if SMOOTHXENT_ISA is wrong."""
    try:
        from smoothxent.cli import main as run
    except ImportError as error:
        if not str(error).startswith("SMOOTHXENT_ISA"):
            raise
        sys.stderr.write(f"smoothxent: {error}\n")
        return 2
    return run()
