"""Tables of a result: its sections, written as text, Markdown and HTML."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from html import escape
from textwrap import fill, wrap
from typing import NamedTuple

WIDTH = 80  # columns of text
MARKDOWN = str.maketrans({"\\": r"\\", "|": r"\|", "<": "&lt;"})  # in names and ids
STYLE = (
    "<style>.smoothxent td, .smoothxent th { text-align: right; padding: 1px 10px; "
    "font-variant-numeric: tabular-nums; } "
    ".smoothxent td:first-child, .smoothxent th:first-child, .smoothxent .notes td:last-child "
    "{ text-align: left; }</style>"
)


class Section(NamedTuple):
    """A table: rows of cells, the first to the left, the others to the right."""

    rows: Sequence[Sequence[str]]
    head: Sequence[str] = ()
    title: str = ""
    has_notes: bool = False  # the last column is text, to the left

    def text(self) -> str:
        """Return aligned columns; notes are wrapped."""
        table = [self.head, *self.rows] if self.head else self.rows
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        indent = sum(widths[:-1]) + 2 * len(widths[:-1])
        lines = [self.title] if self.title else []
        for first, *others in table:
            aligned = zip(others, widths[1:], strict=True)
            cells = [first.ljust(widths[0]), *(cell.rjust(width) for cell, width in aligned)]
            if self.has_notes:
                cells[-1] = f"\n{' ' * indent}".join(wrap(others[-1], WIDTH - indent))
            lines.append("  ".join(cells).rstrip())
        return "\n".join(lines)

    def markdown(self) -> str:
        """Return a Markdown table, with its title above."""
        head = self.head or ("metric", "value", *[""] * (len(self.rows[0]) - 2))
        aligned = ["--:"] * (len(head) - 1)
        if self.has_notes:
            aligned[-1] = "---"
        cells = [[cell.translate(MARKDOWN) for cell in row] for row in (head, *self.rows)]
        first, *others = [f"| {' | '.join(row)} |" for row in cells]
        table = "\n".join([first, f"|---|{'|'.join(aligned)}|", *others])
        return f"{self.title}\n\n{table}" if self.title else table

    def html(self) -> str:
        """Return an HTML table, with its title above."""
        title = f"<p>{escape(self.title)}</p>" * bool(self.title)
        kind = ' class="notes"' * self.has_notes
        head = f"<thead>{_html_row(self.head, 'th')}</thead>" * bool(self.head)
        body = "".join(_html_row(row, "td") for row in self.rows)
        return f"{title}<table{kind}>{head}<tbody>{body}</tbody></table>"


def _html_row(cells: Sequence[str], tag: str) -> str:
    return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"


class Report(ABC):
    """A result that prints as tables, in a notebook too."""

    __slots__ = ()

    @abstractmethod
    def _title(self, interval: float | None = None) -> str:
        """Return the title, one line or more, with an interval as `_sections`."""

    @abstractmethod
    def _sections(self, interval: float | None = None) -> list[Section]:
        """Return the tables; with an interval in place of each error, if its share is given."""

    def to_text(self, *, interval: float | None = None) -> str:
        """Return the tables as text, as `print` shows them.

        Parameters
        ----------
        interval : float, optional
            Show confidence intervals of this share, such as 0.95, in place of standard errors.

        Returns
        -------
        str
            The title and the tables, in at most 80 columns, unless a word of the title is longer:
            the path of a file.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import evaluate
        >>> evaluation = evaluate(np.zeros((4, 256)), [8, 7, 6, 5])
        >>> print(evaluation.to_text().splitlines()[0])
        Evaluation of 4 rows; losses in nats
        """
        lines = self._title(interval).split("\n")
        title = "\n".join(
            fill(each, WIDTH, break_long_words=False, break_on_hyphens=False) for each in lines
        )
        return "\n\n".join([title, *(each.text() for each in self._sections(interval))])

    def to_markdown(self, *, interval: float | None = None) -> str:
        """Return the tables as Markdown, for a README or an issue.

        Parameters
        ----------
        interval : float, optional
            As in `to_text`.

        Returns
        -------
        str
            The title and the tables, an empty line before each; it ends with a line break.

        Examples
        --------
        >>> import numpy as np
        >>> from smoothxent import evaluate
        >>> print(evaluate(np.zeros((4, 256)), [8, 7, 6, 5]).to_markdown().splitlines()[2])
        | metric | value |  |
        """
        tables = [each.markdown() for each in self._sections(interval)]
        title = self._title(interval).translate(MARKDOWN)
        return "\n\n".join([title.replace("\n", "  \n"), *tables]) + "\n"  # two spaces end a line

    def __str__(self) -> str:
        return self.to_text()

    def _repr_html_(self) -> str:
        title = escape(self._title()).replace("\n", "<br>")
        tables = "".join(each.html() for each in self._sections())
        return f'<div class="smoothxent">{STYLE}<strong>{title}</strong>{tables}</div>'
