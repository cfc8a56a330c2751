"""Tiny PaLI models out of transformers' CLIPVisionModel and T5, their taps, and what they write.

    pip install torch transformers==5.24.0 safetensors
    python models/tests/parity/pali/make.py

`relative` has a T5 of version 1.0, and patches at its first positions. `none` has an mT5, and no biases of scores where a patch is
one of the two. Outputs are the same when every score is moved by up to 1e-3.
"""

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (CLIPVisionConfig, CLIPVisionModel, LogitsProcessor, LogitsProcessorList, MT5Config,
                          MT5ForConditionalGeneration, T5Config, T5ForConditionalGeneration)

HERE = Path(__file__).parent
SIDE, PATCH, COLOURS, WIDE, WIDTH, WORDS = 8, 4, 3, 12, 16, 23
SETTINGS = (
    {"num_beams": 1, "max_new_tokens": 8},
    {"num_beams": 4, "max_new_tokens": 8, "early_stopping": False},
    {"num_beams": 4, "max_new_tokens": 8, "early_stopping": True, "length_penalty": 0.6},
)
KEYS = ("model_type", "vocab_size", "d_model", "d_kv", "d_ff", "num_layers", "num_decoder_layers", "num_heads",
        "relative_attention_num_buckets", "relative_attention_max_distance", "feed_forward_proj", "layer_norm_epsilon",
        "dropout_rate", "tie_word_embeddings", "pad_token_id", "eos_token_id", "decoder_start_token_id", "n_positions")


class Noise(LogitsProcessor):
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, ids, scores):
        return scores + (torch.rand(scores.shape, generator=self.generator) * 2 - 1) * 1e-3


