"""Values and gradients of the losses of UNIMO's pre-training, by PyTorch in double precision.

    python losses/tests/golden/unimo.py

writes `unimo/{cases.json,student.safetensors,expected.safetensors}` beside itself. Needs torch and safetensors. The formulas are
those of Li et al. (2021), sections 3.1 and 3.2, over lists of positives and negatives of different lengths.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

FOLDER = Path(__file__).parent / "unimo"
torch.manual_seed(9)
torch.set_default_dtype(torch.float64)

# Four pairs: the second has fewer places, the third no positive, and the fourth no negative. Scores are near enough that a loss is far
# from what is lost in single precision.
LISTED = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [1, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]])
POSITIVE = torch.tensor([[1, 0, 1, 0, 1, 0], [0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]])
SCORES = (3 * torch.randn(4, 6)).float().double().requires_grad_()
FEATURES, MASKED = torch.randn(3, 5, 7), (torch.rand(3, 5) < 0.4).double()
PREDICTED = torch.randn(3, 5, 7).float().double().requires_grad_()
FEATURES = FEATURES.float().double()
# A detector's probabilities of four classes; of one masked region nothing is known, and of another the class with its confidence.
CLASSES = torch.softmax(2 * torch.randn(3, 5, 4), -1).float().double()
CLASSES[tuple(MASKED.nonzero()[0])] = 0
CLASSES[tuple(MASKED.nonzero()[1])] = torch.tensor([0, 0.75, 0, 0])
# Spans that are left out of three texts, of different lengths, none of the second.
SPANS = torch.tensor([[4, 2, 0, 6, 1], [-100] * 5, [3, 1, -100, -100, -100]])
WRITTEN = (3 * torch.randn(3, 5, 8)).float().double().requires_grad_()
OBJECTS = (3 * torch.randn(3, 5, 4)).float().double().requires_grad_()


def contrast(temperature=1.0):
    rows = []
    for scores, listed, positive in zip(SCORES / temperature, LISTED.bool(), POSITIVE.bool()):
        if (listed & positive).any():
            rows.append(scores[listed].logsumexp(0) - scores[listed & positive].logsumexp(0))
    return torch.stack(rows).mean()


def each(temperature=1.0):
    rows = []
    for scores, listed, positive in zip(SCORES / temperature, LISTED.bool(), POSITIVE.bool()):
        own, others = scores[listed & positive], scores[listed & ~positive]
        if len(own) and len(others):
            rows.append(torch.stack([torch.cat([one[None], others]).logsumexp(0) - one for one in own]).mean())
    return torch.stack(rows).mean()


def regression():
    return ((PREDICTED - FEATURES) ** 2).sum(-1)[MASKED == 1].mean()


def classes():
    counted = (MASKED == 1) & (CLASSES.sum(-1) > 0)
    return torch.nn.functional.cross_entropy(OBJECTS[counted], CLASSES[counted])


cases = [
    ("cross-modal-contrast", [], contrast(), "relevance", SCORES),
    ("cross-modal-contrast", ["temperature=5"], contrast(5.0), "relevance", SCORES),
    ("cross-modal-contrast", ['positives="each"'], each(), "relevance", SCORES),
    ("cross-modal-contrast", ['positives="each"', "temperature=0.5"], each(0.5), "relevance", SCORES),
    ("region-regression", [], regression(), "predicted_features", PREDICTED),
    ("region-regression", ['over-width="mean"'], regression() / 7, "predicted_features", PREDICTED),
    ("region-classes", [], classes(), "object_logits", OBJECTS),
    ("span-generation", [], torch.nn.functional.cross_entropy(WRITTEN.flatten(0, 1), SPANS.flatten()), "target_logits", WRITTEN),
]
student = {
    "relevance": SCORES.detach().float(), "list_mask": LISTED, "relevance_labels": POSITIVE.float(),
    "predicted_features": PREDICTED.detach().float(), "visual_feats": FEATURES.float(), "region_mask": MASKED.float(),
    "object_logits": OBJECTS.detach().float(), "object_probabilities": CLASSES.float(),
    "target_logits": WRITTEN.detach().float(), "span_labels": SPANS,
}
expected, written = {}, []
for name, options, value, tap, leaf in cases:
    case = " ".join([name, *options])
    gradient, = torch.autograd.grad(value, leaf)
    expected[f"{case}/value"], expected[f"{case}/{tap}"] = value.detach(), gradient
    written.append({"name": case, "loss": name, "options": options, "student": "student", "teacher": "student"})
FOLDER.mkdir(exist_ok=True)
save_file({name: tensor.contiguous() for name, tensor in student.items()}, FOLDER / "student.safetensors")
save_file({name: tensor.contiguous() for name, tensor in expected.items()}, FOLDER / "expected.safetensors")
(FOLDER / "cases.json").write_text(json.dumps(written, indent=1) + "\n")
print(f"{len(written)} cases, {len(expected)} tensors")
