"""Tiny transformers that write images for texts and texts for images, of PyTorch's layers, and their taps.

    python models/tests/parity/ernie-vilg/make.py

writes `sparse` and `dense`, each a folder with `model/` (config.json, model.safetensors) and for both directions, `drawn` and `told`,
inputs and expected taps. Masks are written down pair by pair of tokens as Ramesh et al. (2021) and Zhang et al. (2021) tell of them; the
image tokenizer is that of `../image-tokenizer/make.py`. Needs torch and safetensors.
"""

import importlib.util
import json
import math
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

HERE = Path(__file__).parent
WORDS, WIDTH, LAYERS, HEADS, INNER, POSITIONS = 13, 12, 3, 3, 20, 9
TOKENIZER = {"image_size": 8, "num_channels": 3, "hidden_size": 6, "num_layers": 1, "num_resnet_blocks": 1, "num_tokens": 7,
             "codebook_dim": 5, "quantizer": "vq", "codebook_learning": "averages", "vocab_size": 0}
GRID = TOKENIZER["image_size"] >> TOKENIZER["num_layers"]
IMG, TXT = WORDS + TOKENIZER["num_tokens"], WORDS + TOKENIZER["num_tokens"] + 1

# The script beside the other models writes them where it is run as a program alone.
text = (HERE.parent / "image-tokenizer" / "make.py").read_text().rsplit("\nmain()", 1)[0]
module = importlib.util.module_from_spec(importlib.machinery.ModuleSpec("image_tokenizer", None))
module.__file__ = str(HERE / "make.py")
exec(compile(text, "make.py", "exec"), module.__dict__)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = nn.ModuleDict({
            "ln": nn.LayerNorm(WIDTH, eps=1e-12),
            "self": nn.ModuleDict({name: nn.Linear(WIDTH, WIDTH) for name in ("query", "key", "value")}),
            "output": nn.ModuleDict({"dense": nn.Linear(WIDTH, WIDTH)}),
        })
        self.ln = nn.LayerNorm(WIDTH, eps=1e-12)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(WIDTH, INNER)})
        self.output = nn.ModuleDict({"dense": nn.Linear(INNER, WIDTH)})

    def forward(self, x, mask, taps, index):
        normed = self.attention["ln"](x)
        parts = [self.attention["self"][name](normed) for name in ("query", "key", "value")]
        for kind, part in zip(("queries", "keys", "values"), parts):
            taps[f"{kind}.{index}"] = part
        query, key, value = (part.unflatten(2, (HEADS, -1)).transpose(1, 2) for part in parts)
        scores = query @ key.transpose(2, 3) / math.sqrt(WIDTH // HEADS)
        taps[f"scores.{index}"] = scores
        attention = scores.masked_fill(~mask[:, None], -torch.inf).softmax(-1)
        taps[f"attention.{index}"] = attention
        x = x + self.attention["output"]["dense"]((attention @ value).transpose(1, 2).flatten(2))
        return x + self.output["dense"](F.gelu(self.intermediate["dense"](self.ln(x))))


def seen(layer, is_sparse, query, key):
    """Whether a place of an image sees another one, (row, column) each, that belongs to the part of the row that it may see."""
    if not is_sparse:
        return True
    (row, column), (other_row, other_column) = query, key
    if layer == LAYERS:
        return abs(row - other_row) <= 1 and abs(column - other_column) <= 1
    return column == other_column if layer % 4 == 2 else row == other_row


class Model(nn.Module):
    def __init__(self, is_sparse):
        super().__init__()
        self.is_sparse = is_sparse
        self.image_tokenizer = module.Tokenizer(TOKENIZER)
        rows = {"word": WORDS + TOKENIZER["num_tokens"] + 2, "position": POSITIONS, "row": GRID, "column": GRID, "token_type": 2}
        self.embeddings = nn.ModuleDict({f"{name}_embeddings": nn.Embedding(count, WIDTH) for name, count in rows.items()})
        self.layer = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.ln = nn.LayerNorm(WIDTH, eps=1e-12)
        self.bias = nn.Parameter(torch.zeros(rows["word"]))
        self.mapping = nn.ModuleList([nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, TOKENIZER["codebook_dim"])])
        self.decoder = module.Tokenizer(TOKENIZER).decoder

    def embed(self, tokens):
        table = {name.removesuffix("_embeddings"): own for name, own in self.embeddings.items()}
        is_image = tokens[0] == IMG
        found = []
        for index, token in enumerate(tokens):
            own = table["word"].weight[token] + table["token_type"].weight[int(is_image)]
            if not is_image:
                own = own + table["position"].weight[index]
            elif index:
                own = own + table["row"].weight[(index - 1) // GRID] + table["column"].weight[(index - 1) % GRID]
            found.append(own)
        return torch.stack(found)

    def forward(self, sources, targets):
        longest = max(len(source) + len(target) for source, target in zip(sources, targets))
        x, masks = [], []
        for source, target in zip(sources, targets):
            padding = longest - len(source) - len(target)
            own = torch.cat([self.embed(source), self.embed(target)])
            word, kind = self.embeddings["word_embeddings"].weight[0], self.embeddings["token_type_embeddings"].weight[0]
            x.append(torch.cat([own, (word + kind).expand(padding, WIDTH)]))
            masks.append(len(source))
        hidden, taps = torch.stack(x), {}
        taps["hidden.0"] = hidden
        for number, layer in enumerate(self.layer, 1):
            mask = torch.zeros(len(sources), longest, longest, dtype=torch.bool)
            for row, source in enumerate(sources):
                first = 1 if source[0] == IMG else len(source) + 1
                place = lambda token: ((token - first) // GRID, (token - first) % GRID)
                within = lambda token: first <= token < first + GRID * GRID
                for query in range(longest):
                    for key in range(longest):
                        visible = key < max(len(source), query + 1)
                        if within(query) and within(key):
                            visible = visible and seen(number, self.is_sparse, place(query), place(key))
                        mask[row, query, key] = visible
            hidden = layer(hidden, mask, taps, number - 1)
            taps[f"hidden.{number}"] = hidden
        states = self.ln(hidden)
        draws = targets[0][0] == IMG
        count = GRID * GRID if draws else max(len(target) for target in targets)
        gather = lambda first: torch.stack([
            states[row, [min(len(source) + first + step, longest - 1) for step in range(count)]]
            for row, source in enumerate(sources)])
        logits = gather(0) @ self.embeddings["word_embeddings"].weight.T + self.bias
        outside = torch.ones(logits.shape[-1], dtype=torch.bool)
        outside[WORDS:IMG] = not draws
        outside[:WORDS] = draws
        taps["logits"] = logits.masked_fill(outside, -1e9)
        if draws:
            vectors = self.mapping[1](F.gelu(self.mapping[0](gather(1))))
            taps["reconstruction"] = self.decoder(vectors.transpose(1, 2).unflatten(2, (GRID, GRID)))
        return taps

    def named(self):
        for name, tensor in self.state_dict().items():
            first, rest = name.split(".", 1) if "." in name else (name, "")
            yield {
                "embeddings": f"bert.embeddings.{rest}", "layer": f"bert.encoder.layer.{rest}", "ln": f"bert.encoder.ln.{rest}",
                "bias": "cls.predictions.bias", "image_tokenizer": f"image_tokenizer.{rest}",
                "decoder": f"reconstructor.decoder.{rest}",
                "mapping": f"reconstructor.mapping.{2 * int(rest[0]) if first == 'mapping' else 0}{rest[1:]}",
            }[first], tensor


def padded(rows):
    longest = max(map(len, rows))
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows]), torch.tensor(
        [[1] * len(row) + [0] * (longest - len(row)) for row in rows])


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    for number, name in enumerate(("sparse", "dense")):
        torch.manual_seed(number)
        model = Model(name == "sparse").double()
        for key, parameter in model.named_parameters():
            scale = 0.3 if parameter.dim() == 1 else parameter[0].numel() ** -0.5
            parameter.copy_(torch.randn(parameter.shape) * scale + (1.0 if key.endswith("ln.weight") else 0.0))
        # Numbers that are stored are those that are computed with.
        for parameter in model.parameters():
            parameter.copy_(parameter.float())
        image = lambda seed: [IMG] + torch.randint(WORDS, IMG, (GRID * GRID,),
                                                   generator=torch.Generator().manual_seed(seed)).tolist()
        texts = [[7, 12, 5, 2, 1], [4, 1], [11, 3, 8, 6, 9, 10, 1]]
        images = [image(seed) for seed in range(3)]
        # Targets have no mask here, and so one length.
        told = [[TXT] + text for text in ([7, 12, 5, 2], [4, 9, 3, 8], [11, 3, 6, 1])]
        weights = {key: tensor.float().contiguous().clone() for key, tensor in model.named()}
        weights["image_tokenizer.codebook.cluster_size"] = torch.ones(TOKENIZER["num_tokens"])
        weights["image_tokenizer.codebook.embed_avg"] = weights["image_tokenizer.codebook.weight"].clone()
        folder = HERE / name
        (folder / "model").mkdir(parents=True, exist_ok=True)
        save_file(weights, folder / "model" / "model.safetensors", metadata={"format": "pt"})
        config = {
            "model_type": "ernie-vilg", "architectures": ["ErnieVilg"], "vocab_size": WORDS, "hidden_size": WIDTH,
            "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INNER, "hidden_act": "gelu",
            "hidden_dropout_prob": 0.0, "max_position_embeddings": POSITIONS, "layer_norm_eps": 1e-12, "pad_token_id": 0,
            "eos_token_id": 1, "sparse_attention": "row" if name == "sparse" else None, "attention_kernel": 3,
            "reconstructor": {"states": "reading", "detach": False}, "image_tokenizer": TOKENIZER,
        }
        (folder / "model" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        for direction, sources, targets in (("drawn", texts, images), ("told", images, told)):
            (ids, mask), (target, _) = padded(sources), padded(targets)
            save_file({"input_ids": ids, "attention_mask": mask, "decoder_input_ids": target},
                      folder / f"{direction}-inputs.safetensors")
            taps = {tap: tensor.float().contiguous() for tap, tensor in model(sources, targets).items()}
            save_file(taps, folder / f"{direction}-expected.safetensors")
        print(name, "written")


main()
