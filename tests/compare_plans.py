"""Time and memory that `alambic plan --time` tells of recipes, against what their runs took.

    python3 tests/compare_plans.py [RECIPE]...

Needs a build (`cargo build --release`) and a machine that does nothing else. Without recipes it takes five smoke recipes of
different kinds. Prints a line for each, and exits with 1 where the time or the memory is off by more than a factor of 1.5.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ALAMBIC = Path(__file__).resolve().parent.parent / "target/release/alambic"
RECIPES = [f"builtin:{name}" for name in (
    "text/smoke/logits", "text/smoke/tinybert", "text/smoke/question-answering", "vision/smoke/dide", "parallel/smoke/sentence",
)]
FACTOR = 1.5


def run(recipe, folder):
    """Seconds and bytes of memory of a run."""
    begin = time.monotonic()
    process = subprocess.Popen([ALAMBIC, "run", recipe, "--out", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, f"{recipe} ended with {status}"
    return time.monotonic() - begin, usage.ru_maxrss * 1024


def main():
    is_off = False
    print("recipe\tplanned s\ttaken s\tratio\tplanned MB\ttaken MB\tratio")
    for recipe in sys.argv[1:] or RECIPES:
        planned = subprocess.run([ALAMBIC, "plan", recipe, "--time", "--json"], check=True, capture_output=True)
        planned = json.loads(planned.stdout)["estimate"]
        with tempfile.TemporaryDirectory() as folder:
            seconds, memory = run(recipe, os.path.join(folder, "run"))
        ratios = planned["seconds"] / seconds, planned["peak-memory-bytes"] / memory
        is_off |= any(not 1 / FACTOR <= ratio <= FACTOR for ratio in ratios)
        print(f"{recipe}\t{planned['seconds']:.1f}\t{seconds:.1f}\t{ratios[0]:.2f}\t"
              f"{planned['peak-memory-bytes'] / 1e6:.0f}\t{memory / 1e6:.0f}\t{ratios[1]:.2f}", flush=True)
    sys.exit(is_off)


if __name__ == "__main__":
    main()
