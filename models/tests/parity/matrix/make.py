"""Writes tiny matrix embeddings (CMOW/CBOW hybrid) with inputs, expected taps and gradients, by a plain loop over words in PyTorch.

    pip install torch safetensors
    python make.py

After Galke et al. (IJCNN 2022) and the code that they published: per word a matrix for each direction and a vector; states of a
token are sums and products up to it, those of a text the sum and both products. Padding is left out of the loops, as the project
does it. `gradients.safetensors` holds, for each parameter, the gradient of the sum of the tap that `about.json` names, each number
times the cosine of its place in it.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional

VOCABULARY, LENGTH = 40, 7
BASE = {
    "side": 3, "vector": 5, "directions": "both", "rank": None, "order": "aligned", "classifier": "mlp",
    "pairs": "difference", "leading": 0, "head": "", "labels": 0,
}
MODELS = {
    "none": {},
    "pairs": {"leading": 1, "head": "ForSequenceClassification", "labels": 3},
    "published": {"order": "published", "head": "ForMaskedLM"},
    "low-rank": {"rank": 2, "directions": "backward", "classifier": "linear", "head": "ForTokenClassification", "labels": 4},
    "cosine": {"pairs": "cosine", "directions": "forward", "leading": 1, "head": "ForSequenceClassification", "labels": 1},
    "vectors": {"side": 0, "head": "ForSequenceClassification", "labels": 2},
}
SPLITS = ("pairs", "cosine")


def parameters(own):
    """Names and shapes of the tensors."""
    side, vector, rank = own["side"], own["vector"], own["rank"]
    shapes = {"embeddings.vectors.weight": (VOCABULARY, vector)}
    directions = ["forward", "backward"] if own["directions"] == "both" else [own["directions"]]
    for direction in directions if side else []:
        name = f"embeddings.{direction}_matrices"
        if rank:
            shapes[f"{name}.left.weight"] = (VOCABULARY, side * rank)
            shapes[f"{name}.right.weight"] = (VOCABULARY, rank * side)
            shapes[f"{name}.diagonal.weight"] = (VOCABULARY, side)
        else:
            shapes[f"{name}.weight"] = (VOCABULARY, side * side)
    state = len(directions) * (vector + side * side)
    pooled = vector + len(directions) * side * side
    head, labels = own["head"], own["labels"]
    if head == "ForMaskedLM":
        shapes |= {"lm_head.weight": (VOCABULARY, state), "lm_head.bias": (VOCABULARY,)}
    elif head and own["pairs"] != "cosine":
        width = state if head == "ForTokenClassification" else 3 * pooled if own["leading"] else pooled
        if own["classifier"] == "linear":
            shapes |= {"classifier.weight": (labels, width), "classifier.bias": (labels,)}
        else:
            shapes |= {
                "classifier.0.weight": (width, width), "classifier.0.bias": (width,),
                "classifier.2.weight": (width, width), "classifier.2.bias": (width,),
                "classifier.4.weight": (width,), "classifier.4.bias": (width,),
                "classifier.5.weight": (labels, width), "classifier.5.bias": (labels,),
            }
    weights = {}
    for name, shape in shapes.items():
        tensor = torch.randn(shape) * 0.3
        if name.endswith("_matrices.weight"):
            tensor += torch.eye(side).flatten()
        if name.endswith("diagonal.weight") or name == "classifier.4.weight":
            tensor += 1.0
        weights[name] = tensor.requires_grad_()
    return weights, directions


def read(own, weights, directions, words):
    """States of the words, each by each, and the embedding of the text."""
    side = own["side"]
    vectors = [weights["embeddings.vectors.weight"][word] for word in words]

    def matrix(direction, word):
        name = f"embeddings.{direction}_matrices"
        if not own["rank"]:
            return weights[f"{name}.weight"][word].reshape(side, side)
        left = weights[f"{name}.left.weight"][word].reshape(side, own["rank"])
        right = weights[f"{name}.right.weight"][word].reshape(own["rank"], side)
        return left @ right + torch.diag(weights[f"{name}.diagonal.weight"][word])

    tokens, states, products = [[] for _ in words], [[] for _ in words], []
    for direction in directions:
        matrices = [matrix(direction, word) for word in words] if side else []
        order = list(range(len(words)))
        if direction == "backward":
            order.reverse()
        total, product, made = torch.zeros(own["vector"]), torch.eye(side), {}
        for place in order:
            total = total + vectors[place]
            parts = [total]
            if side:
                product = product @ matrices[place]
                parts.append(product.flatten())
            made[place] = torch.cat(parts)
        for place in range(len(words)):
            tokens[place].append(vectors[place])
            if side:
                tokens[place].append(matrices[place].flatten())
            turned = direction == "backward" and own["order"] == "published"
            states[place].append(made[len(words) - 1 - place if turned else place])
        if side:
            products.append(product.flatten())
    total = sum(vectors, torch.zeros(own["vector"]))
    rows = [[torch.cat(parts) for parts in rows] for rows in (tokens, states)]
    return rows[0], rows[1], torch.cat([total, *products])


def classify(own, weights, x):
    if "lm_head.weight" in weights:
        return functional.linear(x, weights["lm_head.weight"], weights["lm_head.bias"])
    if "classifier.weight" in weights:
        return functional.linear(x, weights["classifier.weight"], weights["classifier.bias"])
    linear = lambda x, name: functional.linear(x, weights[f"classifier.{name}.weight"], weights[f"classifier.{name}.bias"])
    x = linear(torch.relu(linear(x, 0)), 2)
    x = functional.layer_norm(x, x.shape[-1:], weights["classifier.4.weight"], weights["classifier.4.bias"], 1e-5)
    return linear(x, 5)


def make(name, changes):
    own = BASE | changes
    weights, directions = parameters(own)
    ids = torch.randint(1, VOCABULARY, (4, LENGTH))
    mask = torch.zeros(4, LENGTH, dtype=torch.long)
    segments = torch.zeros(4, LENGTH, dtype=torch.long)
    # One text fills its row, one has a gap, one is empty where the tap allows it.
    for row, places in enumerate([range(7), range(4), [0, 2, 3, 5], [] if name in ("none", "vectors") else range(2)]):
        mask[row, list(places)] = 1
    if name in SPLITS:
        for row, first in enumerate([4, 2, 3, 1]):
            segments[row, first:] = 1
    ids[mask == 0] = 0
    width = len(directions) * (own["vector"] + own["side"] ** 2)
    taps = {tap: torch.zeros(4, LENGTH, width) for tap in ("hidden.0", "hidden.1")}
    pooled, both = [], ([], [])
    for row in range(4):
        places = [place for place in range(LENGTH) if mask[row, place]]
        tokens, states, text = read(own, weights, directions, [int(ids[row, place]) for place in places])
        for place, token, state in zip(places, tokens, states):
            taps["hidden.0"] = taps["hidden.0"].index_put((torch.tensor(row), torch.tensor(place)), token)
            taps["hidden.1"] = taps["hidden.1"].index_put((torch.tensor(row), torch.tensor(place)), state)
        pooled.append(text)
        if name in SPLITS:
            first = [int(ids[row, place]) for place in places if not segments[row, place]]
            second = [int(ids[row, place]) for place in places if segments[row, place]]
            both[0].append(read(own, weights, directions, first)[2])
            both[1].append(read(own, weights, directions, first[: own["leading"]] + second)[2])
    taps["pooled"] = torch.stack(pooled)
    head, chosen = own["head"], "logits"
    if not head:
        taps["embedding"] = taps["pooled"]
        chosen = "pooled"
    elif name in SPLITS:
        u, v = torch.stack(both[0]), torch.stack(both[1])
        if own["pairs"] == "cosine":
            taps["logits"] = functional.cosine_similarity(u, v)[:, None]
        else:
            taps["logits"] = classify(own, weights, torch.cat([u, v, (u - v).abs()], 1))
    else:
        reads_tokens = head in ("ForMaskedLM", "ForTokenClassification")
        taps["logits"] = classify(own, weights, taps["hidden.1"] if reads_tokens else taps["pooled"])
    counted = taps[chosen]
    if chosen == "logits" and counted.dim() == 3:
        counted = counted * mask[:, :, None]
    (counted.flatten() * torch.cos(torch.arange(counted.numel()).float())).sum().backward()

    config = {
        "model_type": "cmow-cbow-hybrid",
        "architectures": [f"CmowCbowHybrid{head or 'Model'}"],
        "vocab_size": VOCABULARY, "matrix_size": own["side"], "vector_size": own["vector"],
        "directions": own["directions"], "matrix_rank": own["rank"], "state_order": own["order"], "dropout": 0.1,
        "initializer_range": 0.01, "classifier": own["classifier"], "pair_features": own["pairs"],
        "leading_tokens": own["leading"], "pad_token_id": 0,
    }
    if own["labels"]:
        config["id2label"] = {str(label): f"LABEL_{label}" for label in range(own["labels"])}
        config["label2id"] = {f"LABEL_{label}": label for label in range(own["labels"])}
    if head == "ForSequenceClassification":
        config["problem_type"] = "regression" if own["labels"] == 1 else "single_label_classification"
        config["reads_pairs"] = name in SPLITS
    folder = Path(__file__).parent / name
    (folder / "model").mkdir(parents=True, exist_ok=True)
    (folder / "model" / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    detached = lambda tensors: {name: tensor.detach().contiguous().clone() for name, tensor in tensors.items()}
    save_file(detached(weights), folder / "model" / "model.safetensors", {"format": "pt"})
    save_file({"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}, folder / "inputs.safetensors")
    save_file(detached(taps), folder / "expected.safetensors")
    save_file({name: tensor.grad for name, tensor in weights.items()}, folder / "gradients.safetensors")
    (folder / "about.json").write_text(json.dumps({"gradient_of": chosen}) + "\n")


torch.manual_seed(7)
for name, changes in MODELS.items():
    make(name, changes)
