"""python -m bench.promises.child LIBRARY THREADS INDEX...: run cases with one library.

Print the answer of each case at once, as a line of JSON, so that a crash loses no other answer.
"""

from __future__ import annotations

import json
import sys
import warnings

from bench.peers import PEERS
from bench.peers.peer import NotOfferedError, Peer

from .cases import Case, cases


def answer(case: Case, library: Peer) -> str:
    try:
        return case.ask(library)
    except NotOfferedError:
        return "-"
    except Exception as error:
        return type(error).__name__


def main(name: str, threads: str, *indices: str) -> None:
    warnings.simplefilter("ignore")
    library, all_cases = PEERS[name](), cases()
    library.start(int(threads), by_default=True)
    print(json.dumps(library.details()), flush=True)
    for index in indices:
        print(json.dumps(answer(all_cases[int(index)], library)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
