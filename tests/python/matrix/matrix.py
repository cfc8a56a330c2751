"""Loads what `alambic export` writes in the tools that people load it in, and prints a table of differences: a row for each
kind of model, a column for each tool.

    python matrix.py --work FOLDER [--model NAME=FOLDER]... [--only NAME]... [--tool NAME=PYTHON]... [--alambic PROGRAM]

With `--work` alone, `make_models.py` makes tiny models of random weights of all kinds that transformers and
sentence-transformers have, in `FOLDER/models`. `--model` adds others: students of this project, such as those of the smoke
recipes `parallel/smoke/paraphrase` (recurrent pooling), `vision/smoke/dide` (two towers) and `vision/smoke/oscar-plus`. Each
is exported as `hf,onnx` into `FOLDER/exports`. Inputs are the tokens that the library tokenizers makes by the exported
`tokenizer.json` alone, and random pixels and regions; what they must give is what `alambic trace` gives, and for texts,
which each tool reads by itself, what `alambic predict` gives. All but tokens are compared by the largest difference, as a
part of the largest number that is expected. Ends with 1 where one is above 1e-5, or a tool refuses what it is not known to
refuse (`REFUSES`). Run by hand: the tests of the project need no Python.

Every tool has a Python of its own, since they exclude each other. `python -m venv VENV` and
`VENV/bin/pip install --no-cache-dir -r requirements/NAME.txt` make it; `--tool NAME=VENV/bin/python` names it, and tools that
are not named are left out. This program needs what `requirements/transformers.txt` has.

| tool | what is given for PYTHON |
| --- | --- |
| `transformers` | the Python of `requirements/transformers.txt` |
| `sentence-transformers-6` | of `requirements/sentence-transformers-6.txt`, by which the models are made, too |
| `sentence-transformers-5` | of `requirements/sentence-transformers-5.txt` |
| `onnxruntime` | of `requirements/onnxruntime.txt` |
| `openvino` | of `requirements/openvino.txt` |
| `optimum` | of `requirements/optimum.txt`, with transformers 4 |
| `optimum-sentences` | the same: the ONNX backend of sentence-transformers |
| `fastembed` | of `requirements/fastembed.txt` |
| `transformers.js` | a folder in which `npm install --ignore-scripts @huggingface/transformers@4.3.2` was run |
| `candle` | a folder for the build of `in_candle` by cargo |
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file
from tokenizers import Tokenizer

HERE = Path(__file__).resolve().parent
TOLERANCE = 1e-5
TEXTS = ["a red square is above a blue circle", "the soup was dull", "what colour is it?", "a",
         "the film was long but the end was good and the soup was not dull at all and cold"]
SECOND = ["what colour is the square?", "not a good film"]
# The language to write in, of which the tiny model has one.
LANGUAGE = ">>de<<"
MAX_NEW_TOKENS = 30
PROGRAMS = {
    "transformers": "in_transformers.py", "sentence-transformers-6": "in_sentence_transformers.py",
    "sentence-transformers-5": "in_sentence_transformers.py", "onnxruntime": "in_onnx.py", "openvino": "in_onnx.py",
    "optimum": "in_optimum.py", "optimum-sentences": "in_sentence_transformers.py", "fastembed": "in_fastembed.py",
    "transformers.js": "in_transformers_js.mjs", "candle": "in_candle",
}
TEXT_ENCODERS = ("bert", "roberta", "xlm-roberta", "distilbert")
# What tools are known to refuse, also as transformers saves it: tool, beginning of the model's name, part of the message.
REFUSES = [
    ("transformers.js", "vilt-", "Unsupported model type: vilt"),
    # It wants a matrix of the head's own, where transformers stores the table of words once.
    ("candle", "masked-words-bert", "`cls.predictions.decoder.weight`"),
    ("candle", "clip", "quick_gelu is the only activation"),
    # It has no encoder-decoder that is free to end where it likes.
    ("candle", "marian", "null, expected u32"),
]
# What tools are known to compute otherwise, and by how much: in DistilBERT candle takes the tanh form of GELU for GELU.
COMPUTES = [("candle", "distilbert", 1e-3)]


def parsed():
    parser = argparse.ArgumentParser()
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--model", action="append", default=[])
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--tool", action="append", default=[])
    parser.add_argument("--alambic", default="target/release/alambic")
    return parser.parse_args()


def say(program, *arguments):
    ended = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"{' '.join(map(str, arguments))}: {ended.stderr}")
    return ended.stdout


def tokens(root, lines, second=None):
    tokenizer = Tokenizer.from_file(str(root / "tokenizer.json"))
    encoded = tokenizer.encode_batch(lines if second is None else list(zip(lines, second)))
    named = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
    return {name: np.array([getattr(one, own) for one in encoded], dtype=np.int64) for name, own in named.items()}


def pixels(random, config, count):
    """Images of several sizes in one batch, with their masks, for ViLT; squares for others."""
    side = (config.get("vision_config") or config.get("image") or config).get("image_size", 32)
    inputs = {"pixel_values": random.standard_normal((count, 3, side, side)).astype(np.float32)}
    if config["model_type"] == "vilt":
        patch = config["patch_size"]
        sizes = [(side, side), (side // 2, side), (side, patch), (side, side - patch), (side - patch, side)]
        seen = np.zeros((count, side, side), dtype=np.int64)
        for mask, (rows, columns) in zip(seen, sizes):
            mask[:rows, :columns] = 1
        inputs = {"pixel_values": inputs["pixel_values"] * seen[:, None], "pixel_mask": seen}
    return inputs


def inputs_of(root, config, kind):
    random = np.random.default_rng(1)
    count = len(TEXTS)
    if kind == "detector":
        return {}
    given = tokens(root, [LANGUAGE + text for text in TEXTS] if kind == "marian" else TEXTS)
    if kind == "answers":
        given = tokens(root, [SECOND[0]] * count, TEXTS)
    if kind == "marian":
        targets = random.integers(0, config["vocab_size"], (count, 6))
        targets[:, 0] = config["decoder_start_token_id"]
        given = {name: given[name] for name in ("input_ids", "attention_mask")} | {"decoder_input_ids": targets}
    if kind in ("clip", "vilt", "dual"):
        given |= pixels(random, config, count)
    if kind == "oscar":
        given |= {"visual_embeds": random.standard_normal((count, 5, config["img_feature_dim"])).astype(np.float32),
                  "visual_attention_mask": (np.arange(5)[None] < np.array([5, 4, 3, 5, 1])[:, None]).astype(np.int64)}
    if kind in ("clip", "dual"):
        given.pop("token_type_ids" if kind == "clip" else "", None)
    return given


def kind_of(root, config):
    model = config["model_type"]
    if (root / "modules.json").is_file():
        return "sentences"
    if model in TEXT_ENCODERS:
        head = (config.get("architectures") or [""])[0]
        return "answers" if head.endswith("QuestionAnswering") else "text"
    return {"dual-encoder": "dual"}.get(model, model)


def expected_of(hf, config, kind, inputs, alambic, place):
    save_file({name: np.ascontiguousarray(array) for name, array in inputs.items()}, place / "inputs.safetensors")
    say(alambic, "trace", hf, "--inputs", place / "inputs.safetensors", "--out", place / "traced.safetensors")
    trace = load_file(place / "traced.safetensors")
    layers = config.get("num_hidden_layers", config.get("n_layers"))
    taps = {"logits": "logits", "pooled": "pooled", "embedding": "embedding", "text": "text.embedding",
            "image": "image.embedding", "relation": "relation", "states": f"hidden.{layers}"}
    if kind == "marian":
        taps = {"logits": "logits", "states": f"encoder.hidden.{config['encoder_layers']}"}
    if kind == "vilt":
        # transformers gives the states after a norm that comes behind them.
        taps.pop("states")
    expected = {what: trace[tap] for what, tap in taps.items() if tap in trace}
    if kind == "answers":
        logits = expected.pop("logits")
        expected |= {"start": logits[..., 0], "end": logits[..., 1]}
    return expected


def predicted_of(hf, config, kind, alambic):
    """What `alambic predict` gives of texts."""
    def lines(texts, *options):
        return [json.loads(line) for line in say(alambic, "predict", hf, "--json", *options, "--", *texts).splitlines()]

    head = (config.get("architectures") or [""])[0]
    if kind == "sentences":
        return {"embedding of texts": [line["embedding"] for line in lines(TEXTS)]}
    if kind == "marian":
        texts = [LANGUAGE + text for text in TEXTS]
        return {"generated": [line["prediction"] for line in lines(texts, "--max-new-tokens", MAX_NEW_TOKENS)]}
    if head.endswith("ForSequenceClassification") and kind == "text":
        if len(config["id2label"]) == 1:
            pairs = [f"{text}\t{SECOND[1]}" for text in TEXTS]
            return {"scores of pairs": [line["prediction"] for line in lines(pairs)]}
        names = [config["id2label"][str(index)] for index in range(len(config["id2label"]))]
        return {"probabilities of texts": [[line["probabilities"][name] for name in names] for line in lines(TEXTS)]}
    return {}


def case_of(name, model, options):
    root = options.work / "exports" / name
    shutil.rmtree(root, ignore_errors=True)
    say(options.alambic, "export", model, "--format", "hf,onnx", "--to", root)
    config = json.loads((root / "config.json").read_text(encoding="utf-8"))
    kind = kind_of(root, config)
    inputs = inputs_of(root, config, kind)
    place = options.work / "cases" / name
    place.mkdir(parents=True, exist_ok=True)
    expected = expected_of(root / "hf", config, kind, inputs, options.alambic, place)
    expected |= {what: np.array(value) for what, value in predicted_of(root / "hf", config, kind, options.alambic).items()}
    case = {"name": name, "kind": kind, "config": config, "root": str(root), "hf": str(root / "hf"),
            "texts": [LANGUAGE + text for text in TEXTS] if kind == "marian" else TEXTS,
            "pairs": [[text, SECOND[1]] for text in TEXTS], "question": SECOND[0], "max new tokens": MAX_NEW_TOKENS,
            "inputs": {key: value.tolist() for key, value in inputs.items()}}
    return case, inputs, expected


def ran(tool, python, cases, work):
    """Results that the program of a tool writes, a line of JSON each."""
    program, results = HERE / PROGRAMS[tool], work / f"{tool}.jsonl"
    written = work / "cases.json"
    written.write_text(json.dumps(cases), encoding="utf-8")
    command = [python, program, written, results, tool]
    if tool == "transformers.js":
        command = ["node", program, written, results, Path(python).resolve()]
    if tool == "candle":
        command = ["cargo", "run", "--quiet", "--manifest-path", program / "Cargo.toml", "--target-dir", python, "--", written, results]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    ended = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"{tool}: {ended.stderr[-3000:]}")
    return [json.loads(line) for line in results.read_text(encoding="utf-8").splitlines()]


def difference(what, found, expected, mask):
    if expected.dtype.kind in "US":
        return 0.0 if list(found) == list(expected) else float("inf")
    found = np.array(found, dtype=np.float64)
    if found.shape[:1] < expected.shape[:1]:
        # Fewer texts, which may be padded to fewer tokens.
        expected, mask = expected[:len(found)], None if mask is None else mask[:len(found)]
        if mask is not None and found.ndim > 1 and expected.shape[1:2] == mask.shape[1:2]:
            expected, mask = expected[:, :found.shape[1]], mask[:, :found.shape[1]]
    expected = expected.astype(np.float64).reshape(found.shape) if expected.size == found.size else expected
    if found.shape != expected.shape:
        return f"shapes {found.shape} and {expected.shape}"
    if what in ("text", "image"):
        # Some give the vectors before they are brought to length one.
        found, expected = (array / np.linalg.norm(array, axis=-1, keepdims=True) for array in (found, expected))
    if what != "image" and mask is not None and found.ndim > 1 and found.shape[:2] == mask.shape:
        found, expected = found[mask], expected[mask]
    return float(np.abs(found - expected).max() / np.abs(expected).max())


class Table:
    def __init__(self, names):
        self.names, self.columns, self.notes, self.failed = names, {}, [], False

    def note(self, tool, name, text, is_known):
        self.notes.append(f"{tool}\t{name}\t{text}{'' if is_known else '  FAILED'}")
        self.failed |= not is_known

    def add(self, tool, results, references):
        column = self.columns.setdefault(tool, {})
        for result in results:
            if "version" in result:
                self.notes.append(f"{tool}\t{result['version']}")
                continue
            name = result["case"]
            if "refuses" in result:
                is_known = any(own == tool and name.startswith(begin) and part in result["refuses"] for own, begin, part in REFUSES)
                column.setdefault(name, "refuses")
                self.note(tool, name, f"refuses: {result['refuses']}", is_known)
                continue
            what, (inputs, expected) = result["what"], references[name]
            if "says" in result:
                self.note(tool, name, f"{what}: {result['says']}", result.get("is good", False))
                continue
            # A target has no padding.
            mask = inputs["attention_mask"].astype(bool) if "decoder_input_ids" not in inputs or what in ("states", "ids") else None
            reference = inputs["input_ids"] if what == "ids" else expected.get(what)
            if reference is None:
                continue
            found = difference(what, result["values"], reference, mask)
            known = [own for one, part, own in COMPUTES if one == tool and part in name]
            is_good = not isinstance(found, str) and found <= max([TOLERANCE, *known])
            if not is_good:
                self.note(tool, name, f"{result.get('part', '')} {what}: {found}", False)
            if not isinstance(found, str):
                column[name] = max(found, column[name]) if isinstance(column.get(name), float) else found

    def show(self):
        def cell(value):
            return f"{value:.0e}" if isinstance(value, float) else value

        print("| model |", " | ".join(self.columns), "|")
        print("| --- |", " | ".join("---" for _ in self.columns), "|")
        for name in self.names:
            print(f"| {name} |", " | ".join(cell(column.get(name, "–")) for column in self.columns.values()), "|")
        print(*self.notes, sep="\n")


def main():
    options = parsed()
    tools = dict(pair.split("=", 1) for pair in options.tool)
    unknown = tools.keys() - PROGRAMS.keys()
    if unknown:
        sys.exit(f"no tools of these names: {', '.join(sorted(unknown))}; there are {', '.join(PROGRAMS)}")
    options.work.mkdir(parents=True, exist_ok=True)
    own = options.work / "models"
    if not own.is_dir() and "sentence-transformers-6" in tools:
        subprocess.run([tools["sentence-transformers-6"], HERE / "make_models.py", own], check=True, capture_output=True,
                       env={**os.environ, "HF_HUB_OFFLINE": "1"})
    models = {folder.name: folder for folder in sorted(own.iterdir())} if own.is_dir() else {}
    models |= {name: Path(folder) for name, folder in (pair.split("=", 1) for pair in options.model)}
    models = {name: folder for name, folder in models.items() if not options.only or name in options.only}
    cases, references = [], {}
    for name, folder in models.items():
        case, inputs, expected = case_of(name, folder, options)
        cases.append(case)
        references[name] = inputs, expected
    table = Table(list(models))
    for tool, python in tools.items():
        table.add(tool, ran(tool, python, cases, options.work), references)
    table.show()
    sys.exit(1 if table.failed else 0)


main()
