"""Shows that folders that Alambic writes load where people load them, and that their cards are sound.

    pip install torch transformers sentence-transformers onnxruntime safetensors pillow huggingface_hub
    python tests/python/folders_load.py FOLDER... [--texts FILE] [--alambic target/release/alambic]

A FOLDER is `student/` of a run, or what `alambic export --format hf,onnx,int8` wrote, or `hf/` in that. Of each this is done:

- its card is parsed by huggingface_hub, `model-index` included, and held against the rules that the hub documents for
  licences, languages, names of repositories and tasks;
- the card's program in Python is run, in the folder, with an image of random pixels as `IMAGE.png`;
- sentence-transformers or transformers load the folder and read texts, one a line of FILE, in tokens of their own; what
  they give is compared with `alambic predict` of the same texts and `alambic trace` of the same tokens;
- onnxruntime runs `onnx/model*.onnx` over the same tokens; sentence-transformers its ONNX backend, where optimum is
  installed.

Prints a line for each, with the largest difference, and the versions. Exits with 1 where a card or a program fails, or a
difference is above 1e-4; files in eight bits are not held to it. A folder with recurrent pooling must be refused by
sentence-transformers as long as it is not told to run the folder's own module. Run by hand: the tests of the project need
no Python.
"""

import argparse
import importlib.metadata
import inspect
import json
import math
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from huggingface_hub import ModelCard
from PIL import Image
from safetensors.torch import load_file, save_file

TOLERANCE = 1e-4
TEXTS = ["a red square is above a blue circle", "the soup was dull", "what colour is it?", "a", "नमस्ते दुनिया"]
LICENCES = re.compile(
    r"(apache-2\.0|mit|unknown|other|isc|zlib|unlicense|pddl|wtfpl|postgresql|ncsa|gfdl|ms-pl|c-uda|gemma|"
    r"(afl|agpl|artistic|bsl|ecl|epl|etalab|eupl|gpl|lgpl|mpl|ofl|osl|cdla-\w+|lppl)-[\d.c]+|gpl|lgpl|bsd(-\S+)?|"
    r"cc(0-1\.0|-by(-(nc|nd|sa|nc-nd|nc-sa))?-[\d.]+)?|openrail(\+\+)?|\S+-openrail-m|od(bl|c-by)|llama[\d.]+)")
TASKS = {"sentence-similarity", "feature-extraction", "text-classification", "token-classification", "fill-mask", "translation",
         "question-answering", "text-ranking", "visual-question-answering", "zero-shot-image-classification",
         "object-detection"}
LIBRARIES = {"transformers", "sentence-transformers", "alambic"}
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")
PACKAGES = ["torch", "transformers", "sentence-transformers", "onnxruntime", "optimum", "huggingface_hub"]


class Results:
    def __init__(self):
        self.failed = False

    def show(self, folder, what, result, is_good=True):
        self.failed |= not is_good
        print(folder, what, result, *([] if is_good else ["FAILED"]), sep="\t", flush=True)

    def difference(self, folder, what, found, expected, mask=None, is_exact=True):
        found, expected = (torch.as_tensor(np.asarray(part), dtype=torch.float64) for part in (found, expected))
        if found.shape != expected.shape:
            return self.show(folder, what, f"shapes {list(found.shape)} and {list(expected.shape)}", False)
        difference = (found - expected).abs()
        if mask is not None and difference.ndim == 3:
            difference = difference[mask]
        largest = difference.max().item()
        self.show(folder, what, f"{largest:.1e}", not is_exact or largest <= TOLERANCE)


