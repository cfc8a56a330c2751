"""Times the forward pass of an encoder of texts, for comparison with this project.

    pip install torch==2.11.0 transformers==5.23.0 onnxruntime==1.32.0 onnx onnxscript
    python encode.py [--layers 6] [--width 384] [--batch 1] [--length 16] [--form onnxruntime] [--steps 20] ...

What comes out is the last hidden state of a batch without padding, with random weights. Three forms: `transformers`, the
library's model as it is by default under torch.inference_mode; `onnxruntime`, the same model exported by torch and with
the attention, GELU and norms of onnxruntime's own optimiser for transformers fused; and `onnxruntime-int8`, that with the
weights of its products quantised by channel and its inputs as they come (dynamic quantisation). They must give the same
before they are timed, the last to 0.1 of the deviation of the states.

Prints one JSON object: settings, and median, smallest and largest milliseconds for each form.
"""

import argparse
import pathlib
import tempfile

import timing
import torch
from distil_step import reference

FORMS = ["transformers", "onnxruntime", "onnxruntime-int8"]


class Encoder(torch.nn.Module):
    """What is exported: ids in, states out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids):
        return self.model(input_ids=ids).last_hidden_state


def exported(model, inputs, folder, form=Encoder):
    """The model in a form as ONNX, with fused operations where onnxruntime knows them."""
    from onnxruntime.transformers import optimizer

    plain, fused = folder / "plain.onnx", folder / "fused.onnx"
    names = ["ids", "mask"][: len(inputs)]
    dynamic = {name: {0: "batch", 1: "length"} for name in names}
    torch.onnx.export(
        form(model).eval(), inputs, str(plain), input_names=names, output_names=["states"], dynamic_axes=dynamic, dynamo=False
    )
    config = model.config
    found = optimizer.optimize_model(
        str(plain), model_type="bert", num_heads=config.num_attention_heads, hidden_size=config.hidden_size, opt_level=1
    )
    found.save_model_to_file(str(fused))
    return fused


def quantised(fused, folder):
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    small = folder / "int8.onnx"
    # It does not know what its own fused operations give.
    more = {"DefaultTensorType": onnx.TensorProto.FLOAT}
    quantize_dynamic(str(fused), str(small), weight_type=QuantType.QInt8, per_channel=True, extra_options=more)
    return small


def session(file, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])


class Timed(timing.Timed):
    """One way to encode."""

    def __init__(self, encode, options):
        super().__init__(options)
        self.encode = encode

    def step(self, batch):
        self.timed(lambda: self.encode(batch))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sizes = {"layers": 6, "width": 384, "heads": 12, "ffn": 1536, "vocabulary": 30522, "batch": 1, "length": 16}
    timing.add_sizes(parser, sizes)
    parser.add_argument("--form", choices=FORMS, help="this form alone")
    options = parser.parse_args()
    options.dropout = 0.0

    timing.start(options)
    model = reference(options, attention="sdpa").eval()
    ids = torch.randint(1, options.vocabulary, (options.batch, options.length))
    encoder = Encoder(model)
    with torch.inference_mode():
        expected = encoder(ids)
    forms = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if options.form in [None, "transformers"]:

            def encode(batch):
                with torch.inference_mode():
                    return encoder(batch).numpy()

            forms["transformers"] = Timed(encode, options)
        if options.form != "transformers":
            fused = exported(model, (ids,), folder)
            files = {"onnxruntime": lambda: fused, "onnxruntime-int8": lambda: quantised(fused, folder)}
            for name, file in files.items():
                if options.form in [None, name]:
                    run = session(file(), options.threads).run
                    forms[name] = Timed(lambda batch, run=run: run(None, {"ids": batch.numpy()})[0], options)
    for name, form in forms.items():
        apart = (torch.from_numpy(form.encode(ids)) - expected).abs().max().item()
        if apart > (0.1 if name.endswith("int8") else 1e-4) * expected.std().item():
            raise SystemExit(f"{name}: the states are {apart} apart")
    timing.take_turns(forms, [ids], options)
    timing.show(forms, options, {})


if __name__ == "__main__":
    main()
