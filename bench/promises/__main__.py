"""`python -m bench.promises`: puts the cases of docs/promises.md to everyone who is installed."""

from __future__ import annotations

import argparse
import platform
import sys
from datetime import date
from pathlib import Path

from bench.children import ROOT
from bench.peers import OURS

from .child import LIBRARIES
from .page import with_tables
from .processes import answers

PAGE = ROOT / "docs" / "promises.md"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.promises", description=__doc__)
    peers = [name for name in LIBRARIES if name != OURS]
    parser.add_argument(
        "--peer",
        action="append",
        choices=["none", *peers],
        help="next to this one alone (repeatable); the page is left as it is",
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help=f"whose tables to replace; default {PAGE.relative_to(ROOT)}",
    )
    options = parser.parse_args(arguments)
    said, versions = {}, {}
    for name, library in LIBRARIES.items():
        asked = name == OURS or not options.peer or name in options.peer
        if asked and library.installed():
            said[name], details = answers(name)
            versions[name] = details["version"]
            print(name, file=sys.stderr)
            for case, answer in said[name].items():
                print(f"    {case}: {answer}", file=sys.stderr)
    page = options.page or (None if options.peer else PAGE)
    if page:
        listed = ", ".join(f"{name} {version}" for name, version in versions.items())
        heading = f"{listed}, Python {platform.python_version()}; {date.today().isoformat()}."
        text = with_tables(page.read_text(encoding="utf-8"), said, heading)
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
