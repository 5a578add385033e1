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
    "RELEASING.md": "docs/releasing.md",
    "SECURITY.md": "docs/security.md",
    "ext/README.md": "docs/kernel.md",
    "tests/project/faults.md": "docs/faults.md",
    "examples/README.md": "docs/examples.md",
}
# [text](target) and ![text](target), if the target is a relative path.
LINK = re.compile(r"\[([^\]]*)\]\((?![a-z]+:|#)([^)#\s]*)(#[^)\s]*)?\)")


def of_the_site(text: str, file: str, page: str) -> str:
    """Return the text of a file with the links that it needs where a page includes it.

    A link whose text is the path of a page shows the title of the page.
    """

    def moved(link: re.Match[str]) -> str:
        words, target, heading = link.groups(default="")
        path = os.path.normpath(PurePosixPath(file).parent / target)
        new = os.path.relpath(PAGES.get(path, path), PurePosixPath(page).parent)
        shown = "" if path.endswith(".md") and path.endswith(words) else words
        return f"[{shown}]({new}{heading})"

    return LINK.sub(moved, text)


def targets(text: str, file: str) -> set[str]:
    """Return the paths, from the root of the repository, that a file links to."""
    folder = PurePosixPath(file).parent
    return {os.path.normpath(folder / target) for _, target, _ in LINK.findall(text)}
