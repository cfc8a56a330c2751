"""What scikit-learn, SciPy and seqeval make of outputs and references, for the tests of the metrics.

    python reports/tests/golden/make.py

writes `metrics.json` beside itself. Needs scikit-learn, scipy, numpy and seqeval.
"""

import json
from pathlib import Path

import numpy
from scipy import stats
from seqeval.metrics import f1_score as span_f1
from sklearn.metrics import accuracy_score, f1_score, matthews_corrcoef

random = numpy.random.default_rng(5)
cases = []


def add(outputs, references, values):
    cases.append({"outputs": [str(o) for o in outputs], "references": [str(r) for r in references],
                  "values": {name: float(value) for name, value in values.items()}})


for classes, noise in ((["0", "1"], 0.2), (["no", "yes"], 0.6), (["a", "b", "c", "d"], 0.4)):
    references = random.choice(classes, 200, p=[0.5] + [0.5 / (len(classes) - 1)] * (len(classes) - 1))
    outputs = numpy.where(random.random(200) < noise, random.choice(classes, 200), references)
    values = {
        "accuracy": accuracy_score(references, outputs),
        "accuracy-of-majority": max(numpy.mean(references == c) for c in classes),
        "f1-micro": f1_score(references, outputs, average="micro"),
        "f1-macro": f1_score(references, outputs, average="macro"),
        "matthews": matthews_corrcoef(references, outputs),
    }
    if len(classes) == 2:
        values["f1"] = f1_score(references, outputs, pos_label=classes[1])
    add(outputs, references, values)

constant = numpy.array(["1"] * 50)
add(constant, random.choice(["0", "1"], 50), {"matthews": 0.0})

for ties in (False, True):
    references = random.normal(2.5, 1.5, 150)
    if ties:
        references = references.round()
    outputs = references + random.normal(0, 1, 150)
    add(outputs, references, {"pearson": stats.pearsonr(outputs, references)[0],
                              "spearman": stats.spearmanr(outputs, references)[0]})

tags = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
references = [list(random.choice(tags, random.integers(1, 12))) for _ in range(60)]
outputs = [[t if random.random() < 0.8 else str(random.choice(tags)) for t in row] for row in references]
add([" ".join(row) for row in outputs], [" ".join(row) for row in references],
    {"span-f1": span_f1([list(map(str, row)) for row in references], outputs)})

(Path(__file__).parent / "metrics.json").write_text(json.dumps(cases) + "\n")
print(len(cases), "cases")
