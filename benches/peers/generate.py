"""Times the writing of an encoder-decoder, for comparison with this project.

    pip install torch transformers==5.24.0 ctranslate2==4.8.5
    python generate.py [--t5 1] [--beam 4] [--int8 1] [--batch 64] [--new-tokens 32] [--form ctranslate2] [--steps 20] ...

Every target of a batch gets as many tokens as asked for, none ends before, by a model with random weights in Marian's
layout or in that of T5 1.1, greedily or with a beam, on two threads. Two forms: `transformers`, `generate` with its cache
under torch.inference_mode, and `ctranslate2`, the same model converted, in single precision, or with `--int8 1` quantised
as its converter does it (transformers stays in single precision). In single precision they must write the same before they
are timed, but for what nearly equal scores leave open: at least nine of ten first halves of targets.

Prints one JSON object: settings, and median, smallest and largest milliseconds a batch for each form.
"""

import argparse
import contextlib
import pathlib
import resource
import tempfile

import timing
import torch
from marian_step import END, PAD, SIZES, padded, reference


class Writing(timing.Timed):
    """One way to write: gives the tokens of every target, without the start."""

    def __init__(self, write, options):
        super().__init__(options)
        self.write = write

    def step(self, source):
        self.timed(lambda: self.write(source))


def by_transformers(model, pad, options):
    length = options.new_tokens
    settings = {"min_new_tokens": length, "max_new_tokens": length, "num_beams": options.beam, "bad_words_ids": [[pad]]}

    def write(source):
        with torch.inference_mode():
            written = model.generate(input_ids=source, attention_mask=(source != pad).long(), use_cache=True, **settings)
        return written[:, 1:].tolist()

    return write


def by_ctranslate2(model, pad, options, folder):
    import ctranslate2
    from ctranslate2.converters import transformers as converters

    names = [f"t{index}" for index in range(options.vocabulary)]
    names[pad] = "<pad>"

    class Tokenless(converters.TransformersConverter):
        """A model of the library without a tokenizer, whose tokens are named by their numbers."""

        def load_model(self, model_class, name, **arguments):
            return model

        def load_tokenizer(self, tokenizer_class, name, **arguments):
            class Tokenizer:
                unk_token, bos_token, eos_token, pad_token = names[2], names[pad], names[END], names[pad]
                pad_token_id, eos_token_id, unk_token_id = pad, END, 2

                def get_vocab(self):
                    return {name: index for index, name in enumerate(names)}

                def convert_ids_to_tokens(self, index):
                    return names[index]

            return Tokenizer()

    model.config.save_pretrained(folder / "source")
    quantization = "int8" if options.int8 else None
    Tokenless(str(folder / "source")).convert(str(folder / "converted"), quantization=quantization, force=True)
    translator = ctranslate2.Translator(
        str(folder / "converted"),
        compute_type="int8" if options.int8 else "float32",
        inter_threads=1,
        intra_threads=options.threads,
    )
    length = options.new_tokens

    def write(source):
        texts = [[names[token] for token in row if token != pad] for row in source.tolist()]
        found = translator.translate_batch(
            texts,
            beam_size=options.beam,
            min_decoding_length=length,
            max_decoding_length=length,
            suppress_sequences=[[names[pad]]] if options.t5 else None,
        )
        return [[int(token[1:]) for token in one.hypotheses[0]] for one in found]

    return write


def peak(model, pad):
    """Random weights, so large that the tokens of a target differ; padding stays zero."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.dim() > 1:
                weight.normal_(0.0, weight.shape[-1] ** -0.5)
        model.get_input_embeddings().weight[pad] = 0.0


def check(forms, source, options):
    """What is written the same by both forms, of the first halves of targets."""
    half = options.new_tokens // 2
    first, second = ([row[:half] for row in form.write(source)] for form in forms.values())
    same = sum(one == other for one, other in zip(first, second))
    if same < 0.9 * len(first):
        raise SystemExit(f"the forms disagree: {same} of {len(first)} targets begin with the same {half} tokens")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    timing.add_sizes(
        parser, SIZES | {"batch": 64, "source-length": 24, "new-tokens": 32, "beam": 1, "int8": 0}
    )
    parser.add_argument("--form", choices=["transformers", "ctranslate2"], help="this form alone, whose memory is then told")
    options = parser.parse_args()
    options.dropout = 0.0

    timing.start(options)
    # CTranslate2 takes the last token of Marian's for padding, and never writes it.
    pad = PAD if options.t5 else options.vocabulary - 1
    model = reference(options, max(options.source_length, options.new_tokens), pad).eval()
    peak(model, pad)
    source = padded(options.batch, options.source_length, options.vocabulary - 1, torch.Generator().manual_seed(1))
    source = source.masked_fill(source == PAD, pad)
    forms = {}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if options.form != "ctranslate2":
            forms["transformers"] = Writing(by_transformers(model, pad, options), options)
        if options.form != "transformers":
            forms["ctranslate2"] = Writing(by_ctranslate2(model, pad, options, folder), options)
        if len(forms) == 2 and not options.int8:
            check(forms, source, options)
        timing.take_turns(forms, [source], options)
    most = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    timing.show(forms, options, {"peak-memory-bytes": most} if options.form else {})


if __name__ == "__main__":
    main()
