"""Runs exported ONNX files in onnxruntime and holds them against PyTorch.

    alambic export MODEL --format hf,onnx,int8 --to OUT
    python tests/python/onnxruntime_loads.py OUT [TEXTS] [--accuracy TABLE.tsv TEXT LABEL]

OUT is what `alambic export` wrote. TEXTS has one text a line; left out, random tokens are used. Prints the largest
difference of each output, over 200 texts, and with a table of labelled texts (the names of its columns follow) how
many each file classifies as the table does. Needs torch, transformers, onnxruntime and numpy.
"""

import argparse
import csv
import inspect
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from transformers import AutoConfig, AutoModel, AutoModelForMaskedLM, AutoModelForSequenceClassification
from transformers import AutoModelForTokenClassification, PreTrainedTokenizerFast

parser = argparse.ArgumentParser()
parser.add_argument("out", type=Path)
parser.add_argument("texts", type=Path, nargs="?")
parser.add_argument("--accuracy", nargs=3)
options = parser.parse_args()
out = options.out
config = AutoConfig.from_pretrained(out / "hf")
architecture = (config.architectures or ["Model"])[0]
kinds = {"ForSequenceClassification": AutoModelForSequenceClassification,
         "ForTokenClassification": AutoModelForTokenClassification, "ForMaskedLM": AutoModelForMaskedLM}
kind = next((loader for end, loader in kinds.items() if architecture.endswith(end)), AutoModel)
model = kind.from_pretrained(out / "hf").eval()
if options.texts:
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out / "hf")
    lines = options.texts.read_text(encoding="utf-8").splitlines()[:200]
    batch = dict(tokenizer(lines, padding=True, truncation=True, max_length=128, return_tensors="pt"))
else:
    random = np.random.default_rng(1)
    lengths = random.integers(2, 12, 200)
    mask = np.arange(12)[None] < lengths[:, None]
    ids = np.where(mask, random.integers(5, config.vocab_size, (200, 12)), config.pad_token_id or 0)
    batch = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask.astype(np.int64)),
             "token_type_ids": torch.tensor(random.integers(0, 2, (200, 12)) * mask)}
batch.setdefault("token_type_ids", torch.zeros_like(batch["input_ids"]))
mask = batch["attention_mask"].bool().numpy()
accepted = inspect.signature(model.forward).parameters
segments = getattr(config, "type_vocab_size", 0) > 1
inputs = {name: value for name, value in batch.items() if name in accepted and (segments or name != "token_type_ids")}
with torch.no_grad():
    expected = model(**inputs)
sessions = {}
for name in ("model.onnx", "model_quantized.onnx"):
    if not (out / "onnx" / name).is_file():
        continue
    session = sessions[name] = onnxruntime.InferenceSession(str(out / "onnx" / name))
    wanted = [value.name for value in session.get_inputs()]
    outputs = session.run(None, {k: v.numpy() for k, v in batch.items() if k in wanted})
    for value, found in zip(session.get_outputs(), outputs):
        if value.name == "sentence_embedding":
            states = expected.last_hidden_state.numpy()
            reference = (states * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
            reference /= np.linalg.norm(reference, axis=1, keepdims=True)
        else:
            reference = getattr(expected, value.name).numpy()
        difference = np.abs(found - reference)
        if difference.ndim == 3:
            difference = difference[mask]
        print(f"{name} {value.name} {found.shape}: largest difference {difference.max():.2e}")

if options.accuracy:
    table, text, label = options.accuracy
    with open(table, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(out / "hf")
    right = {}
    for begin in range(0, len(rows), 32):
        part = rows[begin:begin + 32]
        some = dict(tokenizer([row[text] for row in part], padding=True, truncation=True, max_length=128,
                              return_tensors="pt"))
        some.setdefault("token_type_ids", torch.zeros_like(some["input_ids"]))
        with torch.no_grad():
            answers = {"PyTorch": model(**{k: v for k, v in some.items() if k in inputs}).logits.numpy()}
        for name, session in sessions.items():
            wanted = [value.name for value in session.get_inputs()]
            answers[name] = session.run(["logits"], {k: v.numpy() for k, v in some.items() if k in wanted})[0]
        for name, logits in answers.items():
            found = [config.id2label[int(index)] for index in logits.argmax(1)]
            right[name] = right.get(name, 0) + sum(one == row[label] for one, row in zip(found, part))
    for name, count in right.items():
        print(f"{name}: {count} of {len(rows)} as the table has them, {100 * count / len(rows):.1f} %")
