"""The rules that make mistakes: patterns of code, each with what may take the place of a match.

They need no parser, so they serve Python, Cython and C alike; some mistakes do not compile. They
do not see comments, strings, imports and signatures. The formatters put a space on both sides of a
binary operator, which tells it from a sign.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass


def in_brackets(depth: int) -> str:
    """Return a pattern of a pair of brackets, with at most `depth` more inside each other."""
    inner = in_brackets(depth - 1) if depth else "(?!)"
    return rf"[(\[{{](?:[^()\[\]{{}};]|{inner})*+[)\]}}]"


BRACKETS = in_brackets(4)
TERM = rf"(?<![\w.>)\]])[-~!&*]?(?:[\w.]|->|{BRACKETS})++"
ARGUMENT = rf"(?!\s)(?:[^()\[\]{{}},;]|{BRACKETS})++"
CLAUSE = rf"(?:[^()\[\]{{}},;:?=\n]|[=!<>]=|(?<=\w)=(?=\w)|{BRACKETS})+?"
LINE = rf"(?:[^()\[\]{{}};\n]|{BRACKETS})++"
TARGET = r"[\w.]+(?:(?:\.|->)\w+|\[[^\n\]]*\])*"

PYTHON = rf"""
    "{{3}}(?s:.*?)"{{3}} | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*' | \#.*
    | ^(?:from|import|cimport|cdef\ extern)\ (?:.*\($(?s:.*?)^\)|.*)
    | \bfor\ [\w,\ ]+\ in\b | \braise\ \w+(?:{BRACKETS})?
    | ^\ *(?:def|class)\ \w+(?:{BRACKETS})?.*: | ^\ *cp?def\ [^=\n]*\(.*:$ | ^\w+:\ TypeAlias\ =.*
"""
C = r'/\*(?s:.*?)\*/ | "(?:\\.|[^"\\\n])*" | ^\#.* | ^\w.*\{$'

OPERATORS = {
    "<": "<= >=", "<=": "< >", ">": ">= <=", ">=": "> <", "==": "!=", "!=": "==", "+": "-",
    "-": "+", "*": "/", "/": "*", "//": "*", "<<": ">>", ">>": "<<", "&": "|", "|": "&",
    "+=": "-= =", "-=": "+= =", "*=": "/= =", "|=": "&= =", "&=": "|= =", "and": "or",
    "or": "and", "&&": "||", "||": "&&", "is": "is_not", "is not": "is", "in": "not_in",
    "not in": "in",
}  # fmt: skip
PAIRS = """min max, minimum maximum, any all, True False, break continue, floor ceil, zero one,
    mul add, add sub, MUL ADD, ADD SUB, nan inf, NAN INFINITY"""
OTHERS = {b: a for a, b in map(str.split, PAIRS.split(","))}
OTHERS |= dict(map(str.split, PAIRS.split(",")))


def near(number: str) -> list[str]:
    kind = float if "." in number else int
    return [str(kind(number) + 1), str(kind(number) - 1)]


def of_call(head: str, *arguments: str) -> Iterator[str]:
    """Yield the call without a named argument, with two in the other order, an argument alone."""
    for i, argument in enumerate(arguments):
        before, after = arguments[:i], arguments[i + 1 :]
        yield f"{head}({', '.join(before + after)})" if "=" in argument else argument
        if after and head.lower() not in ("add", "mul"):
            yield f"{head}({', '.join([*before, after[0], argument, *after[1:]])})"


RULES: dict[str, Callable[..., Iterable[str]]] = {
    rf"(?<= )({'|'.join(re.escape(each) for each in OPERATORS)})(?= )": (
        lambda operator: [each.replace("_", " ") for each in OPERATORS[operator].split()]
    ),
    rf"\b({'|'.join(OTHERS)})\b": lambda name: [OTHERS[name]],
    r"(?<![\w.])(\d+(?:\.\d*)?)(?![\w.])": near,
    rf"(?<![\w.])([\w.]+(?:\(\w+\))?)\((\s*{ARGUMENT}(?:,\s*{ARGUMENT})*),?\)": of_call,
    # one operand, one value of two, one entry less
    rf"({TERM}) (?:[-+*/%&|@]|//|<<|>>|\*\*) ({TERM})": lambda a, b: [a, b],
    rf"\? ({CLAUSE}) : ({CLAUSE})(?=[;,)])": lambda a, b: [f"? {a} : {a}", f"? {b} : {b}"],
    rf"^ +{LINE}, *$": lambda: [""],
    r"\.\w+\(\)": lambda: [""],
    r"\b(not )": lambda _: [""],
    r"(?<=[(= ])([-~!])(?=\w)": lambda _: [""],
    r"(?<!abs\()(?<=\()(\w+)(?=\))": lambda name: [f"-{name}"],
    # conditions that always hold, or never
    rf"\b(if|elif|while|and|or|not) ({CLAUSE})(?= and | or | else |:? *$|[])}},])": (
        lambda word, _: [f"{word} 1", f"{word} 0"]
    ),
    rf"(\bif \(|&& |\|\| )({CLAUSE})(?= && | \|\| |\))": lambda a, _: [f"{a}1", f"{a}0"],
    # statements that do nothing
    rf"^( *){TARGET} (?:[-+*/|&]=) {LINE} *$|^( +)[\w.]+\({LINE}\) *$": lambda a, b: [
        f"{a or b}pass"
    ],
    rf"^( +){TARGET}[.\]][^=\n]* = {LINE} *$": lambda a: [f"{a}pass"],
    rf"^ +(?:{TARGET} [-+*/|&]?= |\w+\()[^;]*;": lambda: [";"],
}


@dataclass(frozen=True)
class Mutant:
    path: str
    text: str  # of the whole file
    line: int
    old: str  # the line, or lines
    new: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.key}\n    {self.old.strip()}\n    {self.new.strip()}"

    @property
    def key(self) -> str:
        """A name that stays while the line does."""
        return hashlib.sha256(f"{self.old.strip()}\n{self.new.strip()}".encode()).hexdigest()[:8]


def hidden(match: re.Match[str]) -> str:
    """Return underscores for a string, spaces for a comment and the like: as many, and lines."""
    return re.sub(r"[^\n]", "_" if match[0][0] in "\"'" else " ", match[0])


def mutants_of(path: str, text: str) -> list[Mutant]:
    """Return all mistakes of the rules in the text of this file."""
    unseen = re.compile(C if path.endswith(".h") else PYTHON, re.VERBOSE | re.MULTILINE)
    seen = unseen.sub(hidden, text)
    argument = re.compile(ARGUMENT)
    found = {}
    for pattern, others in RULES.items():
        rule = re.compile(pattern, re.MULTILINE)
        match = rule.search(seen)
        while match:
            start, end = match.span()
            spans = [match.span(i + 1) for i in range(rule.groups)]
            if others is of_call:  # a string may hold commas
                spans[1:] = [each.span() for each in argument.finditer(seen, *spans[1])]
            groups = [text[slice(*span)] for span in spans]
            first, last = text.rfind("\n", 0, start) + 1, text.find("\n", end)
            for other in others(*groups):
                new = text[first:start] + other + text[end:last]
                whole = text[:first] + new + text[last:]
                line = text.count("\n", 0, start) + 1
                found[whole] = Mutant(path, whole, line, text[first:last], new)
            match = rule.search(seen, start + 1)
    found.pop(text, None)
    return list(found.values())
