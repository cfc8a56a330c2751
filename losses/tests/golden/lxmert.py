"""Values and gradients of the losses of LXMERT's pre-training, by LxmertForPreTraining of transformers in double precision.

    python losses/tests/golden/lxmert.py

writes `lxmert/{cases.json,student.safetensors,expected.safetensors}` beside itself. Needs torch and transformers==5.24.0. Its factor of
the losses over regions, 6.67, is set to 1/0.15, as the authors' code has it; the mean is over all regions there, which
`regions-counted` has as an option. The mean over real regions is its sum over another number of them.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import LxmertConfig, LxmertForPreTraining

FOLDER = Path(__file__).parent / "lxmert"
BATCH, LENGTH, REGIONS, FEATURES = 4, 6, 5, 8
SHARE = 0.15

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
config = LxmertConfig(
    vocab_size=30, hidden_size=16, num_attention_heads=2, intermediate_size=24, max_position_embeddings=12, l_layers=1, x_layers=1,
    r_layers=1, visual_feat_dim=FEATURES, num_qa_labels=5, num_object_labels=4, num_attr_labels=3,
    hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0,
)
model = LxmertForPreTraining(config).double().eval()
for parameter in model.parameters():
    torch.nn.init.normal_(parameter, 0.0, 0.5)
model.visual_loss_normalizer = 1 / SHARE
every = dict(model.visual_losses)

seen = torch.ones(BATCH, REGIONS, dtype=torch.long)
seen[1, 3:], seen[3, 4:] = 0, 0
given = {
    "input_ids": torch.randint(0, 30, (BATCH, LENGTH)),
    "visual_feats": torch.randn(BATCH, REGIONS, FEATURES),
    "visual_pos": torch.rand(BATCH, REGIONS, 4),
    "visual_attention_mask": seen,
}
labels = torch.full((BATCH, LENGTH), -100)
labels[0, 2], labels[0, 4], labels[1, 1], labels[3, 3] = 7, 21, 0, 29
relation = torch.tensor([1, 0, 1, 1])
answers = torch.tensor([4, -100, 2, -100])
objects, attributes = torch.randint(0, 4, (BATCH, REGIONS)), torch.randint(0, 3, (BATCH, REGIONS))
objects[0, 1], attributes[2, 0], attributes[0, 3] = -100, -100, -100
confidence = {"obj": torch.rand(BATCH, REGIONS) * seen, "attr": torch.rand(BATCH, REGIONS) * seen}
masked = (torch.rand(BATCH, REGIONS) < 0.4).double() * seen
# Features far from what is predicted are in the straight part of the smooth L1 distance, and near ones in the bent part.
features = torch.randn(BATCH, REGIONS, FEATURES)

taps = {}


def remember(name):
    def hook(_, __, output):
        output.retain_grad()
        taps[name] = output
    return hook


def remember_all(_, __, output):
    for key, name in (("obj", "object_logits"), ("attr", "attribute_logits"), ("feat", "predicted_features")):
        output[key].retain_grad()
        taps[name] = output[key]


model.cls.predictions.register_forward_hook(remember("prediction_logits"))
model.cls.seq_relationship.register_forward_hook(remember("relation"))
model.answer_head.register_forward_hook(remember("logits"))
model.obj_predict_head.register_forward_hook(remember_all)


def loss(tap, visual=None, **targets):
    model.visual_losses = {visual: every[visual]} if visual else every
    value = model(**given, **targets).loss
    gradient, = torch.autograd.grad(value, taps[tap])
    return value.detach(), tap, gradient


real = BATCH * REGIONS / seen.sum()
over_all = ['regions-counted="all"']
visual = {
    "region-objects": ("object_logits", "obj", (objects, confidence["obj"])),
    "region-attributes": ("attribute_logits", "attr", (attributes, confidence["attr"])),
    "region-features": ("predicted_features", "feat", (features, masked)),
}
cases = [
    ("masked-words", [], loss("prediction_logits", labels=labels), 1.0),
    ("matching", [], loss("relation", matched_label=relation), 1.0),
    ("answers", [], loss("logits", ans=answers), 1.0),
]
for name, (tap, key, target) in visual.items():
    computed = loss(tap, key, obj_labels={key: target})
    cases += [(name, over_all, computed, 1.0), (name, [], computed, real), (name, ["masked-share=0.3"], computed, real / 2)]

student = {name: tensor.detach().float() for name, tensor in taps.items()}
student |= {
    "labels": labels, "relation_labels": relation, "answer_labels": answers,
    "object_labels": objects, "object_confidence": confidence["obj"].float(),
    "attribute_labels": attributes, "attribute_confidence": confidence["attr"].float(),
    "visual_feats": features.float(), "region_mask": masked.float(), "visual_attention_mask": seen,
}
expected, written = {}, []
for name, options, (value, tap, gradient), factor in cases:
    case = " ".join([name, *options])
    expected[f"{case}/value"], expected[f"{case}/{tap}"] = value * factor, gradient * factor
    written.append({"name": case, "loss": name, "options": options, "student": "student", "teacher": "student"})
FOLDER.mkdir(exist_ok=True)
save_file({name: tensor.contiguous() for name, tensor in student.items()}, FOLDER / "student.safetensors")
save_file({name: tensor.contiguous() for name, tensor in expected.items()}, FOLDER / "expected.safetensors")
(FOLDER / "cases.json").write_text(json.dumps(written, indent=1) + "\n")
print(f"{len(written)} cases, {len(expected)} tensors")
