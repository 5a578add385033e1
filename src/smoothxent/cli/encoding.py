"""ASCII replacements for characters that the encoding of an output lacks."""

import codecs

NAME = "smoothxent.ascii"  # for the argument `errors` of a text stream

ASCII = str.maketrans(
    dict.fromkeys("▏▎▍", "-")
    | dict.fromkeys("▌▋▊▉", "=")
    | {"█": "#", "±": "+-", "–": "-", "µ": "u"}
)


def in_ascii(error: UnicodeError) -> tuple[str, int]:
    """Return ASCII for the characters that can't be encoded, and the position after them."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return missing.translate(ASCII).encode("ascii", "replace").decode(), error.end


codecs.register_error(NAME, in_ascii)
