"""Tiny image tokenizers of PyTorch's layers, and their taps.

    python models/tests/parity/image-tokenizer/make.py

writes `vq`, `dvae` and `plain`, each a folder with `model/` (config.json, model.safetensors), `inputs.safetensors` and
`expected.safetensors`. Layers and names of tensors are those of DALLE-pytorch's `DiscreteVAE`; `plain` has no residual block. Needs torch
and safetensors.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(),
            nn.Conv2d(width, width, 1),
        )

    def forward(self, x):
        return x + self.net(x)


class Tokenizer(nn.Module):
    def __init__(self, config):
        super().__init__()
        width, layers, blocks = config["hidden_size"], config["num_layers"], config["num_resnet_blocks"]
        codes, dim = config["num_tokens"], config["codebook_dim"]
        self.is_relaxed = config["quantizer"] == "dvae"
        self.codebook = nn.Embedding(codes, dim)
        ins = [3] + [width] * (layers - 1)
        self.encoder = nn.Sequential(
            *(nn.Sequential(nn.Conv2d(inputs, width, 4, stride=2, padding=1), nn.ReLU()) for inputs in ins),
            *(Block(width) for _ in range(blocks)),
            nn.Conv2d(width, codes if self.is_relaxed else dim, 1),
        )
        first = [nn.Conv2d(dim, width, 1)] if blocks else []
        ins = [width if blocks else dim] + [width] * (layers - 1)
        self.decoder = nn.Sequential(
            *first, *(Block(width) for _ in range(blocks)),
            *(nn.Sequential(nn.ConvTranspose2d(inputs, width, 4, stride=2, padding=1), nn.ReLU()) for inputs in ins),
            nn.Conv2d(width, 3, 1),
        )

    def forward(self, pixels):
        latents = self.encoder(pixels).flatten(2).transpose(1, 2)
        table = self.codebook.weight
        tokens = latents.argmax(-1) if self.is_relaxed else torch.cdist(latents, table[None]).argmin(-1)
        quantized = table[tokens]
        side = int(tokens.shape[1] ** 0.5)
        made = self.decoder(quantized.transpose(1, 2).unflatten(2, (side, side)))
        return {"latents": latents, "tokens": tokens.double(), "quantized": quantized, "reconstruction": made}


def main():
    usual = {"image_size": 12, "num_channels": 3, "hidden_size": 8, "num_layers": 2, "num_resnet_blocks": 2,
             "num_tokens": 11, "codebook_dim": 5, "vocab_size": 0}
    for number, (name, more) in enumerate({
        "vq": {"quantizer": "vq", "codebook_learning": "averages"},
        "dvae": {"quantizer": "dvae", "codebook_learning": "gradient"},
        "plain": {"quantizer": "vq", "codebook_learning": "gradient", "num_resnet_blocks": 0, "num_layers": 1},
    }.items()):
        torch.manual_seed(number)
        config = {**usual, **more}
        model = Tokenizer(config)
        # Codes that lie among the outputs, so that several are taken.
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_(torch.randn(parameter.shape) * (0.5 if parameter.dim() == 1 else (2 / parameter[0].numel()) ** 0.5))
            pixels = torch.rand(3, 3, config["image_size"], config["image_size"]) * 2 - 1
            if not model.is_relaxed:
                outputs = model(pixels)["latents"].flatten(0, 1)
                model.codebook.weight.copy_(outputs[torch.randperm(len(outputs))[: config["num_tokens"]]] + 0.01)
            expected = {tap: value.float().contiguous() for tap, value in model.double()(pixels.double()).items()}
        folder = HERE / name
        (folder / "model").mkdir(parents=True, exist_ok=True)
        weights = {key: value.float().contiguous() for key, value in model.state_dict().items()}
        if config["quantizer"] == "vq":
            weights["codebook.cluster_size"] = torch.ones(config["num_tokens"])
        if config["codebook_learning"] == "averages":
            weights["codebook.embed_avg"] = weights["codebook.weight"].clone()
        save_file(weights, folder / "model" / "model.safetensors", metadata={"format": "pt"})
        text = json.dumps({"model_type": "image-tokenizer", "architectures": ["ImageTokenizer"], **config}, indent=2)
        (folder / "model" / "config.json").write_text(text + "\n")
        save_file({"pixel_values": pixels}, folder / "inputs.safetensors")
        save_file(expected, folder / "expected.safetensors")
        print(name, expected["tokens"].unique().numel(), "codes taken")


main()
