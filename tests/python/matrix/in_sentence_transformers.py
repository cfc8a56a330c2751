"""Folders of sentence encoders and of cross-encoders in sentence-transformers; by the ONNX backend where optimum is the tool."""

import sys

import sentence_transformers
import transformers
from results import write
from sentence_transformers import CrossEncoder, SentenceTransformer

IS_ONNX = sys.argv[3] == "optimum-sentences"


def results(case):
    place = case["root"] if IS_ONNX else case["hf"]
    backend = "onnx" if IS_ONNX else "torch"
    if case["kind"] == "sentences":
        is_own = "recurrent_pooling" in case["config"]
        if is_own:
            # Version 6 refuses the folder's own module, version 5 trusts folders of this machine; neither may go without it.
            try:
                model = SentenceTransformer(place, device="cpu", backend=backend)
                yield "without trust: embedding of texts", model.encode(case["texts"])
            except ValueError:
                yield "without trust", ("is refused, as it should be",)
        model = SentenceTransformer(place, device="cpu", backend=backend, trust_remote_code=is_own)
        yield "embedding of texts", model.encode(case["texts"])
    head = (case["config"].get("architectures") or [""])[0]
    if head.endswith("ForSequenceClassification") and len(case["config"].get("id2label", "")) == 1:
        model = CrossEncoder(place, device="cpu", backend=backend)
        activation = type(model.activation_fn).__name__
        scores = model.predict([tuple(pair) for pair in case["pairs"]])
        if activation == "Sigmoid":
            yield "activation", ("a sigmoid, as nothing says otherwise",)
            import numpy as np
            scores = np.log(scores / (1 - scores))
        yield "scores of pairs", scores


write(f"sentence-transformers {sentence_transformers.__version__}, transformers {transformers.__version__}", results)
