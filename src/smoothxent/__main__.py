"""`python -m smoothxent` is the command `smoothxent`."""

from smoothxent.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
