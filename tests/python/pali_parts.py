"""transformers' parts and onnxruntime give the logits that `alambic trace` gives of an exported PaLI.

    pip install torch transformers onnxruntime safetensors numpy
    python tests/python/pali_parts.py OUT TRACE

OUT is the folder of `alambic export MODEL --format hf,onnx --to OUT`, TRACE the file of `alambic trace MODEL --inputs IN --out TRACE`
with `pixel_values`, `input_ids`, `attention_mask` and `decoder_input_ids`. Ends with 1 where a logit differs by more than 1e-3. Biases
of patches are those of `visual_bias = "relative"`; with `none`, onnxruntime alone is compared.
"""

import json
import sys
from pathlib import Path

import numpy
import onnxruntime
import torch
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM, CLIPVisionModel


@torch.inference_mode()
def by_transformers(folder, trace, mask):
    vision = CLIPVisionModel.from_pretrained(folder / "vision_model").eval()
    language = AutoModelForSeq2SeqLM.from_pretrained(folder / "language_model").eval()
    weights = load_file(folder / "model.safetensors")
    states = vision(trace["pixel_values"]).last_hidden_state[:, 1:]
    states = getattr(vision, "vision_model", vision).post_layernorm(states)
    image = torch.nn.functional.linear(states, weights["projector.weight"], weights["projector.bias"])
    embedded = torch.cat([image, language.get_input_embeddings()(trace["input_ids"])], 1)
    return language(inputs_embeds=embedded, attention_mask=mask, decoder_input_ids=trace["decoder_input_ids"]).logits


def by_onnxruntime(folder, trace):
    encoder, decoder = (onnxruntime.InferenceSession(str(folder / f"{name}_model.onnx")) for name in ("encoder", "decoder"))
    given = {one.name: trace[one.name].numpy() for one in encoder.get_inputs()}
    states, mask = encoder.run(["last_hidden_state", "encoder_attention_mask"], given)
    given = {"encoder_hidden_states": states, "encoder_attention_mask": mask, "input_ids": trace["decoder_input_ids"].numpy()}
    return decoder.run(["logits"], given)[0], torch.from_numpy(mask)


def main(out, trace):
    out, trace = Path(out), load_file(trace)
    expected = trace["logits"].numpy()
    logits, mask = by_onnxruntime(out / "onnx", trace)
    found = {"onnxruntime": logits}
    if json.loads((out / "hf" / "config.json").read_text())["visual_bias"] == "relative":
        found["transformers"] = by_transformers(out / "hf", trace, mask).numpy()
    largest = {tool: float(numpy.abs(logits - expected).max()) for tool, logits in found.items()}
    print(largest)
    return int(max(largest.values()) > 1e-3)


sys.exit(main(*sys.argv[1:]))
