"""Writes ops.safetensors: what PyTorch computes for the operations of this crate.

    pip install torch==2.11.0 transformers==5.23.0 safetensors numpy
    python make.py

Each case is a family of tensors `CASE.NAME`: the inputs, `output`, the gradient `upstream` that arrives at
the output, and `grad.NAME` for every floating-point input. Inputs are drawn in single precision; the results
are computed in double precision and then rounded, so that a difference is the fault of the code under test.
Masks are bytes, 1 where a position counts. Ids and labels are 64-bit integers, -100 where a label is ignored.
Every case draws from a stream seeded by its own name: adding one leaves the others as they are.
"""

import zlib
from pathlib import Path

import torch
import torch.nn.functional as F
import transformers
from safetensors.torch import save_file

IGNORED = -100
tensors = {}


class Draw:
    """A random stream of its own for each case."""

    def __init__(self, case):
        self.generator = torch.Generator().manual_seed(zlib.crc32(case.encode()))

    def __call__(self, *shape, scale=1.0):
        return torch.randn(shape, generator=self.generator) * scale


def record(case, function, **inputs):
    """Runs `function(**inputs)` forward and backward and keeps all that a test needs.

    A function may return a dictionary: its `output` is differentiated, the rest only kept.
    """
    floating = {
        name: value.double().requires_grad_() for name, value in inputs.items() if value.is_floating_point()
    }
    results = function(**{**inputs, **floating})
    if not isinstance(results, dict):
        results = {"output": results}
    # A scalar loss too gets an upstream gradient that is not one: it must not be forgotten.
    upstream = Draw(case + ".upstream")(*results["output"].shape)
    results["output"].backward(upstream.double())
    for name, value in {**inputs, **results, "upstream": upstream}.items():
        keep(f"{case}.{name}", value)
    for name, value in floating.items():
        keep(f"{case}.grad.{name}", value.grad)


def keep(name, value):
    value = value.detach()
    if value.is_floating_point():
        value = value.float()
        assert torch.isfinite(value).all(), name
    assert name not in tensors, name
    tensors[name] = value.contiguous().clone()


def layer_norm():
    draw = Draw("layer_norm")
    inputs = {"input": draw(2, 3, 8, scale=2.0), "weight": 1 + draw(8, scale=0.3), "bias": draw(8, scale=0.3)}
    record("layer_norm", lambda input, weight, bias: F.layer_norm(input, [8], weight, bias, 1e-5), **inputs)
    record(
        "layer_norm_residual",
        lambda input, residual, weight, bias: F.layer_norm(input + residual, [8], weight, bias, 1e-5),
        residual=draw(2, 3, 8),
        **inputs,
    )


def softmax():
    """Over the last dimension; the entries whose key is masked out are exactly zero."""
    draw = Draw("softmax")
    record("softmax", lambda input: input.softmax(-1), input=draw(2, 3, 5, scale=2.0))
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], dtype=torch.uint8)
    record(
        "softmax_masked",
        lambda input, mask: input.masked_fill(mask[:, None] == 0, -torch.inf).softmax(-1),
        input=draw(2, 3, 5, scale=2.0),
        mask=mask,
    )


def attention_of(queries, keys, values, allowed, heads=2):
    """Packed [batch, length, width] inputs; `allowed` broadcasts to [batch, heads, queries, keys].

    Also returns what the taps of that name hold: `scores` (scaled, before the mask) and `probabilities`.
    """
    split = lambda packed: packed.unflatten(-1, (heads, -1)).transpose(1, 2)
    queries, keys, values = split(queries), split(keys), split(values)
    scores = queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5
    probabilities = scores.masked_fill(~allowed, -torch.inf).softmax(-1)
    output = (probabilities @ values).transpose(1, 2).flatten(-2)
    fused = F.scaled_dot_product_attention(queries, keys, values, attn_mask=allowed)
    torch.testing.assert_close(output, fused.transpose(1, 2).flatten(-2))
    return {"output": output, "scores": scores, "probabilities": probabilities}


def attention():
    draw = Draw("attention")
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], dtype=torch.uint8)
    record(
        "attention",
        lambda mask, **packed: attention_of(**packed, allowed=(mask == 1)[:, None, None]),
        queries=draw(2, 4, 6),
        keys=draw(2, 5, 6),
        values=draw(2, 5, 6),
        mask=mask,
    )
    earlier = torch.ones(4, 4).tril().bool()
    packed = {"queries": draw(2, 4, 6), "keys": draw(2, 4, 6), "values": draw(2, 4, 6)}
    record("attention_causal", lambda **packed: attention_of(**packed, allowed=earlier), **packed)


def activations():
    forms = {
        "gelu": F.gelu,
        "gelu_tanh": lambda input: F.gelu(input, approximate="tanh"),
        "relu": F.relu,
        "quick_gelu": lambda input: input * torch.sigmoid(1.702 * input),
        "silu": F.silu,
        "tanh": torch.tanh,
    }
    for case, function in forms.items():
        record(case, function, input=Draw(case)(3, 7, scale=2.0))
    for case, function in {"": lambda output: output, **forms}.items():
        name = f"linear_{case}".rstrip("_")
        draw = Draw(name)
        record(
            name,
            lambda input, weight, bias: function(F.linear(input, weight, bias)),
            input=draw(2, 3, 8),
            weight=draw(5, 8, scale=0.5),
            bias=draw(5, scale=0.5),
        )


