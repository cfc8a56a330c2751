"""Tokens and patches of the tiny CLIP in the space of its embeddings, as transformers computes them.

    python models/tests/parity/clip/parts.py

writes `parts.safetensors` beside itself, from `model/` and `inputs.safetensors`. Needs torch, transformers 5.24.0 and safetensors.
transformers gives texts' last states behind the final norm, and images' before it.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import CLIPModel

HERE = Path(__file__).parent
model = CLIPModel.from_pretrained(HERE / "model").eval()
inputs = load_file(HERE / "inputs.safetensors")
with torch.no_grad():
    text = model.text_model(inputs["input_ids"], inputs["attention_mask"]).last_hidden_state
    image = model.vision_model(inputs["pixel_values"]).last_hidden_state[:, 1:]
    parts = {"text.tokens": model.text_projection(text),
             "image.patches": model.visual_projection(model.vision_model.post_layernorm(image))}
save_file({name: tensor.contiguous() for name, tensor in parts.items()}, HERE / "parts.safetensors")
