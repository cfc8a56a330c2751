"""Runs benches of this project and their counterparts here in turn, and prints ratios of their times.

    python compare.py [--rounds 5] [--steps 10] [--only step-bf16 ...] [--corpus MODEL TEXTS.tsv] [--json FILE]

Each round runs every side once, one after the other, as processes of their own; a ratio is this project's median over the
peer's of the same round, so that what slows the machine for a while slows both. Cases of a corpus run where one is given. Printed are the median of the ratios and
the smallest and largest. Memory is the most that a process of the side held.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

LONG = ["--layers", "6", "--width", "384", "--ffn", "1536", "--length", "128"]
# What is compared: the bench and its options, and the peers' options by what they are called.
CASES = {
    "step": ("distil_step", [], {"PyTorch": []}),
    "step-6x384-128": ("distil_step", LONG, {"PyTorch": LONG}),
    "step-bf16": ("distil_step", ["--bf16", "1"], {"PyTorch f32": [], "PyTorch autocast": ["--autocast"]}),
    "step-bf16-6x384-128": (
        "distil_step",
        [*LONG, "--bf16", "1"],
        {"PyTorch f32": LONG, "PyTorch autocast": [*LONG, "--autocast"]},
    ),
}
STEP = ["transformers", "by-hand"]
# The latencies of a small student: in f32, and in 8 bits.
for batch in [1, 32]:
    for length in [16, 64, 128]:
        size = ["--batch", str(batch), "--length", str(length)]
        for precision, own in {"f32": [], "bf16": ["--bf16", "1"], "int8": ["--int8", "1"]}.items():
            CASES[f"encode-{precision}-{batch}x{length}"] = ("encode", [*size, *own], {"peer": size})
# A corpus with its true lengths: as it comes, of like length, by a budget of tokens, and one text at a time.
CORPUS = {"given": [], "sorted": ["--sorted", "1"], "budget": ["--max-tokens", "1024"], "single": ["--batch", "1"]}
for order, how in CORPUS.items():
    for precision, own in {"f32": [], "int8": ["--int8", "1"]}.items():
        CASES[f"corpus-{precision}-{order}"] = ("encode_corpus", [*how, *own], {"peer": how})
# Encoder-decoders: a training step, and writing, small and large, in f32 and in 8 bits, greedily and with a beam.
LARGE = ["--d-model", "512", "--layers", "6", "--heads", "8", "--ffn", "2048", "--vocabulary", "8000"]
for layout, own in {"marian": [], "t5": ["--t5", "1"]}.items():
    CASES[f"step-{layout}"] = ("marian_step", own, {"PyTorch": own})
    for size, sizes in {"": [], "-large": LARGE}.items():
        for precision, products in {"f32": [], "int8": ["--int8", "1"]}.items():
            for beam in [1, 4]:
                how = [*own, *sizes, *products, "--beam", str(beam)]
                CASES[f"generate-{layout}{size}-{precision}-{beam}"] = ("generate", how, {"peer": how})
FORMS = {
    "distil_step": STEP,
    "marian_step": STEP,
    "generate": ["transformers", "ctranslate2"],
    "encode": ["transformers", "onnxruntime", "onnxruntime-int8"],
    "encode_corpus": ["onnxruntime", "onnxruntime-int8"],
}


def said(command):
    ended = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if ended.returncode != 0:
        raise SystemExit(f"{' '.join(command)}: {ended.stderr}")
    return ended.stdout


def built(bench):
    """The program of a bench, built."""
    lines = said(["cargo", "bench", "--bench", bench, "--no-run", "--message-format", "json"]).splitlines()
    made = [message for message in map(json.loads, lines) if message.get("reason") == "compiler-artifact"]
    return next(message["executable"] for message in made if message["target"]["name"] == bench)


def spread(values):
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def measure(name, options):
    bench, own, peers = CASES[name]
    often = ["--steps", str(options.steps), "--warm-up", str(options.warm_up), "--threads", str(options.threads)]
    given = [str(path.resolve()) for path in options.corpus or []] if bench == "encode_corpus" else []
    commands = {"alambic": [built(bench), *given, *own, *often]}
    for peer, more in peers.items():
        for form in FORMS[bench]:
            script = [sys.executable, str(HERE / f"{bench}.py"), *given, *more, *often, "--form", form]
            commands[f"{peer}, {form}"] = script
    rounds = {side: [] for side in commands}
    for _ in range(options.rounds):
        for side, command in commands.items():
            result = json.loads(said(command))
            figures = result if side == "alambic" else result[side.rpartition(", ")[2]]
            rounds[side].append((figures["median-ms"], result.get("peak-memory-bytes")))
    found = {}
    for side, figures in rounds.items():
        times, memory = zip(*figures)
        ratios = [own / other for (own, _), other in zip(rounds["alambic"], times)]
        most = None if None in memory else max(memory) / 2**20
        found[side] = {"ms": spread(times), "mebibytes": most, "ratio": spread(ratios)}
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name, value in {"rounds": 5, "steps": 10, "warm-up": 3, "threads": 2}.items():
        parser.add_argument(f"--{name}", type=int, default=value, help=f"({value})")
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--corpus", nargs=2, type=pathlib.Path, metavar=("MODEL", "TEXTS"), help="a sentence encoder, and a table")
    parser.add_argument("--json", type=pathlib.Path, help="write the figures into this file")
    options = parser.parse_args()
    result = {}
    for name in options.only:
        if CASES[name][0] == "encode_corpus" and not options.corpus:
            continue
        result[name] = measure(name, options)
        print(name)
        for side, figures in result[name].items():
            time, ratio, memory = figures["ms"], figures["ratio"], figures["mebibytes"]
            shown = f"  {side:32} {time['median']:8.2f} ms ({time['least']:.2f} to {time['most']:.2f})"
            shown += f", {memory:6.0f} MiB" if memory else ""
            if side != "alambic":
                own = result[name]["alambic"]["mebibytes"]
                shown += f"; alambic at {ratio['median']:.2f} of it ({ratio['least']:.2f} to {ratio['most']:.2f})"
                shown += f", memory at {own / memory:.2f}" if memory else ""
            print(shown, flush=True)
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
