"""Times the embeddings of the texts of a file, with their true lengths, for comparison with this project.

    pip install torch==2.11.0 transformers==5.23.0 onnxruntime==1.32.0 onnx onnxscript
    python encode_corpus.py MODEL TEXTS.tsv [--form onnxruntime] [--batch 32] [--sorted 1] [--max-tokens 1024] ...

The texts of the column `sentence` are tokenised ahead and cut into batches, each padded to its longest: of so many texts as
they come, or with `--sorted 1` of like length, as sentence-transformers does it; or with `--max-tokens` of as many texts in a
row as have so many tokens together, which is how text-embeddings-inference fills its batches. What comes out is the mean of
the last hidden states of each text's tokens. The forms `onnxruntime` and `onnxruntime-int8` are those of `encode.py`,
`transformers` is that library under torch.inference_mode. They must give the same
before they are timed, `onnxruntime-int8` to 0.3 of the deviation of the embeddings.

Prints one JSON object: settings, and median, smallest and largest milliseconds of a pass over all texts for each form.
"""

import argparse
import csv
import pathlib
import tempfile

import timing
import torch
from encode import FORMS, Timed, exported, quantised, session
from transformers import AutoModel, AutoTokenizer


class Pooled(torch.nn.Module):
    """What is exported: ids and mask in, means over tokens out."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids, mask):
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state
        kept = mask.unsqueeze(-1).to(states.dtype)
        return (states * kept).sum(1) / kept.sum(1)


def batches(texts, options):
    """Ids and mask of each batch."""
    if options.sorted:
        texts = sorted(texts, key=len)
    cut, tokens = [], 0
    for text in texts:
        tokens += len(text)
        fits = tokens <= options.max_tokens if options.max_tokens else bool(cut) and len(cut[-1]) < options.batch
        if cut and fits:
            cut[-1].append(text)
        else:
            cut.append([text])
            tokens = len(text)
    for batch in cut:
        length = max(map(len, batch))
        ids = torch.tensor([text + [0] * (length - len(text)) for text in batch])
        mask = torch.tensor([[1] * len(text) + [0] * (length - len(text)) for text in batch])
        yield ids, mask


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("texts", type=pathlib.Path)
    timing.add_sizes(parser, {"batch": 32, "sorted": 0, "max-tokens": 0})
    parser.add_argument("--form", choices=FORMS, help="this form alone")
    options = parser.parse_args()

    timing.start(options)
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    with open(options.texts, newline="") as table:
        sentences = [row["sentence"] for row in csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE)]
    corpus = list(batches(tokenizer(sentences, truncation=True, max_length=512)["input_ids"], options))
    model = AutoModel.from_pretrained(options.model, attn_implementation="sdpa").eval()
    pooled = Pooled(model)
    with torch.inference_mode():
        expected = pooled(*corpus[0])
    forms = {}
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        if options.form in [None, "transformers"]:

            def encode(ids, mask):
                with torch.inference_mode():
                    return pooled(ids, mask).numpy()

            forms["transformers"] = encode
        if options.form != "transformers":
            fused = exported(model, corpus[0], folder, Pooled)
            files = {"onnxruntime": lambda: fused, "onnxruntime-int8": lambda: quantised(fused, folder)}
            for name, file in files.items():
                if options.form in [None, name]:
                    run = session(file(), options.threads).run
                    forms[name] = lambda ids, mask, run=run: run(None, {"ids": ids.numpy(), "mask": mask.numpy()})[0]
    for name, form in forms.items():
        apart = (torch.from_numpy(form(*corpus[0])) - expected).square().mean().sqrt().item()
        if apart > (0.3 if name.endswith("int8") else 1e-4) * expected.std().item():
            raise SystemExit(f"{name}: the embeddings are {apart} apart")
    timed = {
        name: Timed(lambda corpus, form=form: [form(*batch) for batch in corpus], options) for name, form in forms.items()
    }
    timing.take_turns(timed, [corpus], options)
    options.model, options.texts = str(options.model), str(options.texts)
    timing.show(timed, options, {"texts": len(sentences), "batches": len(corpus)})


if __name__ == "__main__":
    main()
