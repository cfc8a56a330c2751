#!/usr/bin/env python3
"""Compares two builds: the bytes of their students, their figures, and their time and memory.

    python3 tests/compare_builds.py OLD NEW [--runs N] [--rename OLD=NEW]... [RECIPE]...

OLD and NEW are checkouts in which `cargo build --release` has run. Each recipe is run with its own seed and two threads by
both builds, each from its own checkout, since keys may have been renamed between them. A recipe that only one of them has
is named and left out. Without recipes, all smoke recipes are compared, and the quickstart with a few steps.

Weights have to be equal to the byte, and `metrics.json` but for times, memory and renamed keys. With `--runs N`, whole
processes are timed N times, the two builds in turns, and the median of the ratios is printed with its 95 % interval
(bootstrap), for seconds and for peak memory. Exit code 1 where weights or figures differ.

Needs nothing but Python 3.10 on Linux.
"""

import argparse
import json
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

SHORT = {
    "recipes/quickstart.toml": [
        "stage.collapse.train.steps=20",
        "stage.collapse.train.validate-every=10",
        "evaluation.limit=20",
        "evaluation.timed-examples=4",
    ]
}
# Renamed since the build before the task registry: models of `metrics.json` and ratios.
RENAMED = {"question-alone": "question-only", "retention-above-floor": "retention-above-trivial-baseline"}
# Parts of names of what is measured anew by each run.
MEASURED = ("second", "time", "memory", "latency", "throughput", "speedup", "version", "commit")


def run(checkout, recipe, out):
    """Runs a recipe into a folder; its seconds and its peak memory in bytes."""
    flags = [part for value in SHORT.get(recipe, []) for part in ("--set", value)]
    command = [checkout / "target/release/alambic", "run", recipe, "--threads", "2", "--out", out, *flags]
    shutil.rmtree(out, ignore_errors=True)
    before = time.monotonic()
    process = subprocess.Popen(
        command, cwd=checkout, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    said = process.stderr.read().decode(errors="replace")
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - before
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{recipe} in {checkout} failed:\n{said[-2000:]}")
    return seconds, usage.ru_maxrss * 1024


def weights(out):
    """The bytes of the student's weights and of every finished model, by path."""
    files = [path for path in out.rglob("*.safetensors") if "teacher-outputs" not in path.parts]
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


def figures(value, renamed):
    """What is compared of `metrics.json`: all but what is measured anew, under the new names."""
    if isinstance(value, dict):
        kept = {renamed.get(key, key): own for key, own in value.items() if not any(word in key for word in MEASURED)}
        return {key: figures(own, renamed) for key, own in kept.items()}
    if isinstance(value, list):
        return [figures(own, renamed) for own in value]
    return value


def differences(old, new, place=""):
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted(old.keys() | new.keys()):
            if key not in new or key not in old:
                yield f"{place}/{key} is only in the {'old' if key in old else 'new'} one"
            else:
                yield from differences(old[key], new[key], f"{place}/{key}")
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new)):
            yield from differences(*pair, f"{place}/{index}")
    elif old != new:
        yield f"{place}: {old!r:.80} and {new!r:.80}"


def interval(ratios):
    """The median and its 95 % interval, by 4,000 bootstrap samples."""
    generator = random.Random(1)
    medians = sorted(statistics.median(generator.choices(ratios, k=len(ratios))) for _ in range(4000))
    return f"{statistics.median(ratios):.3f} ({medians[100]:.3f} to {medians[3899]:.3f})"


def compare(recipe, old, new, renamed, folder):
    outs = [folder / "old", folder / "new"]
    for checkout, out in zip((old, new), outs):
        run(checkout, recipe, out)
    before, after = (weights(out) for out in outs)
    wrong = [f"weights {name}" for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    results = [figures(json.loads((out / "metrics.json").read_text()), renamed) for out in outs]
    wrong += [f"metrics.json {difference}" for difference in differences(*results)]
    print(f"{recipe}: {len(before)} files of weights, {'the same' if not wrong else 'DIFFERENT'}", flush=True)
    for difference in wrong[:20]:
        print(f"    {difference}")
    return not wrong


def measure(recipe, old, new, runs, folder):
    pairs = []
    for index in range(runs + 1):
        order = [(old, 0), (new, 1)] if index % 2 == 0 else [(new, 1), (old, 0)]
        own = [None, None]
        for checkout, place in order:
            own[place] = run(checkout, recipe, folder / "timed")
        # The first pair warms the caches of the file system.
        if index > 0:
            pairs.append(own)
    seconds, memory = ([new[part] / old[part] for old, new in pairs] for part in (0, 1))
    medians = [statistics.median(own[side][0] for own in pairs) for side in (0, 1)]
    print(
        f"    {medians[0]:.2f} s and {medians[1]:.2f} s: seconds {interval(seconds)}, memory {interval(memory)}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("old", type=pathlib.Path)
    parser.add_argument("new", type=pathlib.Path)
    parser.add_argument("recipes", nargs="*")
    parser.add_argument("--runs", type=int, default=0, help="times each build is timed (0: not at all)")
    parser.add_argument("--rename", action="append", default=[], metavar="OLD=NEW", help="a key of metrics.json")
    arguments = parser.parse_intermixed_args()
    old, new = arguments.old.resolve(), arguments.new.resolve()
    renamed = RENAMED | dict(pair.split("=", 1) for pair in arguments.rename)
    recipes = arguments.recipes
    if not recipes:
        listed = subprocess.run(
            [new / "target/release/alambic", "list", "recipes", "--json"], check=True, capture_output=True
        )
        names = [entry["name"].removeprefix("builtin:") for entry in json.loads(listed.stdout)]
        smoke = [f"recipes/{name}.toml" for name in names if "/smoke/" in name]
        recipes = [*SHORT, *smoke]
    same = True
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for recipe in recipes:
            if not (old / recipe).is_file():
                print(f"{recipe}: only the new build has it")
                continue
            same &= compare(recipe, old, new, renamed, folder)
            if arguments.runs > 0:
                measure(recipe, old, new, arguments.runs, folder)
    sys.exit(0 if same else 1)


if __name__ == "__main__":
    main()
