"""Writes tiny Oscar models that write captions, and that read two images, with inputs, taps and what is written.

    pip install torch transformers==5.24.0 safetensors
    python make.py

transformers has no Oscar. Its parts are those of `../oscar/make.py`. Captions: the layout of the published
`BertForImageCaptioning` (microsoft/Oscar), whose sequence is the caption padded to its longest, tags and regions; a caption
sees what stands left of it, itself, tags and regions, and these see each other. What is written is computed without a
cache: at every step the whole sequence with a mask behind what is written. Two images (`../oscar-pairs`): the text with the
tags and regions of each image, and `Linear, ReLU, LayerNorm, Linear` over the two pooled states side by side.
"""

import importlib.util
import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertOnlyMLMHead

HERE = Path(__file__).parent
spec = importlib.util.spec_from_file_location("oscar", HERE.parent / "oscar/make.py")
oscar = importlib.util.module_from_spec(spec)
spec.loader.exec_module(oscar)

VOCABULARY, CAPTION, START, END, MASK = 60, 9, 1, 2, 3
SCALE, LABELS = 3, 2


class Captioner(oscar.Oscar):
    def states(self, caption, tags, tag_mask, features, feature_mask):
        """Hidden states and probabilities of caption, tags and regions under the mask of two parts."""
        batch, length = caption.shape
        count = tags.shape[1]
        ids = torch.cat([caption, tags], 1)
        segments = torch.cat([torch.zeros_like(caption), torch.ones_like(tags)], 1)
        positions = torch.cat([torch.arange(length), CAPTION + torch.arange(count)])[None].expand(batch, -1)
        text = self.embeddings(ids, token_type_ids=segments, position_ids=positions)
        hidden = torch.cat([text, self.LayerNorm(self.img_embedding(features))], 1)
        total, source = hidden.shape[1], hidden.shape[1] - length
        seen = torch.zeros(batch, total, total, dtype=torch.bool)
        seen[:, :length, :length] = torch.ones(length, length).tril().bool()
        source_mask = torch.cat([tag_mask, feature_mask], 1).bool()
        seen[:, :, length:] = source_mask[:, None, :].expand(batch, total, source)
        additive = (~seen[:, None]).float() * torch.finfo(torch.float32).min
        states, probabilities = [hidden], []
        for layer in self.encoder.layer:
            attended, attention = layer.attention(hidden, additive)[:2]
            hidden = layer.output(layer.intermediate(attended), attended)
            states.append(hidden)
            probabilities.append(attention)
        return states, probabilities


def write(model, head, source, steps):
    """The likeliest captions, without a cache, and their first logits."""
    batch = source[0].shape[0]
    rows = torch.full((batch, 1), START)
    first = None
    done = torch.zeros(batch, dtype=torch.bool)
    for _ in range(steps):
        caption = torch.cat([rows, torch.full((batch, 1), MASK)], 1)
        states, _ = model.states(caption, *source)
        logits = head(states[-1][:, caption.shape[1] - 1])
        first = logits if first is None else first
        token = logits.argmax(1)
        token = torch.where(done, torch.zeros_like(token), token)
        rows = torch.cat([rows, token[:, None]], 1)
        done |= token == END
    return rows, first


def config(length):
    return BertConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=48,
        max_position_embeddings=length,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )


def published(own, **further):
    keys = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"]
    keys += ["max_position_embeddings", "hidden_act", "layer_norm_eps", "type_vocab_size"]
    return {
        "img_feature_dim": oscar.FEATURES,
        "img_feature_type": "frcnn",
        "use_img_layernorm": 1,
        "img_layer_norm_eps": oscar.EPSILON,
        **further,
        **{key: getattr(own, key) for key in keys},
    }


def store(folder, settings, modules, inputs, expected):
    (folder / "model").mkdir(parents=True, exist_ok=True)
    weights = {}
    for prefix, module in modules.items():
        weights |= {f"{prefix}.{key}": value for key, value in module.state_dict().items()}
    weights = {
        key: value.detach().clone().contiguous()
        for key, value in weights.items()
        if value.is_floating_point() and not key.startswith("cls.predictions.decoder.")
    }
    (folder / "model/config.json").write_text(json.dumps(settings, indent=1) + "\n")
    save_file(weights, folder / "model/model.safetensors", {"format": "pt"})
    save_file(inputs, folder / "inputs.safetensors")
    expected = {key: value.detach().clone().contiguous() for key, value in expected.items()}
    save_file(expected, folder / "expected.safetensors")


