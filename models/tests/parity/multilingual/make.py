"""Writes tiny multilingual encoders as they are published, with inputs and what transformers makes of them.

    pip install torch==2.11.0 transformers==5.24.0 tokenizers sentencepiece protobuf safetensors
    python models/tests/parity/multilingual/make.py

`xlm` is an XLM with a table of three languages (`langs`) and a head for texts, as the other folders of `parity` are. Beside this
script, `mbert` is a BERT over a cased vocabulary of several scripts (`vocab.txt`), and `xlm-r` an XLM-RoBERTa with a SentencePiece
model, both with the head of masked language modelling and without `tokenizer.json`, as they were published. `expected.json` of
each holds the numbers of texts; `expected.safetensors` hidden states and logits of `inputs.safetensors`.
"""

import contextlib
import json
import shutil
import tempfile
from pathlib import Path

import sentencepiece
import torch
from safetensors.torch import save_file
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForMaskedLM, BertTokenizer, XLMConfig, XLMForSequenceClassification
from transformers import XLMRobertaConfig, XLMRobertaForMaskedLM, XLMRobertaTokenizer

HERE = Path(__file__).resolve().parent
# A few rules of normalization in place of the usual ones, which take 240 kB: a ligature, a fraction, the wide space.
RULES = "FB01\t66 69\nBD\t31 2044 32\n3000\t20\n"
SENTENCES = ["the cat sat on the mat", "The dog and the Cat ran home", "die Katze saß auf der Matte", "नमक का घर और आम",
             "பூனை பாயில் அமர்ந்தது", "ಮನೆಯಲ್ಲಿ ಬೆಕ್ಕು ಇದೆ", "猫はマットの上にいます", "кошка сидит на коврике"] * 4
TEXTS = ["the Cat sat", "नमक घर", "பூனை", "ಬೆಕ್ಕು ಇದೆ", "猫 マット", "Кошка", "É à la carte", ""]


def randomise(model):
    """Weights that differ from their initial values everywhere, norms and biases too; sinusoids stay."""
    torch.manual_seed(7)
    for name, parameter in model.named_parameters():
        if "position_embeddings" in name:
            continue
        is_norm = parameter.dim() == 1 and "norm" in name.lower() and name.endswith("weight")
        torch.nn.init.normal_(parameter, 1.0 if is_norm else 0.0, 0.05 if parameter.dim() > 1 else 0.1)
    return model.eval()


def save(folder, model, inputs):
    with torch.no_grad():
        out = model(**inputs, output_hidden_states=True, output_attentions=True)
    taps = {f"hidden.{i}": state for i, state in enumerate(out.hidden_states)}
    taps |= {f"attention.{i}": scores for i, scores in enumerate(out.attentions)}
    taps["logits"] = out.logits
    folder.mkdir(exist_ok=True)
    (folder / "model").mkdir(exist_ok=True)
    model.save_pretrained(folder / "model")
    (folder / "model" / "generation_config.json").unlink(missing_ok=True)
    save_file({name: tensor.contiguous().clone() for name, tensor in inputs.items()}, folder / "inputs.safetensors")
    save_file({name: tensor.contiguous().clone() for name, tensor in taps.items()}, folder / "expected.safetensors")


def xlm():
    config = XLMConfig(vocab_size=120, emb_dim=32, n_layers=2, n_heads=4, max_position_embeddings=24, n_langs=3, use_lang_emb=True,
                       sinusoidal_embeddings=True, causal=False, asm=False, num_labels=3, dropout=0.1, attention_dropout=0.1,
                       attn_implementation="eager")
    model = randomise(XLMForSequenceClassification(config))
    # Published files hold a table of places beside the weights.
    ids = torch.randint(5, 120, (3, 7), generator=torch.Generator().manual_seed(3))
    mask = torch.ones(3, 7, dtype=torch.long)
    mask[1, 4:] = 0
    mask[2, 6:] = 0
    ids[mask == 0] = config.pad_index
    langs = torch.tensor([[0] * 7, [1] * 7, [2, 2, 2, 1, 1, 0, 0]])
    save(HERE.parent / "xlm", model, {"input_ids": ids, "attention_mask": mask, "langs": langs})


def masked(folder, model, tokenizer):
    randomise(model)
    batch = tokenizer(TEXTS[:4], padding=True, return_tensors="pt", return_token_type_ids=False)
    save(folder, model, {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask})
    ids = {text: tokenizer(text).input_ids for text in TEXTS}
    (folder / "expected.json").write_text(json.dumps(ids, ensure_ascii=True, indent=1) + "\n")


def mbert():
    trained = BertWordPieceTokenizer(lowercase=False, strip_accents=False)
    trained.train_from_iterator(SENTENCES, vocab_size=160, min_frequency=1, show_progress=False)
    folder = HERE / "mbert"
    (folder / "model").mkdir(parents=True, exist_ok=True)
    trained.save_model(str(folder / "model"))
    (folder / "model" / "tokenizer_config.json").write_text('{"do_lower_case": false, "model_max_length": 24}\n')
    tokenizer = BertTokenizer.from_pretrained(folder / "model", do_lower_case=False)
    config = BertConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                        max_position_embeddings=24, attn_implementation="eager")
    masked(folder, BertForMaskedLM(config), tokenizer)


def xlm_r():
    folder = HERE / "xlm-r"
    (folder / "model").mkdir(parents=True, exist_ok=True)
    # The model keeps the path of its rules: one that is the same everywhere.
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        Path("rules.tsv").write_text(RULES)
        sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(SENTENCES), model_prefix="m", vocab_size=130,
                                                 character_coverage=1.0, hard_vocab_limit=False, normalization_rule_tsv="rules.tsv",
                                                 minloglevel=2)
        shutil.copy("m.model", folder / "model" / "sentencepiece.bpe.model")
    (folder / "model" / "tokenizer_config.json").write_text('{"model_max_length": 22}\n')
    tokenizer = XLMRobertaTokenizer.from_pretrained(folder / "model")
    config = XLMRobertaConfig(vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                              intermediate_size=64, max_position_embeddings=24, type_vocab_size=1, pad_token_id=1, layer_norm_eps=1e-5,
                              attn_implementation="eager")
    masked(folder, XLMRobertaForMaskedLM(config), tokenizer)


xlm()
mbert()
xlm_r()
