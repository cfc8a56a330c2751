"""What the scorer of CL-XABSA (Lin et al., 2023) makes of aspects with their sentiment, for the tests of the metrics.

    python reports/tests/golden/aspects.py FOLDER

reads `seq_utils.py` of https://github.com/GKLMIP/CL-XABSA in FOLDER and writes `aspects.json` beside itself. Its constant of 1e-4
in the denominators is set to almost nothing. Needs numpy.
"""

import json
import random
import sys
from pathlib import Path

import numpy

sys.path.insert(0, sys.argv[1])
import seq_utils  # noqa: E402

seq_utils.SMALL_POSITIVE_CONST = 1e-300
drawn = random.Random(7)
KINDS = ["POS", "NEG", "NEU"]
TAGS = ["O"] + [f"{place}-{kind}" for place in "BIES" for kind in KINDS]


def spans(length):
    """Tags of spans that are well-formed."""
    tags = []
    while len(tags) < length:
        kind, size = drawn.choice(KINDS), drawn.choice([0, 0, 0, 1, 1, 2, 3])
        if size == 0 or len(tags) + size > length:
            tags.append("O")
        elif size == 1:
            tags.append(f"S-{kind}")
        else:
            tags += [f"B-{kind}"] + [f"I-{kind}"] * (size - 2) + [f"E-{kind}"]
    return tags


def published(outputs, references):
    """Micro-F1 of all spans."""
    ids = {tag: index for index, tag in enumerate(TAGS)}
    rows = [[numpy.array([ids[tag] for tag in row]) for row in side] for side in (outputs, references)]
    return float(seq_utils.compute_metrics_absa(rows[0], rows[1], TAGS, "BIEOS")[0]["micro_f1"])


cases = []
for noise in (0.0, 0.1, 0.5):
    references = [spans(drawn.randint(1, 15)) for _ in range(120)]
    # Whole rows are drawn anew or change the kind of their spans. What is put out stays well-formed: of what is not, the published
    # scorer makes a span wherever an end follows a beginning of the same kind, whatever stands between.
    turned = [[tag.replace("POS", "NEU") for tag in row] if drawn.random() < noise else row for row in references]
    outputs = [spans(len(row)) if drawn.random() < noise else row for row in turned]
    cases.append({"outputs": [" ".join(row) for row in outputs],
                  "references": [" ".join(row) for row in references],
                  "values": {"span-f1": published(outputs, references)}})

(Path(__file__).parent / "aspects.json").write_text(json.dumps(cases) + "\n")
print([case["values"] for case in cases])
