"""Tiny detectors of PyTorch's layers, and their taps.

    python models/tests/parity/detector/make.py

writes `plain` and `staged`, each a folder with `model/` (config.json, model.safetensors), `inputs.safetensors` and
`expected.safetensors`. `staged` has residual blocks in two stages, two objects a cell, and attributes of predicted classes; its images
have an odd number of patches on one side. Needs torch and safetensors.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional as F

HERE = Path(__file__).parent
EPSILON = 1e-6


def layer_norm(weights, name, x):
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], EPSILON)


def linear(weights, name, x):
    return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def convolution(weights, name, grid, stride=1):
    """Of a grid with its channels last."""
    out = F.conv2d(grid.permute(0, 3, 1, 2), weights[f"{name}.weight"], weights[f"{name}.bias"], stride=stride, padding=1)
    return out.permute(0, 2, 3, 1)


def forward(weights, config, pixels):
    taps = {}
    patch = config["patch_size"]
    grid = F.conv2d(pixels, weights["embeddings.projection.weight"], weights["embeddings.projection.bias"], stride=patch)
    grid = layer_norm(weights, "embeddings.norm", F.gelu(grid.permute(0, 2, 3, 1)))
    taps["hidden.0"] = grid.flatten(1, 2)
    stages = config.get("stages", [])
    ends = [sum(stages[:stage]) for stage in range(1, len(stages))]
    for layer in range(config["num_hidden_layers"]):
        if layer in ends:
            name = f"halving.{ends.index(layer)}"
            grid = layer_norm(weights, f"{name}.norm", F.gelu(convolution(weights, f"{name}.convolution", grid, 2)))
        name = f"layer.{layer}"
        if stages:
            inner = convolution(weights, f"{name}.first.convolution", grid)
            inner = F.gelu(layer_norm(weights, f"{name}.first.norm", inner))
            inner = convolution(weights, f"{name}.second.convolution", inner)
            grid = layer_norm(weights, f"{name}.second.norm", grid + inner)
        else:
            grid = layer_norm(weights, f"{name}.norm", grid + F.gelu(convolution(weights, f"{name}.convolution", grid)))
        taps[f"hidden.{layer + 1}"] = grid.flatten(1, 2)
    features = grid.flatten(1, 2)
    slots, width = config.get("slots", 1), config["hidden_size"]
    if slots > 1:
        features = F.gelu(linear(weights, "slots", features)).reshape(len(features), -1, width)
        features = layer_norm(weights, "slot_norm", features)
    taps["features"] = features
    taps["objectness"] = linear(weights, "objectness", features).squeeze(2)
    taps["logits"] = linear(weights, "tags", features)
    taps["boxes"] = linear(weights, "boxes", features)
    if "attributes" in config:
        classes = weights["attributes.class_embedding.weight"][taps["logits"].argmax(-1)]
        inner = F.relu(linear(weights, "attributes.dense", torch.cat([features, classes], dim=-1)))
        taps["attributes"] = linear(weights, "attributes.output", inner)
    return taps


def shapes(config, tags):
    width, patch, slots = config["hidden_size"], config["patch_size"], config.get("slots", 1)
    square = (width, width, 3, 3)
    yield "embeddings.projection", (width, 3, patch, patch)
    yield "embeddings.norm", (width,)
    stages = config.get("stages", [])
    for layer in range(config["num_hidden_layers"]):
        for part in (".first", ".second") if stages else ("",):
            yield f"layer.{layer}{part}.convolution", square
            yield f"layer.{layer}{part}.norm", (width,)
    for stage in range(max(len(stages) - 1, 0)):
        yield f"halving.{stage}.convolution", square
        yield f"halving.{stage}.norm", (width,)
    if slots > 1:
        yield "slots", (slots * width, width)
        yield "slot_norm", (width,)
    for head, outputs in (("objectness", 1), ("tags", tags), ("boxes", 4)):
        yield head, (outputs, width)
    if "attributes" in config:
        inner, embedding = config["attribute_hidden_size"], config["class_embedding_size"]
        yield "attributes.dense", (inner, width + embedding)
        yield "attributes.output", (len(config["attributes"]), inner)


def main():
    usual = {"image_size": 16, "patch_size": 4, "num_channels": 3, "hidden_size": 6, "layer_norm_eps": EPSILON, "vocab_size": 9}
    tags = ["circle", "square", "star"]
    for number, (name, more) in enumerate({
        "plain": {"num_hidden_layers": 2},
        "staged": {"num_hidden_layers": 3, "stages": [2, 1], "slots": 2, "attributes": ["blue", "red", "small", "tall"],
                   "class_embedding_size": 3, "attribute_hidden_size": 5, "selection": "vinvl"},
    }.items()):
        torch.manual_seed(number)
        config = {**usual, **more}
        weights = {}
        for tensor, shape in shapes(config, len(tags)):
            scale = 1 if len(shape) == 1 else (2 / torch.tensor(shape[1:]).prod().item()) ** 0.5
            weights[f"{tensor}.weight"] = torch.randn(shape) * scale
            weights[f"{tensor}.bias"] = torch.randn(shape[:1]) * 0.3
        if "attributes" in config:
            weights["attributes.class_embedding.weight"] = torch.randn(len(tags), config["class_embedding_size"])
        pixels = torch.rand(2, 3, 16, 20) * 2 - 1
        double = {key: value.double() for key, value in weights.items()}
        expected = {tap: value.float().contiguous() for tap, value in forward(double, config, pixels.double()).items()}
        folder = HERE / name
        (folder / "model").mkdir(parents=True, exist_ok=True)
        save_file({key: value.contiguous() for key, value in weights.items()}, folder / "model" / "model.safetensors",
                  metadata={"format": "pt"})
        labels = {"id2label": {str(place): tag for place, tag in enumerate(tags)},
                  "label2id": {tag: place for place, tag in enumerate(tags)}}
        text = json.dumps({"model_type": "detector", "architectures": ["Detector"], **config, **labels}, indent=2)
        (folder / "model" / "config.json").write_text(text + "\n")
        save_file({"pixel_values": pixels}, folder / "inputs.safetensors")
        save_file(expected, folder / "expected.safetensors")
        print(name, {tap: tuple(value.shape) for tap, value in expected.items()})


main()
