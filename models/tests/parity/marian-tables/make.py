"""Tiny Marian models whose words of source, target and output do not have one table, and the logits of transformers.

    pip install torch transformers==5.24.0 safetensors
    python models/tests/parity/marian-tables/make.py

`two` has a vocabulary for each language, and the target's table gives the logits. `three` has one vocabulary and three tables.
"""

from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import MarianConfig, MarianMTModel

HERE = Path(__file__).parent
KINDS = {
    "two": {"decoder_vocab_size": 9, "share_encoder_decoder_embeddings": False, "tie_word_embeddings": True},
    "three": {"decoder_vocab_size": 12, "share_encoder_decoder_embeddings": True, "tie_word_embeddings": False},
}


@torch.inference_mode()
def main():
    for name, tables in KINDS.items():
        torch.manual_seed(7)
        model = MarianMTModel(MarianConfig(
            vocab_size=12, d_model=8, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
            decoder_attention_heads=2, encoder_ffn_dim=12, decoder_ffn_dim=12, max_position_embeddings=16,
            pad_token_id=8, eos_token_id=0, decoder_start_token_id=8, activation_function="relu", init_std=0.5,
            scale_embedding=True, **tables)).eval()
        model.final_logits_bias.normal_()
        model.save_pretrained(HERE / name / "model")
        (HERE / name / "model" / "generation_config.json").unlink()
        inputs = {
            "input_ids": torch.tensor([[3, 11, 5, 0], [7, 0, 8, 8]]),
            "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]),
            "decoder_input_ids": torch.tensor([[8, 2, 6], [8, 4, 1]]),
        }
        save_file(inputs, HERE / name / "inputs.safetensors")
        save_file({"logits": model(**inputs).logits.contiguous()}, HERE / name / "expected.safetensors")


main()
