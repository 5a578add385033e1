"""`python -m bench.promises`: run the cases of docs/promises.md with every installed library."""

from __future__ import annotations

import argparse
import platform
import sys
from datetime import date
from pathlib import Path
from textwrap import fill

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
        help="compare only with this library (repeatable); the page does not change",
    )
    parser.add_argument(
        "--page",
        type=Path,
        metavar="FILE",
        help=f"page whose tables are replaced; default {PAGE.relative_to(ROOT)}",
    )
    options = parser.parse_args(arguments)
    results, versions = {}, {}
    for name, library in LIBRARIES.items():
        chosen = name == OURS or not options.peer or name in options.peer
        if chosen and library.installed():
            results[name], details = answers(name)
            versions[name] = details["version"]
            print(name, file=sys.stderr)
            for case, answer in results[name].items():
                print(f"    {case}: {answer}", file=sys.stderr)
    page = options.page or (None if options.peer else PAGE)
    if page:
        libraries = ", ".join(f"{name} {version}" for name, version in versions.items())
        heading = f"{libraries}, Python {platform.python_version()}; {date.today().isoformat()}."
        text = with_tables(page.read_text(encoding="utf-8"), results, fill(heading, 120))
        page.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
