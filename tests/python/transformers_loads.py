"""Shows that transformers loads a student folder and generates what `alambic predict` printed.

    pip install torch==2.11.0 transformers==5.23.0 safetensors
    python transformers_loads.py STUDENT PREDICTIONS.tsv [--trace TRACE.safetensors] [--batch 64]

PREDICTIONS.tsv has a line `source<TAB>prediction` for each word, without a header; a source begins with its
tag of the target language (`>>ta<<नमस्ते`), a prediction is the greedy one. TRACE is what
`alambic trace STUDENT` wrote: its inputs go through the model again, and each tap found in it is compared.

Prints `N of M equal` and each difference; exits with 1 if anything differs. Run by hand: the tests of the
project need no Python.
"""

import argparse
import sys

import torch
from safetensors.torch import load_file
from transformers import AutoModelForSeq2SeqLM, PreTrainedTokenizerFast

INPUTS = ["input_ids", "attention_mask", "decoder_input_ids"]
TOLERANCE = 1e-4


def read_predictions(path):
    with open(path, encoding="utf-8", newline="\n") as lines:
        rows = [line.rstrip("\n").split("\t") for line in lines]
    for number, row in enumerate(rows, start=1):
        if len(row) != 2:
            sys.exit(f"{path}:{number}: {len(row)} columns where source and prediction are expected")
    if not rows:
        sys.exit(f"{path}: no predictions")
    return rows


def generate(model, tokenizer, sources):
    """Plain greedy decoding, whatever else generation_config.json may ask for."""
    batch = tokenizer(sources, padding=True, return_tensors="pt", return_token_type_ids=False)
    ids = model.generate(**batch, num_beams=1, do_sample=False)
    return tokenizer.batch_decode(ids, skip_special_tokens=True)


def compare_strings(model, tokenizer, rows, batch):
    differing = 0
    for start in range(0, len(rows), batch):
        part = rows[start : start + batch]
        generated = generate(model, tokenizer, [source for source, _ in part])
        for (source, expected), found in zip(part, generated):
            if found != expected:
                differing += 1
                print(f"{source}: alambic {expected!r}, transformers {found!r}")
    print(f"{len(rows) - differing} of {len(rows)} equal")
    return differing == 0


def taps(model, inputs):
    """The taps of one teacher-forced pass, named as a trace names them."""
    output = model(**inputs, output_hidden_states=True, output_attentions=True, use_cache=False)
    families = {
        "encoder.hidden": output.encoder_hidden_states,
        "decoder.hidden": output.decoder_hidden_states,
        "encoder.attention": output.encoder_attentions,
        "decoder.attention": output.decoder_attentions,
        "cross.attention": output.cross_attentions,
    }
    named = {f"{name}.{layer}": tap for name, family in families.items() for layer, tap in enumerate(family)}
    return {"logits": output.logits, **named}


def compare_trace(model, path):
    trace = load_file(path)
    missing = [name for name in [*INPUTS, "logits"] if name not in trace]
    if missing:
        sys.exit(f"{path}: has no {', '.join(missing)}")
    agree = True
    for name, found in taps(model, {name: trace[name].long() for name in INPUTS}).items():
        if name not in trace:
            continue
        if found.shape != trace[name].shape:
            sys.exit(f"{path}: {name} is {list(trace[name].shape)}, transformers gives {list(found.shape)}")
        difference = (found - trace[name].float()).abs().max().item()
        # Written so that a difference which is no number counts as one.
        within = difference <= TOLERANCE
        agree &= within
        print(f"{name}: largest difference {difference:.2e}{'' if within else f', above {TOLERANCE:.0e}'}")
    return agree


@torch.inference_mode()
def main():
    summary, _, usage = __doc__.partition("\n")
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=summary, epilog=usage, formatter_class=formatter)
    parser.add_argument("student", help="folder of the student")
    parser.add_argument("predictions", help="table of sources and greedy predictions")
    parser.add_argument("--trace", help="what `alambic trace` wrote for the student")
    parser.add_argument("--batch", type=int, default=64, help="words decoded together (64)")
    arguments = parser.parse_args()

    # Single precision even for weights stored in half; attention that can return its probabilities.
    model = AutoModelForSeq2SeqLM.from_pretrained(
        arguments.student, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    tokenizer = PreTrainedTokenizerFast.from_pretrained(arguments.student)
    agree = compare_strings(model, tokenizer, read_predictions(arguments.predictions), arguments.batch)
    if arguments.trace:
        agree &= compare_trace(model, arguments.trace)
    sys.exit(0 if agree else 1)


if __name__ == "__main__":
    main()
