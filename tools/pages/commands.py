"""Write docs/commands.md: the commands, arguments and options of the command line.

python -m tools.pages.commands
"""

import argparse
from pathlib import Path

from smoothxent import cli

PAGE = Path(__file__).parents[2] / "docs" / "commands.md"
HEAD = """\
<!-- Written by `python -m tools.pages.commands`. -->
# Command line

`smoothxent COMMAND --help` prints the same. `python -m smoothxent COMMAND` works too (an
unknown `SMOOTHXENT_ISA` then has exit code 1). Options can't be abbreviated.

| exit code | meaning |
|--:|---|
| 0 | success |
| 1 | an error in the data or the system: a file, a full disk; a number out of range |
| 2 | wrong arguments, or a package that is not installed |
| 130 | Ctrl-C |

An error is one line on stderr. [faults.md](../tests/project/faults.md) lists bad inputs and
their errors.
"""


def text() -> str:
    """Return the text of the page."""
    kinds = (
        each for each in cli._parser()._actions if isinstance(each, argparse._SubParsersAction)
    )
    return "\n".join([HEAD, *(section(*each) for kind in kinds for each in kind.choices.items())])


def section(name: str, parser: argparse.ArgumentParser) -> str:
    """Return the section of a command: its usage, then its arguments and options."""
    actions = [each for each in parser._actions if each.dest != "help"]
    arguments = [each for each in actions if not each.option_strings]
    options = [each for each in actions if each.option_strings]
    usage = " ".join([f"smoothxent {name}", *map(metavar, arguments), "[options]"])
    head = [f"## {name}", "", parser.description or "", "", "```sh", usage, "```", ""]
    head += ["| argument | meaning |", "|---|---|"]
    return "\n".join([*head, *map(row, arguments + options), ""])


def row(action: argparse.Action) -> str:
    """Return the row of an argument or option in the table of its command."""
    name = " ".join([", ".join(action.option_strings), metavar(action)]).strip()
    return f"| `{name}` | {(action.help or '') % vars(action)} |"


def metavar(action: argparse.Action) -> str:
    """Return the value of an argument as --help shows it; empty for a flag."""
    if action.nargs == 0:
        return ""
    if action.choices is not None and action.metavar is None:
        return f"{{{','.join(map(str, action.choices))}}}"
    names = action.metavar or action.dest
    shown = names if isinstance(names, str) else " ".join(names)
    return {"?": f"[{shown}]", "+": f"{shown} ..."}.get(str(action.nargs), shown)


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
