"""Links of Markdown files in the repository -> links between pages of the site.

A link such as `../ext/README.md` is right where people read the file itself. The site has a page
for each file in docs/, and the pages of `PAGES` for files elsewhere; each of these includes its
file. Other files are downloads.
"""

import os
import re
from pathlib import PurePosixPath

# file -> its page
PAGES = {
    "README.md": "docs/index.md",
    "CONTRIBUTING.md": "docs/contributing.md",
    "CHANGELOG.md": "docs/changelog.md",
    "ext/README.md": "docs/kernel.md",
    "examples/hanzi/README.md": "docs/hanzi_example.md",
}
# The target in [text](target) and ![text](target), if it is a relative path.
TARGET = re.compile(r"(?<=\]\()(?![a-z]+:|#)([^)#\s]+)")


def of_the_site(text: str, file: str, page: str) -> str:
    """Return the text of a file with the links that it needs where a page includes it."""

    def moved(target: re.Match[str]) -> str:
        path, mark, heading = target[0].partition("#")
        path = os.path.normpath(PurePosixPath(file).parent / path)
        return os.path.relpath(PAGES.get(path, path), PurePosixPath(page).parent) + mark + heading

    return TARGET.sub(moved, text)


def targets(text: str, file: str) -> set[str]:
    """Return the paths, from the root of the repository, that a file links to."""
    folder = PurePosixPath(file).parent
    return {os.path.normpath(folder / target) for target in TARGET.findall(text)}
