"""An exported image tokenizer in onnxruntime and in PyTorch.

    python tests/python/image_tokenizer.py ALAMBIC STUDENT

exports the folder STUDENT with the program ALAMBIC, and compares over made-up images: tokens of `alambic predict` with those of
`encoder.onnx` and of PyTorch's convolutions over the weights of `hf/`, latents and reconstructions of the two with each other (1e-3 of
the largest number), and the image that `--draw` writes with the reconstruction (one step of 8 bits). Exits with 1 where they differ.
Needs torch, onnxruntime, safetensors, numpy and pillow.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors.torch import load_file

IMAGES = 6


class Network:
    """The layers of DALLE-pytorch's DiscreteVAE, over its names."""

    def __init__(self, folder):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = load_file(folder / "model.safetensors")

    def layer(self, name, x, function, **more):
        return function(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], **more)

    def block(self, name, x):
        inner = F.relu(self.layer(f"{name}.net.0", x, F.conv2d, padding=1))
        inner = F.relu(self.layer(f"{name}.net.2", inner, F.conv2d, padding=1))
        return x + self.layer(f"{name}.net.4", inner, F.conv2d)

    def latents(self, pixels):
        layers, blocks = self.config["num_layers"], self.config["num_resnet_blocks"]
        x = pixels
        for index in range(layers):
            x = F.relu(self.layer(f"encoder.{index}.0", x, F.conv2d, stride=2, padding=1))
        for index in range(blocks):
            x = self.block(f"encoder.{layers + index}", x)
        return self.layer(f"encoder.{layers + blocks}", x, F.conv2d).flatten(2).transpose(1, 2)

    def tokens(self, latents):
        if self.config["quantizer"] == "dvae":
            return latents.argmax(-1)
        return torch.cdist(latents.double(), self.weights["codebook.weight"].double()[None]).argmin(-1)

    def decode(self, tokens):
        layers, blocks = self.config["num_layers"], self.config["num_resnet_blocks"]
        side = self.config["image_size"] // 2**layers
        x = self.weights["codebook.weight"][tokens].transpose(1, 2).unflatten(2, (side, side))
        start = 1 if blocks else 0
        if blocks:
            x = self.layer("decoder.0", x, F.conv2d)
        for index in range(blocks):
            x = self.block(f"decoder.{start + index}", x)
        for index in range(layers):
            name = f"decoder.{start + blocks + index}.0"
            x = F.relu(self.layer(name, x, F.conv_transpose2d, stride=2, padding=1))
        return self.layer(f"decoder.{start + blocks + layers}", x, F.conv2d)


def apart(what, one, other):
    difference, largest = np.abs(one - other).max(), max(1.0, np.abs(other).max())
    print(f"{what}: {difference:.2e} of {largest:.2f}")
    return difference > 1e-3 * largest


def main(alambic, student):
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        out = work / "out"
        subprocess.run([alambic, "export", student, "--format", "hf,onnx", "--to", out], check=True)
        network = Network(out / "hf")
        side = network.config["image_size"]
        random = np.random.default_rng(1)
        coarse = random.integers(0, 256, (IMAGES, 4, 4, 3), dtype=np.uint8)
        images = [np.array(Image.fromarray(own).resize((side, side), Image.BILINEAR)) for own in coarse]
        pixels = np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 127.5 - 1
        run = lambda name, **inputs: onnxruntime.InferenceSession(out / "onnx" / f"{name}.onnx").run(None, inputs)
        tokens, latents = run("encoder", pixel_values=pixels)
        (made,) = run("decoder", tokens=tokens)
        with torch.no_grad():
            expected = network.latents(torch.from_numpy(pixels))
            wrong = apart("latents, onnxruntime to PyTorch", latents, expected.numpy())
            wrong |= apart("reconstruction", made, network.decode(torch.from_numpy(tokens)).numpy())
            same = (network.tokens(expected).numpy() == tokens).mean()
        print(f"tokens, onnxruntime to PyTorch: {100 * same:.1f} % equal")
        wrong |= same < 0.99
        for index, image in enumerate(images):
            path, drawn = work / f"{index}.png", work / f"{index}-again.png"
            Image.fromarray(image).save(path)
            said = subprocess.run([alambic, "predict", student, "--image", path, "--draw", drawn],
                                  check=True, capture_output=True, text=True).stdout
            own = np.array([int(token) for token in said.split()])
            equal = (own == tokens[index]).mean()
            again = np.array(Image.open(drawn)).astype(np.float32)
            (of_own,) = run("decoder", tokens=own[None])
            expected_bytes = np.clip(np.round((of_own[0].transpose(1, 2, 0) + 1) * 127.5), 0, 255)
            difference = np.abs(again - expected_bytes).max()
            print(f"image {index}: {100 * equal:.1f} % of the tokens of `predict` equal, drawn within {difference:.0f} of 255")
            wrong |= equal < 0.99 or difference > 1
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
