"""Runs a dual encoder's ONNX files in onnxruntime and holds them against `alambic trace` and `alambic predict`.

    pip install onnxruntime transformers safetensors numpy pillow
    alambic export STUDENT --format onnx,int8 --to OUT
    python tests/python/onnxruntime_answers.py STUDENT OUT QUESTIONS [--alambic target/release/alambic]

STUDENT is a model folder, OUT what `alambic export` wrote of it. A line of QUESTIONS is the path of an image, a tab, a
question and, if it is known, a tab and the answer. Images are brought to the square that the model reads, and each goes
through its tower once. `trace` is given the same tokens and pixels as onnxruntime, for the first 200 questions;
`predict` opens the same squares and splits all questions by itself. Prints the largest difference of each output and
how many answers are as `predict` has them and as the lines have them, and exits with 1 if a difference of the files in
32 bits is above 1e-4. Run by hand: the tests of the project need no Python.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from safetensors.numpy import load_file, save_file
from transformers import PreTrainedTokenizerFast

TOLERANCE = 1e-4
COUNT = 200
BATCH = 64
TAPS = {"text_embeds": "text.embedding", "image_embeds": "image.embedding", "logits": "logits"}


def squares(paths, side, folder):
    """Files of the images as squares, and their pixels from -1 to 1, colour by colour."""
    files, pixels = [], []
    for index, path in enumerate(paths):
        image = Image.open(path).convert("RGB").resize((side, side), Image.Resampling.BICUBIC)
        files.append(folder / f"{index}.png")
        image.save(files[-1])
        pixels.append(np.asarray(image, dtype=np.float32).transpose(2, 0, 1) / 127.5 - 1)
    return files, np.stack(pixels)


def in_batches(session, inputs):
    """The output of a graph over all rows."""
    wanted = [value.name for value in session.get_inputs()]
    count = len(inputs[wanted[0]])
    parts = [
        session.run(None, {name: inputs[name][begin:begin + BATCH] for name in wanted})[0]
        for begin in range(0, count, BATCH)
    ]
    return np.concatenate(parts)


def traced(program, model, inputs, folder):
    save_file({name: np.ascontiguousarray(array) for name, array in inputs.items()}, folder / "inputs.safetensors")
    subprocess.run(
        [program, "trace", model, "--inputs", folder / "inputs.safetensors", "--out", folder / "traced.safetensors",
         "--taps", ",".join(TAPS.values())],
        check=True, stdout=subprocess.DEVNULL,
    )
    return load_file(folder / "traced.safetensors")


def predicted(program, model, files, questions, labels):
    """Logarithms of the probabilities of all answers."""
    lines = "".join(f"{file}\t{question}\n" for file, question in zip(files, questions))
    said = subprocess.run([program, "predict", model, "--json"], input=lines, check=True, capture_output=True, text=True)
    rows = [json.loads(line)["probabilities"] for line in said.stdout.splitlines()]
    return np.log(np.array([[row[label] for label in labels] for row in rows]))


def log_softmax(logits):
    logits = logits.astype(np.float64)
    logits -= logits.max(1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(1, keepdims=True))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("student", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("questions", type=Path)
    parser.add_argument("--alambic", default="target/release/alambic")
    options = parser.parse_args()
    config = json.loads((options.out / "config.json").read_text(encoding="utf-8"))
    labels = [config["id2label"][str(index)] for index in range(len(config["id2label"]))]
    rows = [line.split("\t") for line in options.questions.read_text(encoding="utf-8").splitlines()]
    paths = list(dict.fromkeys(row[0] for row in rows))
    place = {path: index for index, path in enumerate(paths)}
    seen = np.array([place[row[0]] for row in rows])
    questions = [row[1] for row in rows]

    tokenizer = PreTrainedTokenizerFast.from_pretrained(options.out)
    longest = config["max_position_embeddings"]
    text = dict(tokenizer(questions, padding=True, truncation=True, max_length=longest, return_tensors="np"))
    text.setdefault("token_type_ids", np.zeros_like(text["input_ids"]))
    text = {name: array.astype(np.int64) for name, array in text.items()}

    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        sessions = {
            (part, ending): onnxruntime.InferenceSession(str(options.out / "onnx" / f"{part}{ending}.onnx"))
            for part in ("text", "image", "head")
            for ending in ("", "_quantized")
            if (options.out / "onnx" / f"{part}{ending}.onnx").is_file()
        }
        side = sessions["image", ""].get_inputs()[0].shape[2]
        files, pixels = squares(paths, side, folder)
        first = {name: array[:COUNT] for name, array in text.items()} | {"pixel_values": pixels[seen[:COUNT]]}
        reference = traced(options.alambic, options.student, first, folder)
        certain = predicted(options.alambic, options.student, [files[index] for index in seen], questions, labels)
        for ending in ("", "_quantized"):
            if ("head", ending) not in sessions:
                continue
            found = {
                "text_embeds": in_batches(sessions["text", ending], text),
                "image_embeds": in_batches(sessions["image", ending], {"pixel_values": pixels})[seen],
            }
            found["logits"] = in_batches(sessions["head", ending], found)
            differences = {
                f"{name} from trace": np.abs(found[name][:COUNT] - reference[tap]).max() for name, tap in TAPS.items()
            }
            differences["log-probability from predict"] = np.abs(log_softmax(found["logits"]) - certain).max()
            for name, difference in differences.items():
                print(f"{ending or 'f32'}: {name}: largest difference {difference:.2e}")
                failed |= ending == "" and not difference < TOLERANCE
            best = found["logits"].argmax(1)
            print(f"{ending or 'f32'}: {(best == certain.argmax(1)).sum()} of {len(rows)} answers are those of predict")
            known = [(labels[index], row[2]) for index, row in zip(best, rows) if len(row) > 2]
            if known:
                right = sum(answer == truth for answer, truth in known)
                print(f"{ending or 'f32'}: {right} of {len(known)} answers are right, {100 * right / len(known):.1f} %")
    sys.exit(failed)


main()
