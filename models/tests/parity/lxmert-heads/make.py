"""Writes tiny LXMERT models with the heads of pre-training and of several images, with inputs and expected taps.

    pip install torch transformers==5.24.0 safetensors
    python make.py

`pretraining` is a LxmertForPreTraining of transformers. `images` is its LxmertModel, run on each of two images with one text, under
the head that the authors have for NLVR2 (airsplay/lxmert, src/tasks/nlvr2_model.py): the pooled states side by side, a linear layer,
GELU, a layer norm and a linear layer. transformers has no such head.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn
from transformers import LxmertConfig, LxmertForPreTraining, LxmertModel

HERE = Path(__file__).parent
BATCH, LENGTH, REGIONS = 3, 7, 5


def config():
    return LxmertConfig(
        vocab_size=60, hidden_size=32, num_attention_heads=2, intermediate_size=48, max_position_embeddings=20,
        l_layers=2, x_layers=2, r_layers=1, visual_feat_dim=10, num_qa_labels=7, num_object_labels=6, num_attr_labels=4,
    )


def randomise(module):
    """Weights that differ from their initial values everywhere, norms and biases too."""
    for name, parameter in module.named_parameters():
        is_norm = name.endswith("norm.weight") or name.endswith("LayerNorm.weight") or name.endswith("logit_fc.2.weight")
        nn.init.normal_(parameter, 1.0 if is_norm else 0.0, 0.05 if parameter.dim() > 1 else 0.1)


def inputs(images):
    ids = torch.randint(5, 60, (BATCH, LENGTH))
    mask = torch.tensor([[1] * 7, [1] * 5 + [0] * 2, [1] * 6 + [0]])
    seen = torch.ones(BATCH * images, REGIONS, dtype=torch.long)
    seen[1, 3:] = 0
    corners = torch.rand(BATCH * images, REGIONS, 4).sort(-1).values
    return {
        "input_ids": ids * mask,
        "attention_mask": mask,
        "token_type_ids": torch.zeros_like(ids),
        "visual_feats": torch.randn(BATCH * images, REGIONS, 10),
        "visual_pos": corners,
        "visual_attention_mask": seen,
    }


def write(name, state, own, given, taps):
    folder = HERE / name
    (folder / "model").mkdir(parents=True, exist_ok=True)
    own.save_pretrained(folder / "model")
    save_file({key: value.contiguous() for key, value in state.items()}, folder / "model/model.safetensors", {"format": "pt"})
    save_file(given, folder / "inputs.safetensors")
    save_file({tap: value.contiguous() for tap, value in taps.items()}, folder / "expected.safetensors")


torch.manual_seed(11)
own = config()
own.architectures = ["LxmertForPreTraining"]
model = LxmertForPreTraining(own).eval()
randomise(model)
given = inputs(1)
with torch.no_grad():
    found = model(**given)
    encoded = model.lxmert(**given)
    regions = model.obj_predict_head(encoded.vision_output)
taps = {
    "prediction_logits": found.prediction_logits,
    "relation": found.cross_relationship_score,
    "logits": found.question_answering_score,
    "object_logits": regions["obj"],
    "attribute_logits": regions["attr"],
    "predicted_features": regions["feat"],
}
assert all(torch.isfinite(tap).all() for tap in taps.values())
state = {key: value for key, value in model.state_dict().items() if key != "cls.predictions.decoder.weight"}
write("pretraining", state, own, given, taps)

own = config()
own.num_images, own.num_qa_labels = 2, 2
own.architectures = ["LxmertForImagesAndTextClassification"]
own.id2label, own.label2id = {0: "False", 1: "True"}, {"False": 0, "True": 1}
encoder = LxmertModel(own).eval()
width = own.hidden_size
head = nn.Sequential(nn.Linear(2 * width, 2 * width), nn.GELU(), nn.LayerNorm(2 * width, eps=1e-12), nn.Linear(2 * width, 2))
whole = nn.ModuleDict({"lxmert": encoder, "logit_fc": head})
randomise(whole)
given = inputs(2)
texts = {key: given[key].repeat_interleave(2, 0) for key in ("input_ids", "attention_mask", "token_type_ids")}
with torch.no_grad():
    pooled = encoder(**{**given, **texts}).pooled_output
    logits = head(pooled.view(BATCH, 2 * width))
write("images", whole.state_dict(), own, given, {"pooled": pooled, "logits": logits})
print("pretraining, images")
