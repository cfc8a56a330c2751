"""Writes convolution.safetensors: what PyTorch computes for convolutions and transposed convolutions over images.

    python tensor/tests/golden/convolution.py

Needs torch and safetensors. Each case is a family of tensors `CASE.NAME`, as in `make.py`: inputs in single precision, results in
double and then rounded. Images have their channels last, weights are as PyTorch has them.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

tensors = {}
CASES = {
    "halving": (F.conv2d, (2, 8, 6, 3), (5, 3, 4, 4), {"stride": 2, "padding": 1}),
    "keeping": (F.conv2d, (2, 5, 7, 3), (4, 3, 3, 3), {"stride": 1, "padding": 1}),
    "wide": (F.conv2d, (1, 9, 7, 2), (3, 2, 5, 5), {"stride": 3, "padding": 2}),
    "doubling": (F.conv_transpose2d, (2, 3, 4, 5), (5, 3, 4, 4), {"stride": 2, "padding": 1}),
    "apart": (F.conv_transpose2d, (1, 3, 2, 4), (4, 2, 2, 2), {"stride": 3, "padding": 0}),
}

for number, (case, (function, image, weight, more)) in enumerate(CASES.items()):
    generator = torch.Generator().manual_seed(number)
    draw = lambda *shape: torch.randn(shape, generator=generator)
    outputs = weight[1] if function is F.conv_transpose2d else weight[0]
    inputs = {"image": draw(*image), "weight": draw(*weight), "bias": draw(outputs)}
    exact = {name: value.double().requires_grad_() for name, value in inputs.items()}
    made = function(exact["image"].permute(0, 3, 1, 2), exact["weight"], exact["bias"], **more).permute(0, 2, 3, 1)
    upstream = draw(*made.shape)
    made.backward(upstream.double())
    kept = {**inputs, "output": made, "upstream": upstream, **{f"grad.{name}": own.grad for name, own in exact.items()}}
    tensors |= {f"{case}.{name}": value.detach().float().contiguous() for name, value in kept.items()}

save_file(tensors, Path(__file__).parent / "convolution.safetensors")
