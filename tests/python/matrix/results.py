"""Results of a tool's program, for `matrix.py`: a line of JSON each."""

import json
import sys

import numpy as np


def numbers(values):
    if hasattr(values, "detach"):
        values = values.detach().cpu()
    return np.asarray(values).tolist()


def write(version, results_of):
    """Writes what `results_of` gives for each case: pairs of the name of an output and its values, or names of what is said."""
    with open(sys.argv[1], encoding="utf-8") as file:
        cases = json.load(file)
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        print(json.dumps({"version": version}), file=file)
        for case in cases:
            try:
                for what, values in results_of(case):
                    part, _, what = what.rpartition(": ")
                    said = {"says": values} if isinstance(values, str) else {"values": numbers(values)}
                    if isinstance(values, tuple):
                        said = {"says": values[0], "is good": True}
                    print(json.dumps({"case": case["name"], "part": part, "what": what, **said}), file=file)
            except Exception as error:
                message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
                print(json.dumps({"case": case["name"], "refuses": message}), file=file)


def named(case, *names):
    """Inputs of a case as arrays, those of these names or all."""
    types = {"pixel_values": np.float32, "visual_embeds": np.float32}
    return {name: np.array(value, dtype=types.get(name, np.int64))
            for name, value in case["inputs"].items() if not names or name in names}
