"""Tiny folders of static embeddings, as model2vec and sentence-transformers write them, and the vectors that each gives its texts.

    pip install model2vec==0.10.0 sentence-transformers==6.2.0 tokenizers
    python models/tests/static/make.py

`expected.json` holds, for each folder, the vector of each text.
"""

import json
import shutil
from pathlib import Path

import numpy
from model2vec import StaticModel
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).parent
CORPUS = ["the cat sat on the mat", "a good film about a cat", "the dog and the cat ran home", "no plot at all"] * 4
TEXTS = ["the cat sat on the mat", "A  good film!", "", "   ", "zebra 猫 cat", "naïve café", "plot\u200bless ½"]
WIDTH, ROWS = 8, 20

words = Tokenizer(models.WordPiece(unk_token="[UNK]"))
words.normalizer = normalizers.BertNormalizer()
words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
words.decoder = decoders.WordPiece()
words.train_from_iterator(CORPUS, trainers.WordPieceTrainer(vocab_size=60, special_tokens=["[PAD]", "[UNK]"], show_progress=False))
size = words.get_vocab_size()
random = numpy.random.default_rng(1)
table = random.normal(size=(size, WIDTH)).astype("float32")
config = {"model_type": "model2vec", "architectures": ["StaticModel"], "hidden_dim": WIDTH}


def folder(name):
    shutil.rmtree(HERE / name, ignore_errors=True)
    return str(HERE / name)


def model2vec(name, embeddings, **options):
    model = StaticModel(embeddings, words, config=dict(config), **options)
    model.save_pretrained(folder(name))
    # As it is read again: weights of half precision and the like have gone through the file.
    return StaticModel.from_pretrained(str(HERE / name)).encode(TEXTS)


def sentence_transformers(name, modules):
    SentenceTransformer(modules=modules).save(folder(name))
    return SentenceTransformer(str(HERE / name)).encode(TEXTS)


own = StaticEmbedding(words, embedding_weights=table)
expected = {
    "model2vec": model2vec("model2vec", table, normalize=True),
    "half": model2vec("half", table.astype("float16"), normalize=False),
    "int8": model2vec("int8", numpy.round(table / abs(table).max() * 127).astype("int8"), normalize=True),
    "mapped": model2vec("mapped", table[:ROWS], normalize=False, weights=random.random(size).astype("float32"),
                        token_mapping=random.integers(0, ROWS, size)),
    "sentence": sentence_transformers("sentence", [own]),
    "normalised": sentence_transformers("normalised", [own, Normalize()]),
}
for name in expected:
    for part in HERE.joinpath(name).iterdir():
        if part.name == "README.md":
            part.unlink()
        # A module without files.
        if part.is_dir() and not any(part.iterdir()):
            part.rmdir()
rows = {name: [[float(number) for number in row] for row in vectors] for name, vectors in expected.items()}
(HERE / "expected.json").write_text(json.dumps({"texts": TEXTS, "vectors": rows}, ensure_ascii=False) + "\n")
