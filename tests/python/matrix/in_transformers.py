"""Folders of the form `hf` in transformers: whether all tensors have a place, tokens, and outputs."""

import inspect

import torch
import transformers
from results import named, write

HEADS = {"ForSequenceClassification": "AutoModelForSequenceClassification", "ForMaskedLM": "AutoModelForMaskedLM",
         "ForTokenClassification": "AutoModelForTokenClassification", "ForQuestionAnswering": "AutoModelForQuestionAnswering"}
OUTPUTS = {"logits": "logits", "last_hidden_state": "states", "pooler_output": "pooled", "start_logits": "start",
           "end_logits": "end", "text_embeds": "text", "image_embeds": "image"}


def loader(case):
    name = (case["config"].get("architectures") or ["Model"])[0]
    if case["kind"] in ("marian", "clip", "vilt"):
        return getattr(transformers, name)
    automatic = next((own for end, own in HEADS.items() if name.endswith(end)), "AutoModel")
    return getattr(transformers, automatic)


@torch.inference_mode()
def results(case):
    kind = case["kind"]
    if kind not in ("text", "answers", "sentences", "marian", "clip", "vilt"):
        return
    # The states of recurrent pooling and of dense layers have their place in modules of sentence-transformers.
    model, loading = loader(case).from_pretrained(case["hf"], output_loading_info=True)
    model.eval()
    unplaced = {key: sorted(map(str, names)) for key, names in loading.items() if names}
    if "recurrent_pooling" in case["config"]:
        unplaced.pop("unexpected_keys", None)
    # transformers makes a pooler for every encoder without a head; a student that has none leaves it out.
    if kind == "sentences" and all(name.startswith("pooler.") for name in unplaced.get("missing_keys", [])):
        unplaced.pop("missing_keys", None)
    if unplaced:
        yield "loading", str(unplaced)
    inputs = {name: torch.tensor(value) for name, value in named(case).items()}
    accepted = inspect.signature(model.forward).parameters
    output = model(**{name: value for name, value in inputs.items() if name in accepted}, output_hidden_states=True)
    for name, what in OUTPUTS.items():
        if getattr(output, name, None) is not None and not (kind == "vilt" and what == "states"):
            yield what, getattr(output, name)
    if kind == "marian":
        yield "states", output.encoder_last_hidden_state
    tokenizer = transformers.AutoTokenizer.from_pretrained(case["hf"])
    if kind == "answers":
        given = tokenizer([case["question"]] * len(case["texts"]), case["texts"], padding=True, truncation=True)
    else:
        given = tokenizer(case["texts"], padding=True, truncation=True)
    yield "ids", given.input_ids
    if "token_type_ids" in inputs and inputs["token_type_ids"].any() and "token_type_ids" not in given:
        yield "segments", "are not made"
    head = (case["config"].get("architectures") or [""])[0]
    if kind == "text" and head.endswith("ForSequenceClassification") and len(case["config"]["id2label"]) > 1:
        ask = transformers.pipeline("text-classification", model=case["hf"], device="cpu", top_k=None)
        names = [case["config"]["id2label"][str(index)] for index in range(len(case["config"]["id2label"]))]
        said = [{one["label"]: one["score"] for one in answers} for answers in ask(case["texts"])]
        yield "probabilities of texts", [[scores[name] for name in names] for scores in said]
    if kind == "marian":
        given = tokenizer(case["texts"], padding=True, return_tensors="pt")
        generated = model.generate(**given, num_beams=1, do_sample=False, max_new_tokens=case["max new tokens"])
        yield "generated", tokenizer.batch_decode(generated, skip_special_tokens=True)


write(f"transformers {transformers.__version__}, torch {torch.__version__}", results)