def faults_of_card(folder):
    """Departures from what the hub documents for the metadata of model cards."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    data = ModelCard(text, ignore_metadata_errors=False).data
    values = data.to_dict()
    licence = values.get("license")
    if licence is not None and not LICENCES.fullmatch(licence):
        yield f"license {licence!r} is none that the hub knows"
    if (licence == "other") != ("license_name" in values):
        yield "license_name stands with `license: other`, and with no other"
    languages = values.get("language") or []
    for language in [languages] if isinstance(languages, str) else languages:
        if not re.fullmatch(r"[a-z]{2,3}", language):
            yield f"language {language!r} is no code of ISO 639"
    for key in ("base_model", "datasets"):
        names = values.get(key) or []
        for name in [names] if isinstance(names, str) else names:
            if not REPOSITORY.fullmatch(name):
                yield f"{key} {name!r} is no repository of the hub"
    if values.get("library_name") not in LIBRARIES:
        yield f"library_name is {values.get('library_name')!r}"
    if values.get("pipeline_tag", "translation") not in TASKS:
        yield f"pipeline_tag {values['pipeline_tag']!r} is not known"
    for result in data.eval_results or []:
        if not isinstance(result.metric_value, (int, float)) or not math.isfinite(result.metric_value):
            yield f"the value of {result.metric_type} is {result.metric_value!r}"


def check_card(folder, results):
    try:
        faults = list(faults_of_card(folder))
    except Exception as error:
        faults = [f"{type(error).__name__}: {error}"]
    results.show(folder, "card", "; ".join(faults) or "sound", not faults)


def run_program(folder, results):
    """The card's program, run among links to the folder's files."""
    blocks = re.findall(r"^```python\n(.*?)\n```$", (folder / "README.md").read_text(encoding="utf-8"), re.M | re.S)
    if not blocks:
        return results.show(folder, "program of the card", "none")
    with tempfile.TemporaryDirectory() as place:
        place = Path(place)
        for entry in folder.iterdir():
            (place / entry.name).symlink_to(entry.resolve())
        pixels = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / "IMAGE.png")
        ended = subprocess.run([sys.executable, "-c", blocks[0]], cwd=place, capture_output=True, text=True,
                               env={**os.environ, "HF_HUB_OFFLINE": "1"})
    lines = (ended.stdout if ended.returncode == 0 else ended.stderr).strip().splitlines() or [""]
    results.show(folder, "program of the card", lines[-1][:100], ended.returncode == 0)


def reference(folder):
    """The folder with the weights of what was exported."""
    return folder if has_weights(folder) else folder / "hf"


def predicted(options, folder, lines):
    command = [options.alambic, "predict", reference(folder), "--json", "--", *lines]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in ended.stdout.splitlines()]


def traced(options, folder, inputs):
    with tempfile.TemporaryDirectory() as place:
        ins, outs = Path(place) / "in.safetensors", Path(place) / "out.safetensors"
        save_file({name: tensor.contiguous() for name, tensor in inputs.items()}, ins)
        subprocess.run([options.alambic, "trace", reference(folder), "--inputs", ins, "--out", outs], check=True,
                       stdout=subprocess.DEVNULL)
        return load_file(outs)


def compare_embeddings(folder, options, config, results):
    from sentence_transformers import SentenceTransformer

    trust = "recurrent_pooling" in config
    if trust and has_weights(folder):
        try:
            SentenceTransformer(str(folder), device="cpu")
            results.show(folder, "sentence-transformers without leave", "was not refused", False)
        except ValueError:
            results.show(folder, "sentence-transformers without leave", "refused, as it should be")
    expected = [line["embedding"] for line in predicted(options, folder, options.lines)]
    if has_weights(folder):
        model = SentenceTransformer(str(folder), device="cpu", trust_remote_code=trust)
        results.difference(folder, "sentence-transformers", model.encode(options.lines), expected)
    if (folder / "onnx").is_dir():
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(folder)
        tokens = dict(tokenizer(options.lines, padding=True, truncation=True, max_length=64, return_tensors="pt"))
        compare_onnx(folder, options, tokens, results)
    if (folder / "onnx/model.onnx").is_file() and has_package("optimum"):
        try:
            from optimum.onnxruntime import ORTModelForFeatureExtraction  # noqa: F401
        except ImportError as error:
            # optimum 2.3 needs transformers 4.
            return results.show(folder, "sentence-transformers, ONNX backend", f"left out: {error}"[:100])
        model = SentenceTransformer(str(folder), device="cpu", backend="onnx", trust_remote_code=trust)
        results.difference(folder, "sentence-transformers, ONNX backend", model.encode(options.lines), expected)


def has_weights(folder):
    return (folder / "model.safetensors").is_file()


def has_package(name):
    try:
        importlib.metadata.version(name)
        return True
    except importlib.metadata.PackageNotFoundError:
        return False


def compare_onnx(folder, options, tokens, results):
    """Each ONNX file of a text encoder, over the tokens of another library."""
    files = sorted((folder / "onnx").glob("model*.onnx")) if has_package("onnxruntime") else []
    if not files:
        return
    import onnxruntime

    trace = traced(options, folder, tokens)
    mask = tokens["attention_mask"].bool()
    taps = {"logits": "logits", "sentence_embedding": "embedding", "pooler_output": "pooled"}
    for file in files:
        session = onnxruntime.InferenceSession(str(file))
        wanted = {value.name for value in session.get_inputs()}
        missing = wanted - tokens.keys()
        if missing:
            results.show(folder, f"onnxruntime {file.name}", f"the tokenizer does not make {sorted(missing)}", False)
            continue
        found = session.run(None, {name: tensor.numpy() for name, tensor in tokens.items() if name in wanted})
        for value, own in zip(session.get_outputs(), found):
            if taps.get(value.name) in trace:
                is_exact = "quantized" not in file.name and "fp16" not in file.name
                results.difference(folder, f"onnxruntime {file.name} {value.name}", own, trace[taps[value.name]],
                                   mask, is_exact)


@torch.inference_mode()
def compare_encoder(folder, options, config, results):
    """A text encoder with a head, or without one, in transformers."""
    from transformers import AutoModel, AutoModelForMaskedLM, AutoModelForQuestionAnswering, AutoTokenizer
    from transformers import AutoModelForSequenceClassification, AutoModelForTokenClassification

    kinds = {"ForSequenceClassification": AutoModelForSequenceClassification, "ForMaskedLM": AutoModelForMaskedLM,
             "ForTokenClassification": AutoModelForTokenClassification, "ForQuestionAnswering": AutoModelForQuestionAnswering}
    architecture = (config.get("architectures") or ["Model"])[0]
    kind = next((loader for end, loader in kinds.items() if architecture.endswith(end)), AutoModel)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokens = dict(tokenizer(options.lines, padding=True, truncation=True, max_length=64, return_tensors="pt"))
    compare_onnx(folder, options, tokens, results)
    if not has_weights(folder):
        return
    model = kind.from_pretrained(folder).eval()
    accepted = inspect.signature(model.forward).parameters
    output = model(**{name: value for name, value in tokens.items() if name in accepted}, output_hidden_states=True)
    trace, mask = traced(options, folder, tokens), tokens["attention_mask"].bool()
    last = len(output.hidden_states) - 1
    results.difference(folder, f"transformers hidden.{last}", output.hidden_states[-1], trace[f"hidden.{last}"], mask)
    if "logits" in output:
        results.difference(folder, "transformers logits", output.logits, trace["logits"], mask)
    if "start_logits" in output:
        spans = torch.stack([output.start_logits, output.end_logits], -1)
        results.difference(folder, "transformers start and end logits", spans, trace["logits"], mask)
    if architecture.endswith("ForSequenceClassification"):
        compare_predictions(folder, options, config, output.logits, results)


def compare_predictions(folder, options, config, logits, results):
    """What `alambic predict` says of texts, in tokens of its own."""
    lines = options.lines
    if config.get("reads_pairs"):
        if len(config["id2label"]) == 1:
            from sentence_transformers import CrossEncoder

            pairs = [(line, lines[0]) for line in lines]
            expected = [line["prediction"] for line in predicted(options, folder, ["\t".join(pair) for pair in pairs])]
            results.difference(folder, "sentence-transformers CrossEncoder", CrossEncoder(str(folder)).predict(pairs), expected)
        return
    own = predicted(options, folder, lines)
    if config.get("problem_type") == "regression" and len(config["id2label"]) == 1:
        results.difference(folder, "transformers from texts", logits[:, 0], [line["prediction"] for line in own])
    elif config.get("problem_type") != "regression":
        likely = logits.sigmoid() if config.get("problem_type") == "multi_label_classification" else logits.softmax(-1)
        names = [name for _, name in sorted(config["id2label"].items(), key=lambda item: int(item[0]))]
        expected = [[line["probabilities"][name] for name in names] for line in own]
        results.difference(folder, "transformers from texts", likely, expected)


@torch.inference_mode()
def compare_generation(folder, options, config, results):
    """An encoder-decoder in transformers: logits of random targets."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    if not has_weights(folder):
        return
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    tokens = dict(tokenizer(options.lines, padding=True, return_tensors="pt", return_token_type_ids=False))
    targets = torch.randint(0, config["vocab_size"], (len(options.lines), 6), generator=torch.Generator().manual_seed(1))
    targets[:, 0] = config["decoder_start_token_id"]
    tokens["decoder_input_ids"] = targets
    results.difference(folder, "transformers logits", model(**tokens).logits, traced(options, folder, tokens)["logits"])