def embedding():
    """Repeated ids: their gradients add up; rows that no id names get zeros."""
    ids = torch.tensor([[1, 3, 3, 0], [6, 1, 3, 5]])
    record("embedding", lambda ids, table: F.embedding(ids, table), ids=ids, table=Draw("embedding")(7, 5))


def cross_entropy():
    """Mean over the rows that are not ignored; label smoothing 0.1 in the second case."""
    labels = torch.tensor([4, 0, IGNORED, 8, 2, IGNORED])
    for case, smoothing in {"cross_entropy": 0.0, "cross_entropy_smoothed": 0.1}.items():
        record(
            case,
            lambda logits, labels: F.cross_entropy(
                logits, labels, ignore_index=IGNORED, label_smoothing=smoothing
            ),
            logits=Draw(case)(6, 9, scale=2.0),
            labels=labels,
        )


def mean_over(mask, values):
    return values[mask == 1].mean()


def distillation():
    """KL(teacher || student) at temperature 2, mean over unmasked rows; `_squared`: times 2 squared."""
    mask = torch.tensor([1, 1, 0, 1, 1, 0], dtype=torch.uint8)

    def divergence(student, teacher, mask, factor):
        teacher = teacher.detach() / 2
        rows = teacher.softmax(-1) * (teacher.log_softmax(-1) - (student / 2).log_softmax(-1))
        return factor * mean_over(mask, rows.sum(-1))

    for case, factor in {"kl": 1.0, "kl_squared": 4.0}.items():
        draw = Draw(case)
        record_student(
            case,
            lambda factor=factor, **inputs: divergence(**inputs, factor=factor),
            student=draw(6, 9, scale=2.0),
            teacher=draw(6, 9, scale=2.0),
            mask=mask,
        )


def record_student(case, function, teacher, **inputs):
    """As `record`, but no gradient is asked of the teacher."""
    record(case, lambda **others: function(teacher=teacher.double(), **others), **inputs)
    keep(f"{case}.teacher", teacher)


def hidden_states():
    """Squared difference: mean over all elements of unmasked positions. Cosine: mean of 1 - cos."""
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]], dtype=torch.uint8)
    forms = {
        "mean_squared_error": lambda student, teacher, mask: mean_over(mask, (student - teacher) ** 2),
        "cosine_distance": lambda student, teacher, mask: mean_over(
            mask, 1 - F.cosine_similarity(student, teacher, dim=-1)
        ),
    }
    for case, function in forms.items():
        draw = Draw(case)
        record_student(case, function, student=draw(2, 4, 6), teacher=draw(2, 4, 6), mask=mask)


def adamw():
    """Five steps: learning rate 1e-2, betas 0.9 and 0.98, epsilon 1e-8, decoupled weight decay 0.1.

    `adamw.parameter.N` is the parameter after N steps, `adamw.gradient.N` the gradient that step N used.
    """
    draw = Draw("adamw")
    parameter = draw(4, 3).double().requires_grad_()
    optimizer = torch.optim.AdamW([parameter], lr=1e-2, betas=(0.9, 0.98), eps=1e-8, weight_decay=0.1)
    keep("adamw.parameter.0", parameter)
    for step in range(1, 6):
        gradient = draw(4, 3, scale=0.5)
        parameter.grad = gradient.double()
        optimizer.step()
        keep(f"adamw.gradient.{step}", gradient)
        keep(f"adamw.parameter.{step}", parameter)
    keep("adamw.first_moment", optimizer.state[parameter]["exp_avg"])
    keep("adamw.second_moment", optimizer.state[parameter]["exp_avg_sq"])


def clipping():
    """Global norm at most 1: gradients that exceed it, and (`_below`) gradients that do not."""
    for case, scale in {"clip": 1.5, "clip_below": 0.1}.items():
        draw = Draw(case)
        gradients = [draw(4, 3, scale=scale), draw(5, scale=scale), draw(2, 2, 2, scale=scale)]
        parameters = [torch.zeros(gradient.shape, dtype=torch.float64) for gradient in gradients]
        for parameter, gradient in zip(parameters, gradients):
            parameter.grad = gradient.double()
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        assert (norm > 1) == (case == "clip")
        keep(f"{case}.norm", norm)
        for index, (parameter, gradient) in enumerate(zip(parameters, gradients)):
            keep(f"{case}.gradient.{index}", gradient)
            keep(f"{case}.clipped.{index}", parameter.grad)


def schedules():
    """Factor of the learning rate at steps 0 to 20 (step 0 is the first update): warm-up 5, total 20."""
    forms = {
        "constant": lambda optimizer: transformers.get_constant_schedule_with_warmup(optimizer, 5),
        "linear": lambda optimizer: transformers.get_linear_schedule_with_warmup(optimizer, 5, 20),
        "cosine": lambda optimizer: transformers.get_cosine_schedule_with_warmup(optimizer, 5, 20),
        "inverse_square_root": lambda optimizer: transformers.get_inverse_sqrt_schedule(optimizer, 5),
    }
    for name, build in forms.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        schedule = build(optimizer)
        factors = []
        for _ in range(21):
            factors.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        keep(f"schedule.{name}", torch.tensor(factors, dtype=torch.float64))


for cases in [
    layer_norm,
    softmax,
    attention,
    activations,
    embedding,
    cross_entropy,
    distillation,
    hidden_states,
    adamw,
    clipping,
    schedules,
]:
    cases()

versions = {"made-with": f"torch {torch.__version__}, transformers {transformers.__version__}"}
save_file(tensors, Path(__file__).with_name("ops.safetensors"), metadata=versions)
