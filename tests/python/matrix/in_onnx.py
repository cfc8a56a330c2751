"""Files of the folder `onnx` in onnxruntime or OpenVINO, over the tokens and pixels of the cases."""

import sys
from pathlib import Path

import numpy as np
from results import named, write

OUTPUTS = {"logits": "logits", "last_hidden_state": "states", "pooler_output": "pooled", "start_logits": "start",
           "end_logits": "end", "text_embeds": "text", "image_embeds": "image", "sentence_embedding": "embedding",
           "seq_relationship_logits": "relation"}

if sys.argv[3] == "openvino":
    import openvino

    VERSION = f"openvino {openvino.__version__}"
    CORE = openvino.Core()

    def load(path):
        # Its default on processors of a server is bfloat16.
        model = CORE.compile_model(CORE.read_model(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})

        def run(inputs):
            found = model(inputs)
            # An output may have more names than that of the file.
            return {name: found[value] for value in model.outputs for name in value.get_names()}

        return [next(iter(value.get_names())) for value in model.inputs], run
else:
    import onnxruntime

    VERSION = f"onnxruntime {onnxruntime.__version__}"

    def load(path):
        session = onnxruntime.InferenceSession(str(path))
        names = [value.name for value in session.get_outputs()]
        return [value.name for value in session.get_inputs()], lambda inputs: dict(zip(names, session.run(None, inputs)))


class Graphs:
    def __init__(self, case):
        self.folder, self.loaded = Path(case["root"]) / "onnx", {}

    def run(self, name, inputs):
        if name not in self.loaded:
            self.loaded[name] = load(self.folder / f"{name}.onnx")
        wanted, run = self.loaded[name]
        return run({own: inputs[own] for own in wanted})


def results(case):
    graphs, inputs, kind = Graphs(case), named(case), case["kind"]
    if kind == "marian":
        yield from generation(graphs, inputs, case["config"])
        return
    if kind == "dual":
        found = {**graphs.run("text", inputs), **graphs.run("image", inputs)}
        found |= graphs.run("head", found)
        parts = {"towers": found}
    else:
        parts = {"model": graphs.run("model", inputs)}
        if kind == "clip":
            parts |= {name: graphs.run(name, inputs) for name in ("text_model", "vision_model")}
    for part, found in parts.items():
        for name, values in found.items():
            if name not in OUTPUTS:
                continue
            if kind == "vilt" and name == "last_hidden_state":
                continue
            yield f"{part}: {OUTPUTS[name]}", values


def generation(graphs, inputs, config):
    """An encoder-decoder with and without a past, by each of its decoders."""
    target = inputs["decoder_input_ids"]
    states = graphs.run("encoder_model", inputs)["last_hidden_state"]
    yield "encoder_model: states", states
    common = {"encoder_attention_mask": inputs["attention_mask"], "encoder_hidden_states": states}
    yield "decoder_model: logits", graphs.run("decoder_model", common | {"input_ids": target})["logits"]
    heads = config["decoder_attention_heads"]
    empty = np.zeros((len(target), heads, 0, config["d_model"] // heads), dtype=np.float32)
    nothing = {f"past_key_values.{layer}.{part}.{what}": empty for layer in range(config["decoder_layers"])
               for part in ("decoder", "encoder") for what in ("key", "value")}
    for name in ("decoder_with_past_model", "decoder_model_merged"):
        is_merged = name == "decoder_model_merged"
        past, logits = {}, []
        for place in range(target.shape[1]):
            given = common | past | {"input_ids": target[:, place:place + 1]}
            if place > 0:
                step = graphs.run(name, given | {"use_cache_branch": np.array([True])})
            elif is_merged:
                step = graphs.run(name, given | nothing | {"use_cache_branch": np.array([False])})
            else:
                step = graphs.run("decoder_model", given)
            step = dict(step)
            logits.append(step.pop("logits"))
            # Those of the encoder are made once.
            past |= {key.replace("present", "past_key_values"): value for key, value in step.items() if value.size}
        yield f"{name}: logits", np.concatenate(logits, 1)


write(VERSION, results)
