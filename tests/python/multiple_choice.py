"""Holds multiple choice against transformers and onnxruntime, for each tiny model of `inference/tests/multiple_choice` and for the
folders of students that are named: `alambic predict` has to give the probabilities of `AutoModelForMultipleChoice`, before and after
`alambic export`, and the ONNX file the same logits, several questions at once.

    python tests/python/multiple_choice.py ALAMBIC [STUDENT...]

in an environment with torch, transformers and onnxruntime. Prints the largest differences; exits with 1 where one is above 1e-4.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnxruntime
import torch
from transformers import AutoModelForMultipleChoice, AutoTokenizer

MODELS = pathlib.Path(__file__).parents[2] / "inference/tests/multiple_choice"
MOST = 1e-4
QUESTIONS = [
    ("The man opened the tap. What was the effect?", ["The toilet filled with water.", "Water flowed from the spout."]),
    ("The child wept.", ["She fell.", "She slept all night long in the big old bed."]),
    ("बच्चा रोया।", ["वह गिर गया।", "वह सोया।"]),
    ("On Friday Elena hoisted the sail. What was the cause?", ["The wind blew over the lake.", "The soil was dry."]),
]


def predicted(alambic, folder):
    lines = "".join("\t".join([prompt, *choices]) + "\n" for prompt, choices in QUESTIONS)
    ended = subprocess.run([alambic, "predict", folder, "--json"], input=lines, capture_output=True, text=True, check=True)
    return numpy.array([json.loads(line)["probabilities"] for line in ended.stdout.splitlines()])


def encoded(tokenizer):
    prompts = [prompt for prompt, choices in QUESTIONS for _ in choices]
    choices = [choice for _, choices in QUESTIONS for choice in choices]
    inputs = tokenizer(prompts, choices, truncation=True, padding=True, return_tensors="pt")
    return {key: value.view(len(QUESTIONS), 2, -1) for key, value in inputs.items()}


def softmax(logits):
    return torch.from_numpy(numpy.asarray(logits)).softmax(-1).numpy()


def differences(alambic, folder):
    """The largest difference of each form to transformers' reading of a folder."""
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForMultipleChoice.from_pretrained(folder).eval()
    with torch.no_grad():
        logits = model(**encoded(tokenizer)).logits.numpy()
    found = {"predict": abs(predicted(alambic, folder) - softmax(logits)).max()}
    with tempfile.TemporaryDirectory() as out:
        out = pathlib.Path(out) / "out"
        subprocess.run([alambic, "export", folder, "--format", "hf,onnx", "--to", out], check=True, capture_output=True)
        again, other = AutoTokenizer.from_pretrained(out / "hf"), AutoModelForMultipleChoice.from_pretrained(out / "hf").eval()
        with torch.no_grad():
            found["hf"] = abs(other(**encoded(again)).logits.numpy() - logits).max()
        session = onnxruntime.InferenceSession(out / "onnx/model.onnx")
        inputs = {key: value.numpy() for key, value in encoded(again).items()}
        given = {own.name: inputs[own.name] for own in session.get_inputs()}
        of_onnx = session.run(["logits"], given)[0]
        assert of_onnx.shape == logits.shape, (of_onnx.shape, logits.shape)
        found["onnx"] = abs(of_onnx - logits).max()
    return found


def main():
    alambic, *students = sys.argv[1:]
    folders = sorted(path for path in MODELS.iterdir() if path.is_dir()) + [pathlib.Path(path) for path in students]
    worst = 0.0
    for folder in folders:
        found = differences(alambic, folder)
        worst = max(worst, *found.values())
        print(folder.name, *(f"{form} {value:.1e}" for form, value in found.items()))
    sys.exit(int(worst > MOST))


if __name__ == "__main__":
    main()
