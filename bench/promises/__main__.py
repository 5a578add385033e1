"""`python -m bench.promises`: run the cases of docs/promises.md with every installed library."""

from __future__ import annotations

import argparse
import platform
import sys
from datetime import date
from textwrap import fill

from bench.children import ROOT
from bench.peers import installed

from .page import with_tables
from .processes import LIBRARIES, answers

PAGE = ROOT / "docs" / "promises.md"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.promises", description=__doc__)
    parser.add_argument(
        "--peer",
        action="append",
        choices=["none", *LIBRARIES],
        help="compare only with this library (repeatable); the page does not change",
    )
    options = parser.parse_args(arguments)
    results, versions = {}, []
    for name in installed(LIBRARIES, options.peer):
        results[name], details = answers(name)
        versions.append(f"{name} {details['version']}")
        print(name, *(f"    {case}: {text}" for case, text in results[name].items()), sep="\n")
    if not options.peer:
        python = f"Python {platform.python_version()}; {date.today().isoformat()}."
        heading = fill(", ".join([*versions, python]), 120)
        text = with_tables(PAGE.read_text(encoding="utf-8"), results, heading)
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
