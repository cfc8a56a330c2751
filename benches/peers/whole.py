"""Runs whole programs against each other, as a user starts them, and prints ratios of their times.

    cargo build --release
    python whole.py cold MODEL [--rounds 5]
    python whole.py distil TEACHER TRAIN.tsv DEV.tsv [--steps 735] [--forms published bucketed]
    python whole.py embed TEACHER SENTENCES.tsv TRAIN.tsv DEV.tsv [--steps 6000] [--set KEY=VALUE]…

`cold` has `alambic predict` and a transformers script (`first_sentence.py`) read one sentence, MODEL being a folder of a
text encoder. `distil` has `alambic run` (`task_distillation.toml`, in `f32` and in `bf16`) and `task_distillation.py`
distil the same teacher into a student of the same sizes over as many steps. Of a peer the seconds from tokenised texts to
the saved checkpoint count; of `alambic` all that the process does, reading, tokenising, evaluation and reporting included.
`embed` has `alambic run` (`recipes/text/embed.toml`) and sentence-transformers (`sentence_distillation.py`) distil a sentence encoder
over as many steps from the same start: that of the run, whose folder `untrained/` the script reads. They run one after the other.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ALAMBIC = HERE.parent.parent / "target" / "release" / "alambic"
SENTENCE = "A small model stands where the large one does not fit."


def run(command):
    """What a process said, the seconds that it took, and the most memory that it held, in bytes."""
    with tempfile.TemporaryFile("w+") as said:
        began = time.perf_counter()
        process = subprocess.Popen([str(word) for word in command], stdout=said, stderr=subprocess.DEVNULL)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        if status:
            raise SystemExit(f"{' '.join(map(str, command))}: ended with {os.waitstatus_to_exitcode(status)}")
        said.seek(0)
        return said.read(), seconds, 1024 * used.ru_maxrss


def cold(options):
    commands = {
        "alambic": [ALAMBIC, "predict", options.model, SENTENCE],
        "transformers": [sys.executable, HERE / "first_sentence.py", options.model, SENTENCE],
    }
    found = {side: [] for side in commands}
    # The first round brings the files into memory.
    for _ in range(options.rounds + 1):
        for side, command in commands.items():
            _, seconds, memory = run(command)
            found[side].append((seconds, memory / 2**20))
    seconds, memory = ({side: [each[part] for each in rounds[1:]] for side, rounds in found.items()} for part in [0, 1])
    ratios = [own / other for own, other in zip(seconds["alambic"], seconds["transformers"])]
    for side in commands:
        print(f"{side:14} {statistics.median(seconds[side]):7.3f} s, {max(memory[side]):6.0f} MiB")
    print(f"alambic at {statistics.median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})")


def distil(options):
    teacher, train, dev = (path.resolve() for path in [options.teacher, options.train, options.dev])
    own, others = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for precision in options.precisions:
            said = {
                "data.task.corpus.texts.paths": json.dumps(str(train)),
                "data.task.corpus.texts.test-paths": json.dumps(str(dev)),
                "teacher.expert.checkpoint.model": json.dumps(str(teacher)),
                "train.precision": json.dumps(precision),
                "stage.layers.train.steps": options.steps,
                "stage.prediction.train.steps": options.steps,
                "threads": options.threads,
            }
            flags = [word for name, value in said.items() for word in ["--set", f"{name}={value}"]]
            command = [ALAMBIC, "run", HERE / "task_distillation.toml", "--out", folder / precision, "--json", *flags]
            outcome, seconds, memory = run(command)
            own[precision] = seconds
            right = json.loads(outcome)["models"]["student"]["metrics"]["accuracy"]
            print(f"alambic, {precision:21} {seconds:8.1f} s, {memory / 2**20:6.0f} MiB, accuracy {right:.3f}", flush=True)
        for form in options.forms:
            script = [sys.executable, HERE / "task_distillation.py", teacher, train, dev, "--form", form]
            more = ["--steps", options.steps, "--threads", options.threads, "--out", folder / form]
            result = json.loads(run([*script, *more])[0])
            others[form] = result["seconds"]["all"]
            memory = result["peak-memory-bytes"] / 2**20
            print(f"PyTorch, {form:21} {others[form]:8.1f} s, {memory:6.0f} MiB, accuracy {result['accuracy']:.3f}", flush=True)
    for precision, seconds in own.items():
        for form, other in others.items():
            print(f"alambic, {precision}, at {seconds / other:.2f} of PyTorch, {form}")


def embed(options):
    teacher, sentences, train, dev = (
        path.resolve() for path in [options.teacher, options.sentences, options.train, options.dev]
    )
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        said = {
            "data.unlabelled.corpus.texts.paths": json.dumps(str(sentences)),
            "data.pairs.corpus.texts.paths": json.dumps(str(train)),
            "data.pairs.corpus.texts.test-paths": json.dumps(str(dev)),
            "teacher.encoder.checkpoint.model": json.dumps(str(teacher)),
            "train.steps": options.steps,
            "train.epochs": 1000,
            "threads": options.threads,
        }
        flags = [word for name, value in said.items() for word in ["--set", f"{name}={value}"]]
        flags += [word for flag in options.set for word in ["--set", flag]]
        recipe = HERE.parent.parent / "recipes" / "text" / "embed.toml"
        command = [ALAMBIC, "run", recipe, "--no-baseline", "--out", folder / "run", "--json", *flags]
        outcome, own, memory = run(command)
        models = json.loads(outcome)["models"]
        found = {name: models[name]["metrics"]["spearman"] for name in ["teacher", "untrained", "student"]}
        print(f"alambic               {own:8.1f} s, {memory / 2**20:6.0f} MiB, {found}", flush=True)
        script = [sys.executable, HERE / "sentence_distillation.py", teacher, sentences, train, dev]
        start = ["--student", folder / "run" / "untrained", "--out", folder / "other"]
        result = json.loads(run([*script, *start, "--steps", options.steps, "--threads", options.threads])[0].splitlines()[-1])
        other, memory = result["seconds"]["all"], result["peak-memory-bytes"]
        print(f"sentence-transformers {other:8.1f} s, {memory / 2**20:6.0f} MiB, {result['spearman']}", flush=True)
    print(f"alambic at {own / other:.2f} of sentence-transformers")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(required=True)
    one = commands.add_parser("cold")
    one.add_argument("model")
    one.add_argument("--rounds", type=int, default=5, help="(5)")
    one.set_defaults(does=cold)
    one = commands.add_parser("distil")
    for name in ["teacher", "train", "dev"]:
        one.add_argument(name, type=pathlib.Path)
    one.add_argument("--steps", type=int, default=735, help="of each of the two stages (735)")
    one.add_argument("--threads", type=int, default=2, help="(2)")
    one.add_argument("--forms", nargs="*", default=["published", "bucketed"], help="(both)")
    one.add_argument("--precisions", nargs="*", default=["f32", "bf16"], help="(f32 bf16)")
    one.set_defaults(does=distil)
    one = commands.add_parser("embed")
    for name in ["teacher", "sentences", "train", "dev"]:
        one.add_argument(name, type=pathlib.Path)
    one.add_argument("--steps", type=int, default=6000, help="(6000)")
    one.add_argument("--threads", type=int, default=2, help="(2)")
    one.add_argument("--set", nargs="*", default=[], help="keys of the recipe")
    one.set_defaults(does=embed)
    options = parser.parse_args()
    options.does(options)


if __name__ == "__main__":
    main()
