"""Writes tiny UNIMO models with inputs and expected taps, composed of transformers' BERT and PyTorch's layers.

    pip install torch transformers==5.24.0 safetensors
    python models/tests/parity/unimo/make.py

transformers has no UNIMO. Its parts are BERT's embeddings of a text without segments, LN(W f + V b) of the regions or patches of an
image behind a token of the mean of their features, BERT's encoder over the image and the text behind it, and rectified linear layers
over the first token of each (Li et al., 2021, and `PaddlePaddle/Research`, `NLP/UNIMO`). `regions` has the heads of pre-training,
`patches` none, and `answers` that of questions. `writing` writes behind images and texts, or texts alone: the likeliest token at each
step, all of the sequence read again (no cache).
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertEmbeddings, BertEncoder, BertOnlyMLMHead

HERE = Path(__file__).parent
WIDTH, VOCABULARY, FEATURES, SIDE, PATCH, ANSWERS, OBJECTS = 32, 120, 10, 12, 4, 5, 6
# A token that these weights write of some of the inputs ends what is written.
START, END, TARGET_LENGTH, WRITING_SEED = 1, 37, 10, 5
CONFIG = BertConfig(
    vocab_size=VOCABULARY, hidden_size=WIDTH, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
    max_position_embeddings=20, type_vocab_size=1, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
    attn_implementation="eager",
)


class Image(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.features = nn.Linear(features, WIDTH)
        self.places = nn.Linear(5, WIDTH, bias=False)
        self.LayerNorm = nn.LayerNorm(WIDTH, eps=CONFIG.layer_norm_eps)

    def forward(self, features, places, mask):
        """The embedded image, the whole of it first, and its mask."""
        kept = mask[..., None].double()
        mean = (features * kept).sum(1, keepdim=True) / kept.sum(1, keepdim=True).clamp(min=1)
        whole = torch.tensor([0.0, 0.0, 1.0, 1.0, 1.0]).expand(len(features), 1, 5)
        features, places = torch.cat([mean, features], 1), torch.cat([whole, places], 1)
        mask = torch.cat([torch.ones(len(mask), 1, dtype=mask.dtype), mask], 1)
        return self.LayerNorm(self.features(features) + self.places(places)), mask


class Unimo(nn.Module):
    def __init__(self, features):
        super().__init__()
        self.embeddings = BertEmbeddings(CONFIG)
        self.encoder = BertEncoder(CONFIG)
        self.image_embeddings = Image(features)
        self.text_pooler, self.image_pooler = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    def encode(self, embedded, mask, source=None):
        """The states of all layers; what stands behind `source` places is not seen by these, nor by what stands before it."""
        seen = mask[:, None, None, :].double()
        if source is not None:
            place = torch.arange(mask.shape[1])
            seen = seen * ((place[None, :] < source) | (place[None, :] <= place[:, None])).double()
        additive = (1.0 - seen) * -1e9
        states, probabilities = [embedded], []
        for layer in self.encoder.layer:
            attended, attention = layer.attention(embedded, additive)[:2]
            embedded = layer.output(layer.intermediate(attended), attended)
            states.append(embedded)
            probabilities.append(attention)
        return states, probabilities

    def pooled_text(self, state):
        return self.text_pooler(state).relu()

    def pooled_image(self, state):
        return self.image_pooler(state).relu()


def randomise(module):
    """Weights that differ from their initial values everywhere, norms and biases too."""
    for name, parameter in module.named_parameters():
        nn.init.normal_(parameter, 1.0 if name.endswith("LayerNorm.weight") else 0.0, 0.15)


def places_of_patches(batch):
    side = SIDE // PATCH
    rows = [[c / side, r / side, (c + 1) / side, (r + 1) / side, 1 / side**2] for r in range(side) for c in range(side)]
    return torch.tensor(rows).expand(batch, -1, -1)


def write(name, published, model, heads, inputs, image, scale, is_pretrained=False):
    features, places, image_mask = image
    text_mask = inputs["attention_mask"]
    text = model.embeddings(inputs["input_ids"])
    embedded, image_mask = model.image_embeddings(features, places, image_mask)
    count = embedded.shape[1]
    states, probabilities = model.encode(torch.cat([embedded, text], 1), torch.cat([image_mask, text_mask], 1))
    t, v = model.pooled_text(states[-1][:, count]), model.pooled_image(states[-1][:, 0])
    taps = {f"hidden.{index}": state for index, state in enumerate(states)}
    taps |= {f"attention.{index}": attention for index, attention in enumerate(probabilities)}
    taps["pooled"] = t * v
    weights = {f"unimo.{key}": value for key, value in model.state_dict().items()}
    if "classifier" in heads:
        taps["logits"] = heads["classifier"](t * v)
    else:
        taps["similarity"] = scale.exp() * F.cosine_similarity(t, v)
        texts = F.normalize(model.pooled_text(model.encode(text, text_mask)[0][-1][:, 0]), dim=-1)
        images = F.normalize(model.pooled_image(model.encode(embedded, image_mask)[0][-1][:, 0]), dim=-1)
        taps |= {"text.embedding": texts, "image.embedding": images, "logits": scale.exp() * images @ texts.T}
        weights["logit_scale"] = scale
    if is_pretrained:
        taps["prediction_logits"] = heads["cls"](states[-1][:, count:])
        target = inputs["decoder_input_ids"]
        positions = text_mask.sum(1, keepdim=True) + torch.arange(target.shape[1])
        written = model.embeddings(target, position_ids=positions)
        behind, _ = model.encode(torch.cat([embedded, text, written], 1),
                                 torch.cat([image_mask, text_mask, torch.ones_like(target)], 1), count + text.shape[1])
        taps["target_logits"] = heads["cls"](behind[-1][:, count + text.shape[1]:])
        taps["predicted_features"] = heads["regions"](states[-1][:, 1:count])
        taps["object_logits"] = heads["regions.objects"](heads["regions"][:3](states[-1][:, 1:count]))
    for prefix, module in heads.items():
        own = {f"{prefix}.{key}": value for key, value in module.state_dict().items()}
        weights |= {key.replace("regions.0", "regions.transform.dense").replace("regions.2", "regions.transform.LayerNorm")
                    .replace("regions.3", "regions.features"): value for key, value in own.items()}
    weights = {key: value for key, value in weights.items()
               if value.is_floating_point() and not key.startswith("cls.predictions.decoder.")}
    save(name, published, weights, inputs, taps)


def save(name, published, weights, inputs, taps):
    weights = {key: value for key, value in weights.items() if value.is_floating_point()}
    folder = HERE / name
    (folder / "model").mkdir(parents=True, exist_ok=True)
    keys = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size",
            "max_position_embeddings", "hidden_act", "layer_norm_eps", "type_vocab_size"]
    config = {"model_type": "unimo", **published, **{key: getattr(CONFIG, key) for key in keys}}
    (folder / "model/config.json").write_text(json.dumps(config, indent=1) + "\n")
    single = lambda tensors: {key: (value.detach().float() if value.is_floating_point() else value).clone().contiguous()
                              for key, value in tensors.items()}
    save_file(single(weights), folder / "model/model.safetensors", {"format": "pt"})
    save_file(single(inputs), folder / "inputs.safetensors")
    save_file(single(taps), folder / "expected.safetensors")


def write_texts(model, words):
    """A model that writes: taps of one pass over source and target, and what it writes of images with texts, and of texts alone."""
    torch.manual_seed(WRITING_SEED)
    mask = torch.ones(3, 5, dtype=torch.int64)
    mask[1, 3:], mask[2, 2:] = 0, 0
    ids = torch.randint(4, VOCABULARY, (3, 5)) * mask
    ids[:, 0] = START
    target = torch.randint(4, VOCABULARY, (3, 6))
    target[:, 0] = START
    pixels = torch.randn(3, 3, SIDE, SIDE).float().double()
    cut = F.unfold(pixels, PATCH, stride=PATCH).transpose(1, 2)
    image, image_mask = model.image_embeddings(cut, places_of_patches(3), torch.ones(3, cut.shape[1], dtype=torch.int64))
    text = model.embeddings(ids)

    def behind(source, source_mask, target):
        positions = mask.sum(1, keepdim=True) + torch.arange(target.shape[1])
        written = model.embeddings(target, position_ids=positions)
        embedded, seen = torch.cat([source, written], 1), torch.cat([source_mask, torch.ones_like(target)], 1)
        states, probabilities = model.encode(embedded, seen, source.shape[1])
        return states, probabilities, words(states[-1][:, source.shape[1]:])

    def written(source, source_mask):
        target = torch.full((3, 1), START)
        for _ in range(TARGET_LENGTH):
            target = torch.cat([target, behind(source, source_mask, target)[2][:, -1:].argmax(-1)], 1)
        return target

    both, both_mask = torch.cat([image, text], 1), torch.cat([image_mask, mask], 1)
    states, probabilities, logits = behind(both, both_mask, target)
    taps = {f"hidden.{index}": state for index, state in enumerate(states)}
    taps |= {f"attention.{index}": attention for index, attention in enumerate(probabilities)}
    taps |= {"logits": logits, "written": written(both, both_mask), "written_of_texts": written(text, mask)}
    kept = ("text_pooler.", "image_pooler.")
    weights = {f"unimo.{key}": value for key, value in model.state_dict().items() if not key.startswith(kept)}
    weights |= {f"cls.{key}": value for key, value in words.state_dict().items() if "decoder" not in key}
    keys = {"image_units": "patches", "image_size": SIDE, "patch_size": PATCH, "cls_token_id": START, "sep_token_id": END,
            "mask_token_id": 3, "max_target_length": TARGET_LENGTH, "architectures": ["UnimoForConditionalGeneration"]}
    inputs = {"input_ids": ids, "attention_mask": mask, "pixel_values": pixels, "decoder_input_ids": target}
    save("writing", keys, weights, inputs, taps)


def main():
    torch.manual_seed(3)
    torch.set_default_dtype(torch.float64)
    attention_mask = torch.ones(3, 7, dtype=torch.int64)
    attention_mask[1, 5:], attention_mask[2, 3:] = 0, 0
    input_ids = torch.randint(1, VOCABULARY, (3, 7)) * attention_mask
    texts = {"input_ids": input_ids, "attention_mask": attention_mask}

    region_mask = torch.ones(3, 4, dtype=torch.int64)
    region_mask[0, 3:], region_mask[2, 1:] = 0, 0
    features = torch.randn(3, 4, FEATURES).float().double()
    low, high = 0.5 * torch.rand(3, 4, 2), 0.5 + 0.5 * torch.rand(3, 4, 2)
    boxes = torch.cat([low, high], -1).float().double()
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    regions = {**texts, "visual_feats": features, "visual_pos": boxes, "visual_attention_mask": region_mask}
    pixels = torch.randn(3, 3, SIDE, SIDE).float().double()
    cut = F.unfold(pixels, PATCH, stride=PATCH).transpose(1, 2)
    scale = torch.tensor(1.7)

    model, words = Unimo(FEATURES), BertOnlyMLMHead(CONFIG)
    predicted = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.GELU(), nn.LayerNorm(WIDTH, eps=CONFIG.layer_norm_eps),
                              nn.Linear(WIDTH, FEATURES))
    patched, answered, classifier = Unimo(3 * PATCH**2), Unimo(3 * PATCH**2), nn.Linear(WIDTH, ANSWERS)
    for module in (model, words, predicted, patched, answered, classifier):
        randomise(module)
        module.eval()
    objects = nn.Linear(WIDTH, OBJECTS)
    randomise(objects)
    regions["decoder_input_ids"] = torch.randint(1, VOCABULARY, (3, 5))
    words.predictions.decoder.weight = model.embeddings.word_embeddings.weight
    words.predictions.decoder.bias = words.predictions.bias
    of_regions = (features, torch.cat([boxes, area[..., None]], -1), region_mask)
    of_patches = (cut, places_of_patches(3), torch.ones(3, cut.shape[1], dtype=torch.int64))
    patches = {"image_units": "patches", "image_size": SIDE, "patch_size": PATCH}
    with torch.no_grad():
        write("regions", {"image_units": "regions", "region_features": FEATURES, "max_regions": 4}, model,
              {"cls": words, "regions": predicted, "regions.objects": objects}, regions, of_regions, scale, True)
        write("patches", patches, patched, {}, {**texts, "pixel_values": pixels}, of_patches, scale)
        labels = {"id2label": {str(index): f"answer {index}" for index in range(ANSWERS)}}
        write("answers", {**patches, **labels}, answered, {"classifier": classifier}, {**texts, "pixel_values": pixels},
              of_patches, scale)
        writer, vocabulary = Unimo(3 * PATCH**2), BertOnlyMLMHead(CONFIG)
        for module in (writer, vocabulary):
            randomise(module)
            module.eval()
        vocabulary.predictions.decoder.weight = writer.embeddings.word_embeddings.weight
        vocabulary.predictions.decoder.bias = vocabulary.predictions.bias
        write_texts(writer, vocabulary)


main()
