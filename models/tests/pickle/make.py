"""A tiny BERT as old checkpoints hold it: PyTorch's file, a prefix before every name, norms with `gamma` and `beta`.

    python models/tests/pickle/make.py

writes `config.json`, `pytorch_model.bin` and `expected.safetensors`, the same weights under today's names. Needs torch,
transformers and safetensors.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertForSequenceClassification

HERE = Path(__file__).parent
torch.manual_seed(1)
config = BertConfig(vocab_size=11, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
                    max_position_embeddings=6, num_labels=2)
model = BertForSequenceClassification(config)
weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
save_file(weights, HERE / "expected.safetensors")
old = {"module." + name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
       for name, tensor in weights.items()}
torch.save(old, HERE / "pytorch_model.bin")
config.architectures = ["BertForSequenceClassification"]
(HERE / "config.json").write_text(config.to_json_string())