class Pali:
    def __init__(self, bias, seed):
        torch.manual_seed(seed)
        self.bias = bias
        self.vision = CLIPVisionModel._from_config(CLIPVisionConfig(
            image_size=SIDE, patch_size=PATCH, hidden_size=WIDE, num_hidden_layers=2, num_attention_heads=3,
            intermediate_size=14, projection_dim=WIDE), attn_implementation="eager").eval()
        sizes = {"vocab_size": WORDS, "d_model": WIDTH, "d_kv": 6, "d_ff": 18, "num_layers": 2, "num_decoder_layers": 1,
                 "num_heads": 2, "relative_attention_num_buckets": 8, "relative_attention_max_distance": 6,
                 "pad_token_id": 0, "eos_token_id": 1, "decoder_start_token_id": 0, "n_positions": 24}
        if bias == "relative":
            self.language = T5ForConditionalGeneration._from_config(
                T5Config(**sizes, feed_forward_proj="relu", tie_word_embeddings=True), attn_implementation="eager").eval()
        else:
            self.language = MT5ForConditionalGeneration._from_config(
                MT5Config(**sizes, feed_forward_proj="gated-gelu", tie_word_embeddings=False),
                attn_implementation="eager").eval()
        self.projector = torch.nn.Linear(WIDE, WIDTH)
        for part in (self.vision, self.language, self.projector):
            for name, tensor in part.named_parameters():
                is_scale = "norm" in name and name.endswith("weight")
                is_words = name in ("shared.weight", "lm_head.weight")
                tensor.data.normal_(0.0, 1.0 if is_words else 0.3 if is_scale else 0.5).add_(1.0 if is_scale else 0.0)
        self.patches = (SIDE // PATCH) ** 2
        if bias == "none":
            attention = self.language.encoder.block[0].layer[0].SelfAttention
            compute = attention.compute_bias

            def without_patches(*given, **named):
                found = compute(*given, **named).clone()
                found[:, :, :self.patches] = 0.0
                found[:, :, :, :self.patches] = 0.0
                return found

            attention.compute_bias = without_patches

    def weights(self):
        found = {name if name.startswith("vision_model.") else f"vision_model.{name}": tensor
                 for name, tensor in self.vision.state_dict().items() if not name.endswith("position_ids")}
        found |= {f"projector.{name}": tensor for name, tensor in self.projector.state_dict().items()}
        own = self.language.state_dict()
        left_out = {"encoder.embed_tokens.weight", "decoder.embed_tokens.weight"}
        if self.bias == "relative":
            left_out.add("lm_head.weight")
        found |= {f"language_model.{name}": tensor for name, tensor in own.items() if name not in left_out}
        return {name: tensor.clone().contiguous() for name, tensor in found.items()}

    def config(self):
        vision, text = self.vision.config.to_dict(), self.language.config.to_dict()
        text = {key: text[key] for key in KEYS if text.get(key) is not None}
        # What transformers 5 keeps of the key is whether words are tied, and mT5's are not.
        text["tie_word_embeddings"] = self.bias == "relative"
        sizes = ("image_size", "patch_size", "num_channels", "hidden_size", "num_hidden_layers", "num_attention_heads",
                 "intermediate_size", "hidden_act", "layer_norm_eps")
        return {"model_type": "pali", "visual_bias": self.bias, "text_config": text,
                "vision_config": {key: vision[key] for key in sizes}}

    def encode(self, pixels, ids, mask):
        states = self.vision(pixels).last_hidden_state
        post = getattr(self.vision, "vision_model", self.vision).post_layernorm
        image = self.projector(post(states[:, 1:]))
        embedded = torch.cat([image, self.language.shared(ids)], 1)
        mask = torch.cat([torch.ones(len(ids), self.patches, dtype=mask.dtype), mask], 1)
        encoded = self.language.encoder(inputs_embeds=embedded, attention_mask=mask, output_hidden_states=True,
                                        output_attentions=True)
        return encoded, mask

    def taps(self, inputs):
        taps, hooks = {}, []
        tower = getattr(self.vision, "vision_model", self.vision)

        def keep(name, place=0):
            def hook(_, given, output):
                taps[name] = (output[0] if isinstance(output, tuple) else output) if place == 0 else given[0]
            return hook

        hooks.append(tower.pre_layrnorm.register_forward_hook(keep("image.hidden.0")))
        for index, layer in enumerate(tower.encoder.layers):
            hooks.append(layer.register_forward_hook(keep(f"image.hidden.{index + 1}")))
            for kind, linear in (("queries", "q_proj"), ("keys", "k_proj"), ("values", "v_proj")):
                hooks.append(getattr(layer.self_attn, linear).register_forward_hook(keep(f"image.{kind}.{index}")))
        for index, block in enumerate(self.language.encoder.block):
            for kind, linear in (("queries", "q"), ("keys", "k"), ("values", "v")):
                own = getattr(block.layer[0].SelfAttention, linear)
                hooks.append(own.register_forward_hook(keep(f"encoder.{kind}.{index}")))
        encoded, mask = self.encode(inputs["pixel_values"], inputs["input_ids"], inputs["attention_mask"])
        for hook in hooks:
            hook.remove()
        output = self.language(encoder_outputs=encoded, attention_mask=mask, decoder_input_ids=inputs["decoder_input_ids"],
                               output_hidden_states=True, output_attentions=True)
        for index, states in enumerate(encoded.hidden_states):
            taps[f"encoder.hidden.{index}"] = states
            taps[f"encoder.image.hidden.{index}"] = states[:, :self.patches]
            taps[f"encoder.text.hidden.{index}"] = states[:, self.patches:]
        weights = mask[:, :, None].to(encoded.last_hidden_state.dtype)
        taps["encoder.embedding"] = (encoded.last_hidden_state * weights).sum(1) / weights.sum(1)
        for index, states in enumerate(output.decoder_hidden_states):
            taps[f"decoder.hidden.{index}"] = states
        for stream, attentions in (("encoder", encoded.attentions), ("decoder", output.decoder_attentions),
                                   ("cross", output.cross_attentions)):
            taps |= {f"{stream}.attention.{index}": found for index, found in enumerate(attentions)}
        return taps | {"logits": output.logits}

    def write(self, inputs, settings, noise=None):
        encoded, mask = self.encode(inputs["pixel_values"], inputs["input_ids"], inputs["attention_mask"])
        processors = LogitsProcessorList([] if noise is None else [Noise(noise)])
        encoded.hidden_states = encoded.attentions = None
        written = self.language.generate(encoder_outputs=encoded, attention_mask=mask, do_sample=False,
                                         logits_processor=processors, **settings).tolist()
        ends = [next((place for place, token in enumerate(row) if place and token == 1), None) for row in written]
        return [row if end is None else row[:end + 1] for row, end in zip(written, ends)]


@torch.inference_mode()
def main():
    torch.set_num_threads(1)
    for bias in ("relative", "none"):
        for seed in range(300):
            model = Pali(bias, seed)
            inputs = {
                "pixel_values": torch.randn(3, COLOURS, SIDE, SIDE),
                "input_ids": torch.tensor([[7, 12, 5, 9, 1], [20, 4, 1, 0, 0], [1, 0, 0, 0, 0]]),
                "attention_mask": torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]),
                "decoder_input_ids": torch.tensor([[0, 6, 11], [0, 3, 2], [0, 22, 8]]),
            }
            written = [model.write(inputs, settings) for settings in SETTINGS]
            is_stable = all(model.write(inputs, settings, noise) == rows
                            for settings, rows in zip(SETTINGS, written) for noise in range(3))
            lengths = {len(row) for rows in written for row in rows}
            several = all(len({tuple(row) for row in rows}) > 1 for rows in written) and written[0] != written[1]
            if is_stable and several and len(lengths) > 1 and any(len(set(row)) > 4 for row in written[0]):
                break
        else:
            raise SystemExit("no seed gives outputs that say something")
        folder = HERE / bias
        (folder / "model").mkdir(parents=True, exist_ok=True)
        save_file(model.weights(), folder / "model" / "model.safetensors", metadata={"format": "pt"})
        (folder / "model" / "config.json").write_text(json.dumps(model.config(), indent=2) + "\n")
        save_file(inputs, folder / "inputs.safetensors")
        taps = {name: tensor.clone().contiguous() for name, tensor in model.taps(inputs).items()}
        save_file(taps, folder / "expected.safetensors")
        settings = [{"transformers": own, "outputs": rows} for own, rows in zip(SETTINGS, written)]
        (folder / "generated.json").write_text(json.dumps({"settings": settings}) + "\n")
        print(bias, "seed", seed, written)


main()
