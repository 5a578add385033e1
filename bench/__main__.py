"""`python -m bench`: the speed of all libraries, then the speed of smoothxent in use."""

import sys

from .speed.__main__ import main

if __name__ == "__main__":
    sys.exit(main())
