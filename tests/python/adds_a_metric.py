"""Does what CONTRIBUTING.md says under "Adding a metric" to a copy of the project, and shows that nothing else is needed.

    python tests/python/adds_a_metric.py [--target FOLDER]

The copy is built in release (`--target` keeps what is built for the next time). The metric has to be listed, explained by
its summary, and measured by a run that names it. Prints the files that were touched, and exits with 1 if one of these
fails. Run by hand: it takes as long as a build.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
METRIC = '''use super::metric::{Contribution, Direction, Metric, ReferenceSource, Value, always, ratio};
use super::prediction::PredictionKind;

/// Share of texts whose class begins with the right letter.
pub(super) static METRIC: Metric = Metric {
    name: "first-letter-accuracy",
    summary: "share of texts whose class begins with the right letter",
    undefined: "no example with a known class",
    direction: Direction::Higher,
    is_share: true,
    reference_source: ReferenceSource::Labels,
    accepts: &[PredictionKind::Class],
    references: &[PredictionKind::Class],
    suits: always,
    is_default: |_| false,
    contributions: |pairs, _| {
        let first = |class: Option<&str>| class.and_then(|class| class.chars().next());
        let is_right = |pair: &super::metric::ScoredPair<'_>| {
            let (own, right) = (first(pair.prediction.class()), first(pair.reference.class()));
            Contribution::of_mean(f64::from(u8::from(own == right)))
        };
        pairs.iter().map(is_right).collect()
    },
    value: Value::OfSums(ratio),
};
'''


def insert(path, before, line):
    """Puts a line before the first one that begins with some text."""
    text = path.read_text()
    place = text.index(before)
    path.write_text(text[:place] + line + text[place:])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--target", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "alambic"
        for name in subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
        metrics = copy / "reports/src/metrics"
        (metrics / "first_letter_accuracy.rs").write_text(METRIC)
        insert(metrics / "mod.rs", "mod list;", "mod first_letter_accuracy;\n")
        insert(metrics / "list.rs", "use crate::error", "use super::first_letter_accuracy;\n")
        insert(metrics / "list.rs", "    &accuracy::METRIC,", "    &first_letter_accuracy::METRIC,\n")
        environment = os.environ | {"CARGO_TARGET_DIR": str((arguments.target or Path(folder) / "target").resolve())}
        subprocess.run(["cargo", "build", "--release", "--locked"], cwd=copy, env=environment, check=True)
        alambic = Path(environment["CARGO_TARGET_DIR"]) / "release/alambic"
        listed = json.loads(subprocess.run([alambic, "list", "metrics", "--json"], check=True, capture_output=True).stdout)
        run = [alambic, "run", "builtin:text/smoke/logits", "--out", Path(folder) / "run", "--json",
               "--set", 'evaluation.metrics=["accuracy","first-letter-accuracy"]', "--set", "train.steps=4"]
        outcome = json.loads(subprocess.run(run, cwd=folder, check=True, capture_output=True).stdout)
        value = outcome["models"]["student"]["metrics"].get("first-letter-accuracy")
        is_listed = any(entry["name"] == "first-letter-accuracy" for entry in listed)
    print("new: reports/src/metrics/first_letter_accuracy.rs; touched: reports/src/metrics/mod.rs, reports/src/metrics/list.rs")
    print(f"listed: {is_listed}; measured by a run: {value}")
    sys.exit(0 if is_listed and value is not None else 1)


if __name__ == "__main__":
    main()
