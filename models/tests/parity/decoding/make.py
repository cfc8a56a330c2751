"""What transformers writes under many settings of `generate`: corners of beam search and of the rules about tokens.

    pip install torch transformers==5.24.0
    python models/tests/parity/decoding/make.py

Two models: `../marian-peaked`, and `model`, a Marian with a vocabulary of eleven tokens and peaked outputs, than which beams are wider.
An output that another one replaces when every score is moved by up to 1e-3 is left out (null), since rounding decides there.
"""

import json
from pathlib import Path

import torch
from transformers import LogitsProcessor, LogitsProcessorList, MarianConfig, MarianMTModel

HERE = Path(__file__).parent


def small():
    torch.manual_seed(4)
    model = MarianMTModel(MarianConfig(
        vocab_size=11, d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=12, decoder_ffn_dim=12, max_position_embeddings=24,
        pad_token_id=10, eos_token_id=0, decoder_start_token_id=10, forced_eos_token_id=None,
        activation_function="relu", init_std=0.6, scale_embedding=True)).eval()
    model.final_logits_bias.normal_()
    model.final_logits_bias[0, 0] += 3.0
    model.generation_config.bad_words_ids = [[10]]
    model.generation_config.forced_eos_token_id = None
    model.save_pretrained(HERE / "model")
    return model


def settings_of_small():
    for beams in (1, 2, 3, 5, 8):
        for new in (1, 2, 6, 9):
            for early in (False, True, "never"):
                if beams == 1 and early is not False:
                    continue
                yield {"num_beams": beams, "max_new_tokens": new, "early_stopping": early}
    for beams in (11, 12, 20, 30):
        for new in (1, 3, 7):
            for early in (False, True, "never"):
                yield {"num_beams": beams, "max_new_tokens": new, "early_stopping": early}
    for penalty in (-1.5, -0.3, 0.0, 0.5, 2.0, 5.0):
        for early in (False, True, "never"):
            yield {"num_beams": 3, "max_new_tokens": 9, "early_stopping": early, "length_penalty": penalty}
            yield {"num_beams": 12, "max_new_tokens": 5, "early_stopping": early, "length_penalty": penalty}
    for beams in (1, 4, 12):
        for more in (
            {"no_repeat_ngram_size": 1},
            {"no_repeat_ngram_size": 2},
            {"no_repeat_ngram_size": 3},
            {"min_new_tokens": 4},
            {"min_length": 4},
            {"min_new_tokens": 20},
            {"bad_words_ids": [[10], [0], [3, 4], [5, 6, 5], [1]]},
            {"bad_words_ids": [[10], [10, 4], [2, 0]]},
            {"bad_words_ids": None},
            {"bad_words_ids": None, "no_repeat_ngram_size": 2},
            {"forced_eos_token_id": 0},
            {"forced_eos_token_id": 7},
            {"forced_eos_token_id": [0, 7]},
            {"forced_bos_token_id": 6},
            {"forced_bos_token_id": 0},
            {"forced_bos_token_id": 10, "forced_eos_token_id": 0},
            {"forced_bos_token_id": 6, "forced_eos_token_id": 0, "max_new_tokens": 1},
            {"forced_bos_token_id": 6, "no_repeat_ngram_size": 2, "min_new_tokens": 3, "forced_eos_token_id": 0},
            {"eos_token_id": [0, 4]},
            {"eos_token_id": [0, 4, 5], "min_new_tokens": 2},
            {"eos_token_id": [5]},
            {"renormalize_logits": True, "no_repeat_ngram_size": 2},
            {"renormalize_logits": True, "bad_words_ids": [[10], [3], [4], [5]]},
            {"decoder_start_token_id": 3},
            {"decoder_start_token_id": 0, "no_repeat_ngram_size": 1},
        ):
            yield {"num_beams": beams, "max_new_tokens": 8, **more}
            if beams > 1:
                yield {"num_beams": beams, "max_new_tokens": 8, "early_stopping": True, **more}
    for returned in (2, 4):
        yield {"num_beams": 4, "max_new_tokens": 6, "num_return_sequences": returned}
        yield {"num_beams": 4, "max_new_tokens": 6, "num_return_sequences": returned, "length_penalty": 0.0}


def settings_of_peaked():
    for beams in (2, 4, 140):
        for penalty in (-1.0, 0.0, 2.0):
            for early in (False, True, "never"):
                yield {"num_beams": beams, "max_new_tokens": 7, "length_penalty": penalty, "early_stopping": early}
    for new in (1, 2, 30):
        for beams in (1, 4):
            yield {"num_beams": beams, "max_new_tokens": new}
            yield {"num_beams": beams, "max_new_tokens": new, "no_repeat_ngram_size": 1}
    for beams in (1, 4):
        yield {"num_beams": beams}
        yield {"num_beams": beams, "max_length": 9, "min_length": 6, "no_repeat_ngram_size": 3}
        yield {"num_beams": beams, "max_new_tokens": 12, "renormalize_logits": True, "no_repeat_ngram_size": 2}


class Noise(LogitsProcessor):
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, ids, scores):
        return scores + (torch.rand(scores.shape, generator=self.generator) * 2 - 1) * 1e-3


@torch.inference_mode()
def write(model, inputs, settings, noise=None):
    longest = max(map(len, inputs))
    padding = model.config.pad_token_id
    ids = torch.tensor([row + [padding] * (longest - len(row)) for row in inputs])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in inputs])
    processors = LogitsProcessorList([] if noise is None else [Noise(noise)])
    written = model.generate(ids, attention_mask=mask, do_sample=False, logits_processor=processors, **settings)
    ends = settings.get("eos_token_id", model.generation_config.eos_token_id)
    ends = ends if isinstance(ends, list) else [ends]
    count = settings.get("num_return_sequences", 1)
    rows = []
    for row in written.tolist():
        end = next((place for place, token in enumerate(row) if place and token in ends), None)
        rows.append(row if end is None else row[:end + 1])
    return [rows[first:first + count] for first in range(0, len(rows), count)]


def entries(model, inputs, all_settings):
    for settings in all_settings:
        outputs = write(model, inputs, settings)
        for noise in range(10):
            for place, (found, moved) in enumerate(zip(outputs, write(model, inputs, settings, noise))):
                if found != moved:
                    outputs[place] = None
        yield {"transformers": settings, "outputs": outputs}


def main():
    torch.set_num_threads(1)
    peaked = MarianMTModel.from_pretrained(HERE.parent / "marian-peaked" / "model").eval()
    given = json.loads((HERE.parent / "marian-peaked" / "generated.json").read_text())["inputs"][:6]
    generator = torch.Generator().manual_seed(5)
    draw = lambda low, high: int(torch.randint(low, high, (1,), generator=generator))
    inputs = [[draw(1, 10) for _ in range(draw(1, 7))] + [0] for _ in range(8)]
    models = {
        "decoding": (small(), inputs, settings_of_small()),
        "marian-peaked": (peaked, given, settings_of_peaked()),
    }
    for name, (model, inputs, settings) in models.items():
        found = list(entries(model, inputs, settings))
        outputs = [output for entry in found for output in entry["outputs"]]
        print(name, len(found), "settings", len(outputs), "outputs", outputs.count(None), "left to rounding")
        lines = ",\n  ".join(json.dumps(entry, separators=(",", ":")) for entry in found)
        text = f'{{"inputs": {json.dumps(inputs)},\n "settings": [\n  {lines}\n]}}\n'
        (HERE / f"{name}.json").write_text(text)


main()
