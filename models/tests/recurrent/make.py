"""States and gradients of long short-term memory over padded sequences, computed by PyTorch on packed ones.

    python models/tests/recurrent/make.py

writes `expected.safetensors` beside itself. Needs torch and safetensors.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn.utils.rnn import pack_padded_sequence

HERE = Path(__file__).parent
BATCH, LENGTH, WIDTH, HIDDEN = 3, 5, 4, 6
LENGTHS = torch.tensor([5, 1, 3])

torch.manual_seed(5)
states = torch.randn(BATCH, LENGTH, WIDTH, requires_grad=True)
mask = (torch.arange(LENGTH)[None, :] < LENGTHS[:, None]).float()
memory = torch.nn.LSTM(WIDTH, HIDDEN, batch_first=True, bidirectional=True)
for parameter in memory.parameters():
    torch.nn.init.normal_(parameter, std=0.6)

expected = {"states": states.detach(), "mask": mask}
orders = {"forward": "", "backward": "_reverse"}
for order, suffix in orders.items():
    part = lambda name: getattr(memory, f"{name}_l0{suffix}")
    expected[f"pooling.{order}.gates.weight"] = torch.cat([part("weight_ih"), part("weight_hh")], 1).detach()
    expected[f"pooling.{order}.gates.bias"] = (part("bias_ih") + part("bias_hh")).detach()

packed = pack_padded_sequence(states, LENGTHS, batch_first=True, enforce_sorted=False)
_, (ends, _) = memory(packed)
for name, end, read in (("forward", ends[0], ["forward"]), ("both", torch.cat([ends[0], ends[1]], 1), list(orders))):
    expected[name] = end.detach()
    slopes = torch.arange(end.numel()).reshape(end.shape) / end.numel()
    memory.zero_grad()
    states.grad = None
    (end * slopes).sum().backward(retain_graph=True)
    expected[f"{name}/states"] = states.grad
    for order in read:
        part = lambda parameter: getattr(memory, f"{parameter}_l0{orders[order]}").grad
        expected[f"{name}/pooling.{order}.gates.weight"] = torch.cat([part("weight_ih"), part("weight_hh")], 1)
        expected[f"{name}/pooling.{order}.gates.bias"] = part("bias_ih")

save_file({name: tensor.clone().contiguous() for name, tensor in expected.items()}, HERE / "expected.safetensors")
print(f"{len(expected)} tensors")
