"""Writes tiny Oscar+ models with inputs and expected taps, composed of transformers' BERT and PyTorch's layers.

    pip install torch==2.11.0 transformers==5.23.0 safetensors
    python make.py

transformers has no Oscar. Its parts are BERT's embeddings over text and tags, a linear layer with a layer norm over the
regions, BERT's encoder over both, and BERT's pooler and heads (microsoft/Oscar, oscar/modeling/modeling_bert.py,
BertImgModel). The names of the tensors are those of the published checkpoints. `answers` has the head of questions,
`pretraining` those of masked language modelling and of the three-way contrast.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import (
    BertEmbeddings,
    BertEncoder,
    BertOnlyMLMHead,
    BertPooler,
)

FEATURES, ANSWERS, RELATIONS = 16, 9, 3
EPSILON = 1e-12


class Oscar(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embeddings = BertEmbeddings(config)
        self.encoder = BertEncoder(config)
        self.pooler = BertPooler(config)
        self.img_embedding = nn.Linear(FEATURES, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=EPSILON)

    def forward(self, input_ids, token_type_ids, mask, features):
        """All hidden states, all attention probabilities, and the pooled first token."""
        text = self.embeddings(input_ids, token_type_ids=token_type_ids)
        hidden = torch.cat([text, self.LayerNorm(self.img_embedding(features))], 1)
        additive = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
        states, probabilities = [hidden], []
        for layer in self.encoder.layer:
            attended, attention = layer.attention(hidden, additive)[:2]
            hidden = layer.output(layer.intermediate(attended), attended)
            states.append(hidden)
            probabilities.append(attention)
        return states, probabilities, self.pooler(hidden)


def randomise(module):
    """Weights that differ from their initial values everywhere, norms and biases too."""
    for name, parameter in module.named_parameters():
        scale = 0.05 if parameter.dim() > 1 else 0.1
        offset = 1.0 if name.endswith("LayerNorm.weight") else 0.0
        nn.init.normal_(parameter, offset, scale)


def main():
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=200,
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=96,
        max_position_embeddings=40,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
        attn_implementation="eager",
    )
    bert, classifier = Oscar(config), nn.Linear(config.hidden_size, ANSWERS)
    predictions, relation = BertOnlyMLMHead(config), nn.Linear(config.hidden_size, RELATIONS)
    for module in (bert, classifier, predictions, relation):
        randomise(module)
        module.eval()
    # The weights of the vocabulary's logits are the embeddings, and their bias has two names.
    predictions.predictions.decoder.weight = bert.embeddings.word_embeddings.weight
    predictions.predictions.decoder.bias = predictions.predictions.bias

    generator = torch.Generator().manual_seed(11)
    input_ids = torch.randint(1, 200, (3, 9), generator=generator)
    attention_mask = torch.ones(3, 9, dtype=torch.int64)
    token_type_ids = torch.zeros(3, 9, dtype=torch.int64)
    visual_attention_mask = torch.ones(3, 6, dtype=torch.int64)
    for row, (text, tags, regions) in enumerate([(5, 4, 6), (4, 3, 4), (6, 2, 5)]):
        token_type_ids[row, text : text + tags] = 1
        attention_mask[row, text + tags :] = 0
        input_ids[row, text + tags :] = 0
        visual_attention_mask[row, regions:] = 0
    features = torch.randn(3, 6, FEATURES, generator=generator)
    inputs = {
        "input_ids": input_ids,
        "attention_mask": attention_mask,
        "token_type_ids": token_type_ids,
        "visual_feats": features,
        "visual_attention_mask": visual_attention_mask,
    }
    with torch.no_grad():
        mask = torch.cat([attention_mask, visual_attention_mask], 1)
        states, probabilities, pooled = bert(input_ids, token_type_ids, mask, features)
        taps = {f"hidden.{index}": state for index, state in enumerate(states)}
        taps |= {f"attention.{index}": attention for index, attention in enumerate(probabilities)}
        taps["pooled"] = pooled
        heads = {
            "answers": ({"logits": classifier(pooled)}, {"classifier": classifier}),
            "pretraining": (
                {"logits": predictions(states[-1][:, : input_ids.shape[1]]), "relation": relation(pooled)},
                {"cls": predictions, "cls.seq_relationship": relation},
            ),
        }

    published = {
        "img_feature_dim": FEATURES,
        "img_feature_type": "faster_r-cnn",
        "use_img_layernorm": 1,
        "img_layer_norm_eps": EPSILON,
        "num_labels": ANSWERS,
    }
    keys = ["vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"]
    keys += ["max_position_embeddings", "hidden_act", "layer_norm_eps", "type_vocab_size"]
    published |= {key: getattr(config, key) for key in keys}
    for name, (outputs, modules) in heads.items():
        folder = Path(__file__).parent / name
        (folder / "model").mkdir(parents=True, exist_ok=True)
        weights = {f"bert.{key}": value for key, value in bert.state_dict().items()}
        for prefix, module in modules.items():
            weights |= {f"{prefix}.{key}": value for key, value in module.state_dict().items()}
        tied = "cls.predictions.decoder."
        weights = {
            key: value.detach().clone().contiguous()
            for key, value in weights.items()
            if value.is_floating_point() and not key.startswith(tied)
        }
        (folder / "model/config.json").write_text(json.dumps(published, indent=1) + "\n")
        save_file(weights, folder / "model/model.safetensors", {"format": "pt"})
        save_file(inputs, folder / "inputs.safetensors")
        expected = {key: value.detach().clone().contiguous() for key, value in {**taps, **outputs}.items()}
        save_file(expected, folder / "expected.safetensors")


if __name__ == "__main__":
    main()
