"""Prints the values of the loss of masked words of captions that `losses/src/caption_words.rs` compares with.

    pip install torch
    python caption_words.py

KL divergence to targets of 1 - s at the token and s / (V - 1) at each other one, a mean over the rows that stay when the
share of those with the largest losses is left out.
"""

import torch
from torch.nn import functional

LOGITS = torch.tensor(
    [[2.0, 0.5, -1.0, 0.0], [0.1, 0.2, 0.3, 0.4], [-3.0, 1.0, 4.0, 0.0], [0.0, 0.0, 0.0, 9.0]],
    dtype=torch.float32,
).double()
CLASSES = torch.tensor([0, 3, 0, 3])


def value(smoothing, dropped):
    classes = LOGITS.shape[1]
    targets = torch.full_like(LOGITS, smoothing / (classes - 1))
    targets.scatter_(1, CLASSES[:, None], 1 - smoothing)
    losses = functional.kl_div(LOGITS.log_softmax(1), targets, reduction="none").sum(1)
    kept = int(len(losses) * (1 - dropped))
    return losses.sort().values[:kept].mean().item()


for smoothing, dropped in [(0.0, 0.0), (0.1, 0.0), (0.1, 0.25), (0.3, 0.5)]:
    print(smoothing, dropped, f"{value(smoothing, dropped):.9f}")
