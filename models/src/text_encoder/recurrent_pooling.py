"""Pooling of sentence-transformers by long short-term memory over the states of a text's tokens.

sentence-transformers' own LSTM module needs lengths that its Transformer module does not give. This one is loaded by

    SentenceTransformer(FOLDER, trust_remote_code=True)

Its weights are those of `model.safetensors` whose names begin with `pooling.`, or, after `save_pretrained` of
sentence-transformers, all of the file of that name in the module's own folder.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from sentence_transformers.util import load_file_path

PREFIX = "pooling."


class RecurrentPooling(torch.nn.Module):
    """State behind the last token, and of a second layer, which reads backward, that before the first one."""

    def __init__(self, gates):
        super().__init__()
        rows, columns = gates["forward.gates.weight"].shape
        size = rows // 4
        self.orders = [order for order in ("forward", "backward") if f"{order}.gates.weight" in gates]
        self.lstm = torch.nn.LSTM(columns - size, size, batch_first=True, bidirectional=len(self.orders) == 2)
        with torch.no_grad():
            for order, (inputs, states, bias, other) in zip(self.orders, self.lstm.all_weights):
                weight = gates[f"{order}.gates.weight"]
                inputs.copy_(weight[:, :-size])
                states.copy_(weight[:, -size:])
                bias.copy_(gates[f"{order}.gates.bias"])
                other.zero_()

    def forward(self, features, **_):
        states, mask = features["token_embeddings"], features["attention_mask"]
        # Padding may stand on either side; packed sequences have it behind.
        order = torch.argsort(mask, dim=1, descending=True, stable=True)
        states = states.gather(1, order.unsqueeze(-1).expand_as(states))
        lengths = mask.sum(1).clamp(min=1).cpu()
        packed = torch.nn.utils.rnn.pack_padded_sequence(states, lengths, batch_first=True, enforce_sorted=False)
        ends = self.lstm(packed)[1][0]
        features["sentence_embedding"] = torch.cat(list(ends), dim=1)
        return features

    def get_embedding_dimension(self):
        return self.lstm.hidden_size * len(self.orders)

    def get_sentence_embedding_dimension(self):
        return self.get_embedding_dimension()

    def save(self, output_path, *_, **__):
        gates = {}
        for order, (inputs, states, bias, other) in zip(self.orders, self.lstm.all_weights):
            gates[f"{order}.gates.weight"] = torch.cat([inputs, states], dim=1).detach().cpu().contiguous()
            gates[f"{order}.gates.bias"] = (bias + other).detach().cpu().contiguous()
        folder = Path(output_path)
        folder.mkdir(parents=True, exist_ok=True)
        save_file(gates, folder / "model.safetensors", metadata={"format": "pt"})
        (folder.parent / Path(__file__).name).write_bytes(Path(__file__).read_bytes())

    @classmethod
    def load(cls, model_name_or_path, subfolder="", token=None, cache_folder=None, revision=None,
             local_files_only=False, **_):
        def find(name, subfolder=""):
            return load_file_path(model_name_or_path, name, subfolder=subfolder, token=token,
                                  cache_folder=cache_folder, revision=revision, local_files_only=local_files_only)

        own = find("model.safetensors", subfolder)
        if own is not None:
            return cls(load_file(own))
        tensors = load_file(find("model.safetensors")).items()
        return cls({name[len(PREFIX):]: tensor.float() for name, tensor in tensors if name.startswith(PREFIX)})
