"""ONNX files of sentence encoders and cross-encoders in fastembed."""

import importlib.metadata

import numpy as np
from fastembed import TextEmbedding
from fastembed.common.model_description import ModelSource, PoolingType
from fastembed.rerank.cross_encoder import TextCrossEncoder
from results import write

# Nothing is looked for there: the folder is named.
NOWHERE = ModelSource(hf="no/where")


def embedded(case, part, **options):
    name = f"{case['name']}/{part}"
    TextEmbedding.add_custom_model(model=name, sources=NOWHERE, dim=1, model_file="onnx/model.onnx", **options)
    model = TextEmbedding(name, specific_model_path=case["root"])
    return np.array(list(model.embed(case["texts"])))


def results(case):
    if case["kind"] == "sentences":
        whole = {"pooling": PoolingType.DISABLED, "normalization": False}
        yield "sentence_embedding: embedding of texts", embedded(case, "vector", output_name="sentence_embedding", **whole)
    head = (case["config"].get("architectures") or [""])[0]
    if head.endswith("ForSequenceClassification") and len(case["config"].get("id2label", "")) == 1:
        TextCrossEncoder.add_custom_model(model=case["name"], sources=NOWHERE, model_file="onnx/model.onnx")
        model = TextCrossEncoder(case["name"], specific_model_path=case["root"])
        yield "scores of pairs", list(model.rerank_pairs([tuple(pair) for pair in case["pairs"]]))


write(f"fastembed {importlib.metadata.version('fastembed')}", results)