@torch.inference_mode()
def compare_images(folder, options, config, results):
    """Text and image in transformers: logits of random pixels."""
    import transformers

    if not has_weights(folder):
        return
    model = getattr(transformers, config["architectures"][0]).from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokens = dict(tokenizer(options.lines, padding=True, return_tensors="pt"))
    side = config["vision_config"]["image_size"] if config["model_type"] == "clip" else config["image_size"]
    generator = torch.Generator().manual_seed(1)
    inputs = {**tokens, "pixel_values": torch.randn((len(options.lines), 3, side, side), generator=generator)}
    accepted = inspect.signature(model.forward).parameters
    output = model(**{name: value for name, value in inputs.items() if name in accepted})
    trace = traced(options, folder, inputs)
    for name, tap in {"logits": "logits", "text_embeds": "text.embedding", "image_embeds": "image.embedding"}.items():
        if getattr(output, name, None) is not None and tap in trace:
            found, expected = getattr(output, name), trace[tap]
            if name != "logits":
                found, expected = (part / part.norm(dim=-1, keepdim=True) for part in (found, expected))
            results.difference(folder, f"transformers {name}", found, expected)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--texts", type=Path)
    parser.add_argument("--alambic", default="target/release/alambic")
    options = parser.parse_args()
    options.lines = options.texts.read_text(encoding="utf-8").splitlines()[:100] if options.texts else TEXTS
    print(", ".join(f"{name} {importlib.metadata.version(name)}" for name in PACKAGES if has_package(name)))
    results = Results()
    for folder in options.folders:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        check_card(folder, results)
        if has_weights(folder):
            run_program(folder, results)
        kind = config.get("model_type")
        try:
            if (folder / "modules.json").is_file():
                compare_embeddings(folder, options, config, results)
            elif kind in ("bert", "roberta", "xlm-roberta", "distilbert"):
                compare_encoder(folder, options, config, results)
            elif kind == "marian":
                compare_generation(folder, options, config, results)
            elif kind in ("clip", "vilt"):
                compare_images(folder, options, config, results)
            else:
                results.show(folder, "other libraries", f"none reads {kind}")
        except Exception as error:
            results.show(folder, "comparison", f"{type(error).__name__}: {error}", False)
    sys.exit(1 if results.failed else 0)


main()