def captions(generator):
    own = config(16)
    bert, head = Captioner(own), BertOnlyMLMHead(own)
    for module in (bert, head):
        oscar.randomise(module)
        module.eval()
    # States that differ from place to place, and logits that are far from each other, so that what is written hangs on no
    # rounding.
    for module in (bert.encoder, bert.img_embedding, head):
        for parameter in module.parameters():
            if parameter.dim() > 1:
                parameter.data *= 8.0
    for embeddings in (bert.embeddings.word_embeddings, bert.embeddings.position_embeddings):
        nn.init.normal_(embeddings.weight, 0.0, 1.0)
    head.predictions.decoder.weight = bert.embeddings.word_embeddings.weight
    head.predictions.decoder.bias = head.predictions.bias
    caption = torch.randint(4, VOCABULARY, (3, CAPTION), generator=generator)
    tags = torch.randint(4, VOCABULARY, (3, 5), generator=generator)
    caption_mask = torch.ones(3, CAPTION, dtype=torch.int64)
    tag_mask, region_mask = torch.ones(3, 5, dtype=torch.int64), torch.ones(3, 6, dtype=torch.int64)
    for row, (words, of_tags, regions) in enumerate([(9, 5, 6), (5, 3, 4), (7, 4, 6)]):
        caption[row, 0], caption[row, words - 1], caption[row, 2] = START, END, MASK
        caption[row, words:], caption_mask[row, words:] = 0, 0
        tags[row, of_tags - 1] = END
        tags[row, of_tags:], tag_mask[row, of_tags:] = 0, 0
        region_mask[row, regions:] = 0
    features = 3.0 * torch.randn(3, 6, oscar.FEATURES, generator=generator)
    source = (tags, tag_mask, features, region_mask)
    inputs = {
        "input_ids": torch.cat([caption, tags], 1),
        "attention_mask": torch.cat([caption_mask, tag_mask], 1),
        "token_type_ids": torch.cat([torch.zeros_like(caption), torch.ones_like(tags)], 1),
        "visual_feats": features,
        "visual_attention_mask": region_mask,
    }
    with torch.no_grad():
        states, probabilities = bert.states(caption, *source)
        expected = {f"hidden.{index}": state for index, state in enumerate(states)}
        expected |= {f"attention.{index}": attention for index, attention in enumerate(probabilities)}
        expected["logits"] = head(states[-1][:, : inputs["input_ids"].shape[1]])
        written, first = write(bert, head, source, CAPTION - 1)
    expected |= {"written": written, "first_logits": first}
    settings = published(
        own,
        freeze_embedding=True,
        label_smoothing=0.1,
        drop_worst_ratio=0.2,
        drop_worst_after=20000,
        max_seq_a_length=CAPTION,
        cls_token_id=START,
        sep_token_id=END,
        mask_token_id=MASK,
    )
    store(HERE, settings, {"bert": bert, "cls": head}, inputs, expected)


def pairs(generator):
    own = config(20)
    width = own.hidden_size
    bert = oscar.Oscar(own)
    classifier = nn.Sequential(
        nn.Linear(2 * width, SCALE * width),
        nn.ReLU(),
        nn.LayerNorm(SCALE * width, eps=own.layer_norm_eps),
        nn.Linear(SCALE * width, LABELS),
    )
    for module in (bert, classifier):
        oscar.randomise(module)
        module.eval()
    ids = torch.randint(1, VOCABULARY, (4, 9), generator=generator)
    # A text stands twice, each time with the tags of one of its images.
    ids[1, :5], ids[3, :5] = ids[0, :5], ids[2, :5]
    segments = (torch.arange(9) >= 5).long()[None].repeat(4, 1)
    mask, region_mask = torch.ones(4, 9, dtype=torch.int64), torch.ones(4, 6, dtype=torch.int64)
    mask[1, 8:], ids[1, 8:], region_mask[2, 4:] = 0, 0, 0
    features = torch.randn(4, 6, oscar.FEATURES, generator=generator)
    inputs = {
        "input_ids": ids,
        "attention_mask": mask,
        "token_type_ids": segments,
        "visual_feats": features,
        "visual_attention_mask": region_mask,
    }
    with torch.no_grad():
        states, _, pooled = bert(ids, segments, torch.cat([mask, region_mask], 1), features)
        logits = classifier(pooled.reshape(2, 2 * width))
    expected = {"pooled": pooled, "logits": logits, "hidden.2": states[-1]}
    settings = published(own, classifier="mlp", cls_hidden_scale=SCALE, num_choice=2, num_labels=LABELS)
    store(HERE.parent / "oscar-pairs", settings, {"bert": bert, "classifier": classifier}, inputs, expected)


def main():
    torch.manual_seed(7)
    generator = torch.Generator().manual_seed(11)
    captions(generator)
    pairs(generator)


if __name__ == "__main__":
    main()
