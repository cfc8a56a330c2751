"""Measures memory and time of `alambic evaluate` over suites of one and of four tasks of the same size.

    python benches/evaluation.py [--sentences 20000] [--alambic target/release/alambic]

Each task has a file of tagged sentences of its own, 12 words each in two languages, which the tiny tagger of
`inference/tests/pieces_and_padding` tags. Printed are the peak memory (the largest resident set) of an evaluation of one task and of
four, how long each takes, and beside it what the model takes over the same sentences (`predict`), what scoring takes (`score`), and
what reading all labels once takes: a second evaluation in the same folder, which reads them and is then refused. Needs nothing but
Python. With RAYON_NUM_THREADS=1 memory does not depend on which thread frees it.
"""

import argparse
import os
import pathlib
import random
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
WORDS = "The man opened the old brown tap . Water flowed from the spout Zoë lives in Delhi near a river and market".split()


def run(command, cwd, given=None, code=0):
    """Seconds and peak KiB of a process."""
    begin = time.perf_counter()
    stdin = open(given, "rb") if given else subprocess.DEVNULL
    process = subprocess.Popen(command, cwd=cwd, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status) != code:
        raise SystemExit(f"{command}: {said.decode()}")
    return time.perf_counter() - begin, usage.ru_maxrss


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--sentences", type=int, default=20000)
    parser.add_argument("--alambic", default=str(ROOT / "target/release/alambic"))
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp())
    draw = random.Random(1)
    model = ROOT / "inference/tests/pieces_and_padding/bert"
    tasks = [f"t{number}" for number in range(4)]
    for task in tasks:
        for language in ["en", "hi"]:
            path = folder / "data" / task / f"test-{language}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            sentence = lambda: "".join(f"{draw.choice(WORDS)}\t{draw.choice(TAGS)}\n" for _ in range(12)) + "\n"
            path.write_text("".join(sentence() for _ in range(options.sentences)))
    for count in [1, 4]:
        text = 'schema = 1\nname = "own"\nsource = "en"\n'
        for task in tasks[:count]:
            text += (f'[task.{task}]\nkind = "token-classification"\ncorpus.xtreme-panx = {{}}\nlanguages = ["en", "hi"]\n'
                     'metrics = ["chunk-f1"]\ntrain = { max-length = 48 }\n')
        (folder / f"{count}.toml").write_text(text)
        seconds, peak = run([options.alambic, "evaluate", f"m={model}", "--suite", f"{count}.toml", "--data", "data", "--out",
                             f"e{count}"], folder)
        print(f"evaluate {count} task(s): {seconds:.1f} s, peak {peak / 1024:.0f} MiB")
        again, _ = run([options.alambic, "evaluate", f"m={model}", "--suite", f"{count}.toml", "--data", "data", "--out",
                        f"e{count}"], folder, code=2)
        print(f"reading their labels once: {again:.2f} s")
    seconds, peak = run([options.alambic, "score", "e1/predictions/m", "data", "--suite", "1.toml"], folder)
    print(f"score 1 task: {seconds:.1f} s, peak {peak / 1024:.0f} MiB")
    lines = folder / "lines.txt"
    with lines.open("w") as out:
        for language in ["en", "hi"]:
            text = (folder / "data" / "t0" / f"test-{language}.tsv").read_text()
            for sentence in text.strip().split("\n\n"):
                out.write(" ".join(row.split("\t")[0] for row in sentence.split("\n")) + "\n")
    seconds, peak = run([options.alambic, "predict", str(model), "--batch", "256"], folder, lines)
    print(f"predict the same sentences: {seconds:.1f} s, peak {peak / 1024:.0f} MiB")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
