"""transformers writes what `alambic trace --generate` writes: 200 texts a model, greedily and with four beams.

    pip install torch transformers==5.24.0 safetensors numpy
    python tests/python/writes_alike.py ALAMBIC MODEL [MODEL…]

MODEL is the folder of an encoder-decoder, such as `models/tests/parity/bart/model`. Its texts are drawn from its vocabulary with a seed,
4 to 20 tokens each and the end. Prints how many of the targets are the same under each setting, and ends with 1 where one is not.
transformers runs without its cache, which it fills wrongly where the decoder is not as deep as the encoder.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy
import torch
from safetensors.numpy import load_file, save_file
from transformers import AutoModelForSeq2SeqLM

TEXTS, NEW_TOKENS = 200, 16
# By the keys of `--generate`, and what transformers calls them.
NAMES = {"beams": "num_beams", "length-penalty": "length_penalty", "no-repeat-ngram": "no_repeat_ngram_size"}
SETTINGS = [{"beams": 1}, {"beams": 4}, {"beams": 4, "length-penalty": 0.6, "no-repeat-ngram": 2}]


def texts(config):
    generator = numpy.random.default_rng(1)
    special = [config.pad_token_id, config.eos_token_id, config.decoder_start_token_id]
    words = numpy.setdiff1d(numpy.arange(config.vocab_size), special)
    lengths = generator.integers(4, 21, TEXTS)
    ids = numpy.full((TEXTS, lengths.max() + 1), config.pad_token_id)
    for row, length in zip(ids, lengths):
        row[:length] = generator.choice(words, length)
        row[length] = config.eos_token_id
    return ids, (numpy.arange(ids.shape[1]) <= lengths[:, None]).astype(ids.dtype)


def target(row, config):
    """The tokens behind the start, up to the end; what fills up a row differs between the two."""
    tokens = row[1:].tolist()
    end = tokens.index(config.eos_token_id) + 1 if config.eos_token_id in tokens else len(tokens)
    return [token for token in tokens[:end] if token != config.pad_token_id]


def by_alambic(alambic, folder, inputs, settings):
    with tempfile.TemporaryDirectory() as work:
        given, out = Path(work) / "in.safetensors", Path(work) / "out.safetensors"
        save_file(dict(zip(["input_ids", "attention_mask"], inputs)), given)
        generate = ",".join(f"{key}={value}" for key, value in (settings | {"max-new-tokens": NEW_TOKENS}).items())
        command = [alambic, "--quiet", "trace", folder, "--inputs", given, "--out", out, "--generate", generate]
        subprocess.run(command, check=True)
        return load_file(out)["generated"]


@torch.inference_mode()
def by_transformers(model, inputs, settings):
    ids, mask = map(torch.from_numpy, inputs)
    named = {NAMES[key]: value for key, value in settings.items()}
    written = model.generate(
        input_ids=ids, attention_mask=mask, max_new_tokens=NEW_TOKENS, do_sample=False, use_cache=False, **named
    )
    return written.numpy()


def main(alambic, *folders):
    differing = 0
    for folder in folders:
        model = AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
        inputs = texts(model.config)
        for settings in SETTINGS:
            found, expected = by_alambic(alambic, folder, inputs, settings), by_transformers(model, inputs, settings)
            pairs = [[target(row, model.config) for row in rows] for rows in (found, expected)]
            same = sum(one == other for one, other in zip(*pairs))
            different = len({tuple(row) for row in pairs[1]})
            print(f"{folder}: {json.dumps(settings)}: {same} of {TEXTS} the same, {different} different targets", flush=True)
            differing += TEXTS - same
    return int(differing > 0)


sys.exit(main(*sys.argv[1:]))
