"""ONNX files in Optimum, which runs them with the classes of transformers."""

import importlib.metadata

import torch
import transformers
from optimum import onnxruntime
from results import named, write

HEADS = {"ForSequenceClassification": "ORTModelForSequenceClassification", "ForMaskedLM": "ORTModelForMaskedLM",
         "ForTokenClassification": "ORTModelForTokenClassification", "ForQuestionAnswering": "ORTModelForQuestionAnswering"}
OUTPUTS = {"logits": "logits", "last_hidden_state": "states", "start_logits": "start", "end_logits": "end"}


def results(case):
    if case["kind"] == "marian":
        yield from generation(case)
    if case["kind"] not in ("text", "answers", "sentences"):
        return
    head = (case["config"].get("architectures") or [""])[0]
    loader = getattr(onnxruntime, next((own for end, own in HEADS.items() if head.endswith(end)), "ORTModelForFeatureExtraction"))
    model = loader.from_pretrained(case["root"], subfolder="onnx", file_name="model.onnx")
    inputs = {name: torch.tensor(value) for name, value in named(case).items()}
    output = model(**{name: value for name, value in inputs.items() if name in model.input_names})
    for name, what in OUTPUTS.items():
        if getattr(output, name, None) is not None:
            yield what, getattr(output, name)


def generation(case):
    tokenizer = transformers.AutoTokenizer.from_pretrained(case["root"])
    model = onnxruntime.ORTModelForSeq2SeqLM.from_pretrained(case["root"], subfolder="onnx")
    given = tokenizer(case["texts"], padding=True, return_tensors="pt")
    generated = model.generate(**given, num_beams=1, do_sample=False, max_new_tokens=case["max new tokens"])
    yield "generated", tokenizer.batch_decode(generated, skip_special_tokens=True)


versions = [f"{name} {importlib.metadata.version(name)}" for name in ("optimum", "optimum-onnx", "transformers")]
write(", ".join(versions), results)
