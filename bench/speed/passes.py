"""Time one contender in a process of its own, with pytest-benchmark."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import children

VARIABLE = "SMOOTHXENT_BENCH"  # of the environment, with the pass in JSON

# Warnings of the libraries are ignored, because this repository can't fix them. A round takes at
# least 100 us; a slow call has at least three rounds.
OPTIONS = """
    --verbose --no-header --tb=short -p no:cacheprovider
    --override-ini=addopts= --override-ini=filterwarnings=ignore
    --benchmark-quiet --benchmark-disable-gc --benchmark-min-time=100e-6 --benchmark-min-rounds=3
"""


@dataclass(frozen=True)
class Pass:
    """One run of one contender."""

    contender: str
    threads: int
    quick: bool
    folder: str  # temporary: the float64 results, shared by all processes, and their JSON files

    def run(self) -> tuple[dict[str, Any] | None, str]:
        """Return pytest-benchmark's JSON, if any, and the end of pytest's report of failures."""
        output = Path(self.folder, "measured.json")
        output.unlink(missing_ok=True)
        ended = children.run(
            *("pytest", "bench/speed/stopwatch.py", *OPTIONS.split()),
            f"--benchmark-max-time={0.1 if self.quick else 0.2}",
            f"--benchmark-storage={self.folder}/storage",
            f"--benchmark-json={output}",
            environment=children.surroundings(
                **{VARIABLE: json.dumps(asdict(self))},
                # Later passes reuse the code that torch.compile has compiled.
                TORCHINDUCTOR_CACHE_DIR=f"{self.folder}/inductor",
            ),
        )
        measured = json.loads(output.read_text()) if output.exists() else None
        lines = f"{ended.output}{ended.errors}".splitlines(keepends=True)
        return measured, "".join(lines[-40:]) if ended.status else ""
