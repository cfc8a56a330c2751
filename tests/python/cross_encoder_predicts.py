"""What `alambic predict` prints of cross-encoders against sentence-transformers' `CrossEncoder.predict`.

    python tests/python/cross_encoder_predicts.py ALAMBIC [MODEL…]

ALAMBIC is the program, each MODEL the folder of a cross-encoder with one label; two small ones of random weights are made beside
them, one of which names no activation, and one which names Identity. Pairs have odd Unicode. Exits with 1 where a score differs by
more than 1e-5 of the largest. Needs sentence-transformers.
"""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from sentence_transformers import CrossEncoder
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

ODD = ["naïve café", "e\u0301te\u0301", "東京 タワー", "हिन्दी भाषा", "a\u200bb", "ﬁne", "😀 smile", "İstanbul", "plain words", "ß ẞ", "x" * 300]


def make(folder, activation):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"abcdefghijklmnopqrstuvwxyz", *(f"##{c}" for c in "abcdefghijklmnopqrstuvwxyz")]
    words += ["cafe", "ete", "東", "京", "plain", "words", "smile", "fine"]
    raw = Tokenizer(models.WordPiece({word: index for index, word in enumerate(words)}, unk_token="[UNK]"))
    raw.normalizer, raw.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    raw.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=raw, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
                                        sep_token="[SEP]", model_max_length=64)
    torch.manual_seed(3)
    config = BertConfig(vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                        max_position_embeddings=64, num_labels=1, initializer_range=0.5)
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if activation:
        path = Path(folder) / "config.json"
        own = json.loads(path.read_text())
        own["sentence_transformers"] = {"activation_fn": activation}
        path.write_text(json.dumps(own))


def main(program, folders):
    random.seed(1)
    pairs = [(random.choice(ODD), " ".join(random.choices(ODD, k=random.randint(1, 4)))) for _ in range(200)]
    worst = 0.0
    with tempfile.TemporaryDirectory() as made:
        for name, activation in (("sigmoid", None), ("identity", "torch.nn.modules.linear.Identity")):
            make(f"{made}/{name}", activation)
            folders = [*folders, f"{made}/{name}"]
        for folder in folders:
            expected = CrossEncoder(folder, device="cpu").predict(pairs, show_progress_bar=False)
            lines = "".join(f"{first}\t{second}\n" for first, second in pairs)
            said = subprocess.run([program, "predict", "--json", "--pair=true", folder], input=lines, text=True,
                                  capture_output=True, check=True).stdout
            found = [json.loads(line)["prediction"] for line in said.splitlines()]
            difference = max(abs(a - float(b)) for a, b in zip(found, expected, strict=True))
            print(f"{folder}: largest difference {difference:.1e} over {len(pairs)} pairs, scores from {min(found):.3f} to {max(found):.3f}")
            worst = max(worst, difference / max(map(abs, found)))
    sys.exit(worst > 1e-5)


main(sys.argv[1], sys.argv[2:])
