"""Runs the ONNX files of encoder-decoders, CLIP, ViLT and Oscar in onnxruntime and holds them against PyTorch.

    alambic export MODEL --format hf,onnx,int8 --to OUT
    python tests/python/onnxruntime_families.py OUT [--alambic target/release/alambic]

OUT is what `alambic export` wrote. transformers runs `OUT/hf` over random tokens, pixels and masks; Oscar, which it does
not have, is run by `alambic trace`. An encoder-decoder is run with and without a past, by both kinds of decoders, over the
target that transformers generates; where `optimum` is installed its ORTModelForSeq2SeqLM generates as well. Prints the
largest difference of each output, and exits with 1 if one of the files in 32 bits is above 1e-4 of the output's largest
number. Needs torch, transformers, onnxruntime, safetensors and numpy.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import transformers
from safetensors.numpy import load_file, save_file

TOLERANCE = 1e-4
parser = argparse.ArgumentParser()
parser.add_argument("out", type=Path)
parser.add_argument("--alambic", default="target/release/alambic")
options = parser.parse_args()
config = json.loads((options.out / "config.json").read_text(encoding="utf-8"))
kind = config.get("model_type", "oscar")
random = np.random.default_rng(1)
failed = False


def session(name, ending):
    return onnxruntime.InferenceSession(str(options.out / "onnx" / f"{name}{ending}.onnx"))


def run(name, ending, inputs):
    own = session(name, ending)
    wanted = [value.name for value in own.get_inputs()]
    missing = set(wanted) - set(inputs)
    assert not missing, f"{name} reads {missing}"
    names = [value.name for value in own.get_outputs()]
    return dict(zip(names, own.run(None, {name: inputs[name] for name in wanted})))


def report(ending, name, found, expected):
    global failed
    assert found.shape == expected.shape, (name, found.shape, expected.shape)
    difference, largest = np.abs(found - expected).max(), np.abs(expected).max()
    print(f"{ending or 'f32'}: {name} {found.shape}: largest difference {difference:.2e} of {largest:.2e}")
    failed |= ending == "" and not difference <= TOLERANCE * max(1, largest)


def tokens(count, length, vocabulary, first=5):
    lengths = np.linspace(2, length, count).astype(int)
    mask = (np.arange(length)[None] < lengths[:, None]).astype(np.int64)
    ids = random.integers(min(first, vocabulary - 1), vocabulary, (count, length))
    return ids * mask + (1 - mask) * (config.get("pad_token_id") or 0), mask


def marian():
    model = transformers.MarianMTModel.from_pretrained(options.out / "hf").eval()
    ids, mask = tokens(6, 11, config["vocab_size"])
    given = {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}
    with torch.no_grad():
        limit = min(12, config["max_position_embeddings"] - 1)
        target = model.generate(**given, max_new_tokens=limit, min_new_tokens=4, do_sample=False, num_beams=1)
        expected = model(**given, decoder_input_ids=target)
    target = target.numpy()
    for ending in ("", "_quantized"):
        encoded = run("encoder_model", ending, {"input_ids": ids, "attention_mask": mask})["last_hidden_state"]
        real = mask.astype(bool)
        report(ending, "last_hidden_state", encoded[real], expected.encoder_last_hidden_state.numpy()[real])
        common = {"encoder_attention_mask": mask, "encoder_hidden_states": encoded}
        whole = run("decoder_model", ending, common | {"input_ids": target})
        report(ending, "decoder_model logits", whole["logits"], expected.logits.numpy())
        for name in ("decoder_with_past_model", "decoder_model_merged"):
            merged = name == "decoder_model_merged"
            past, logits = {}, []
            for place in range(target.shape[1]):
                inputs = common | past | {"input_ids": target[:, place:place + 1]}
                if place > 0:
                    step = run(name, ending, inputs | {"use_cache_branch": np.array([True])})
                elif merged:
                    heads = config["decoder_attention_heads"]
                    empty = np.zeros((len(ids), heads, 0, config["d_model"] // heads), dtype=np.float32)
                    nothing = {f"past_key_values.{layer}.{part}.{what}": empty
                               for layer in range(config["decoder_layers"])
                               for part in ("decoder", "encoder") for what in ("key", "value")}
                    step = run(name, ending, inputs | nothing | {"use_cache_branch": np.array([False])})
                else:
                    step = run("decoder_model", ending, inputs)
                logits.append(step.pop("logits"))
                past |= {key.replace("present", "past_key_values"): value for key, value in step.items()}
            report(ending, f"{name} logits", np.concatenate(logits, 1), expected.logits.numpy())
    try:
        from optimum.onnxruntime import ORTModelForSeq2SeqLM
    except ImportError:
        print("optimum is not installed")
        return
    own = ORTModelForSeq2SeqLM.from_pretrained(options.out, subfolder="onnx")
    own.generation_config = model.generation_config
    generated = own.generate(**given, max_new_tokens=limit, min_new_tokens=4, do_sample=False, num_beams=1).numpy()
    same = (generated == target).all() if generated.shape == target.shape else False
    print(f"optimum generates the same: {same}")
    global failed
    failed |= not same


def clip():
    model = transformers.CLIPModel.from_pretrained(options.out / "hf").eval()
    ids, mask = tokens(5, 9, config["text_config"]["vocab_size"], 3)
    side = config["vision_config"]["image_size"]
    pixels = random.standard_normal((3, 3, side, side)).astype(np.float32)
    with torch.no_grad():
        expected = model(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask), pixel_values=torch.tensor(pixels))
        text, image = (kind.from_pretrained(options.out / "hf").eval()
                       for kind in (transformers.CLIPTextModelWithProjection, transformers.CLIPVisionModelWithProjection))
        text = text(input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask)).text_embeds
        image = image(pixel_values=torch.tensor(pixels)).image_embeds
    for ending in ("", "_quantized"):
        inputs = {"input_ids": ids, "attention_mask": mask, "pixel_values": pixels}
        for name, value in run("model", ending, inputs).items():
            report(ending, name, value, getattr(expected, name).numpy())
        report(ending, "text_model", run("text_model", ending, inputs)["text_embeds"], text.numpy())
        report(ending, "vision_model", run("vision_model", ending, inputs)["image_embeds"], image.numpy())


def vilt():
    classes = config.get("architectures", ["ViltModel"])[0]
    model = getattr(transformers, classes).from_pretrained(options.out / "hf").eval()
    ids, mask = tokens(4, 8, config["vocab_size"])
    side, patch = config["image_size"], config["patch_size"]
    sizes = [(side, side), (side // 2, side), (side, patch), (side, side + patch)]
    height, width = max(size[0] for size in sizes), max(size[1] for size in sizes)
    pixels = random.standard_normal((4, 3, height, width)).astype(np.float32)
    seen = np.zeros((4, height, width), dtype=np.int64)
    for index, (rows, columns) in enumerate(sizes):
        seen[index, :rows, :columns] = 1
        pixels[index] *= seen[index]
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids),
              "pixel_values": pixels, "pixel_mask": seen}
    names = ["input_ids", "attention_mask", "token_type_ids", "pixel_values", "pixel_mask"]
    with torch.no_grad():
        expected = model(**{name: torch.tensor(inputs[name]) for name in names})
    for ending in ("", "_quantized"):
        for name, value in run("model", ending, inputs).items():
            reference = getattr(expected, name).numpy()
            if value.ndim == 3:
                # Of the image transformers keeps padding, in an order of its own.
                value, reference = (array[:, :ids.shape[1]][mask.astype(bool)] for array in (value, reference))
            report(ending, name, value, reference)


def oscar():
    ids, mask = tokens(4, 8, config["vocab_size"])
    features = random.standard_normal((4, 5, config["img_feature_dim"])).astype(np.float32)
    seen = (np.arange(5)[None] < np.array([5, 4, 3, 5])[:, None]).astype(np.int64)
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": mask * (np.arange(8) > 3),
              "visual_embeds": features, "visual_attention_mask": seen}
    taps = {"logits": "logits", "pooler_output": "pooled", "seq_relationship_logits": "relation",
            "last_hidden_state": f"hidden.{config['num_hidden_layers']}"}
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        save_file({name: np.ascontiguousarray(array) for name, array in inputs.items()}, folder / "in.safetensors")
        subprocess.run([options.alambic, "trace", options.out / "hf", "--inputs", folder / "in.safetensors", "--out",
                        folder / "out.safetensors"], check=True, stdout=subprocess.DEVNULL)
        expected = load_file(folder / "out.safetensors")
    for ending in ("", "_quantized"):
        for name, value in run("model", ending, inputs).items():
            reference = expected[taps[name]]
            if value.ndim == 3:
                real = np.concatenate([mask, seen], 1)[:, :value.shape[1]].astype(bool)
                value, reference = value[real], reference[real]
            report(ending, name, value, reference)


{"marian": marian, "clip": clip, "vilt": vilt}.get(kind, oscar)()
sys.exit(failed)
