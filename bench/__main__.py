"""`python -m bench`: the speed of all, then ours where it is used."""

import sys

from .speed.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
