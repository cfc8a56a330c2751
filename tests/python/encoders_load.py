"""Shows that transformers and sentence-transformers load a text encoder and compute what `alambic trace` does.

    pip install torch==2.11.0 transformers==5.23.0 sentence-transformers safetensors
    python tests/python/encoders_load.py STUDENT TEXTS [--alambic target/release/alambic]

STUDENT is a model folder, TEXTS has one text a line, of which 200 are read. transformers reads them in tokens of its
own; the same tokens go through `alambic trace`. Where the folder says how its states are pooled, sentence-transformers
embeds the texts as well. Prints the largest difference of each output, and exits with 1 if one is above 1e-4. Run by
hand: the tests of the project need no Python.
"""

import argparse
import inspect
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerFast

TOLERANCE = 1e-4
COUNT = 200
LONGEST = 128
KINDS = {
    "ForSequenceClassification": AutoModelForSequenceClassification,
    "ForTokenClassification": AutoModelForTokenClassification,
    "ForMaskedLM": AutoModelForMaskedLM,
}


def load(folder):
    name = (AutoConfig.from_pretrained(folder).architectures or ["Model"])[0]
    kind = next((loader for end, loader in KINDS.items() if name.endswith(end)), AutoModel)
    return kind.from_pretrained(folder).eval()


def traced(program, folder, inputs):
    with tempfile.TemporaryDirectory() as place:
        ins, outs = Path(place) / "in.safetensors", Path(place) / "out.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in inputs.items()}, ins)
        subprocess.run([program, "trace", folder, "--inputs", ins, "--out", outs], check=True, stdout=subprocess.DEVNULL)
        return load_file(outs)


def show(name, found, expected, mask):
    difference = (found - expected).abs()
    if difference.ndim == 3:
        difference = difference[mask]
    largest = difference.max().item()
    within = largest <= TOLERANCE
    print(f"{name} {list(found.shape)}: largest difference {largest:.2e}{'' if within else f', above {TOLERANCE:.0e}'}")
    return within


@torch.inference_mode()
def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("student", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--alambic", default="target/release/alambic")
    options = parser.parse_args()
    lines = options.texts.read_text(encoding="utf-8").splitlines()[:COUNT]
    if not lines:
        sys.exit(f"{options.texts}: no texts")
    tokenizer = PreTrainedTokenizerFast.from_pretrained(options.student)
    model = load(options.student)
    batch = dict(tokenizer(lines, padding=True, truncation=True, max_length=LONGEST, return_tensors="pt"))
    accepted = inspect.signature(model.forward).parameters
    trace = traced(options.alambic, options.student, batch)
    output = model(**{name: value for name, value in batch.items() if name in accepted}, output_hidden_states=True)
    mask = batch["attention_mask"].bool()
    agree = True
    for layer, states in enumerate(output.hidden_states):
        agree &= show(f"transformers hidden.{layer}", trace[f"hidden.{layer}"], states, mask)
    if "logits" in output:
        agree &= show("transformers logits", trace["logits"], output.logits, mask)
    if (options.student / "modules.json").is_file():
        from sentence_transformers import SentenceTransformer

        embeddings = SentenceTransformer(str(options.student), device="cpu").encode(lines, convert_to_tensor=True)
        agree &= show("sentence-transformers embedding", trace["embedding"], embeddings, mask)
    sys.exit(0 if agree else 1)


main()
