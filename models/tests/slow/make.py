"""Tiny folders with the files of slow tokenizers, and the numbers that transformers gives their texts.

    pip install transformers==5.24.0 tokenizers sentencepiece protobuf
    python models/tests/slow/make.py

Each folder has the files of one class, without `tokenizer.json`. `expected.json` holds, for each folder and each text, the
numbers of its tokens with special tokens around them.
"""

import base64
import contextlib
import io
import json
import shutil
import tempfile
from pathlib import Path

import sentencepiece
from tokenizers import ByteLevelBPETokenizer, Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import AlbertTokenizer, CamembertTokenizer, CLIPTokenizer, GPT2Tokenizer, M2M100Tokenizer
from transformers import MarianTokenizer, MBart50Tokenizer, MBartTokenizer, NllbTokenizer, RobertaTokenizer, T5Tokenizer
from transformers import XLMRobertaTokenizer
from transformers.models.nllb.tokenization_nllb import FAIRSEQ_LANGUAGE_CODES as NLLB_LANGUAGES

HERE = Path(__file__).parent
ENGLISH = ["the cat sat on the mat", "a good film about a cat", "the dog and the cat ran home", "it's 12 o'clock, go home!",
           "a photo of a dog on a mat", "films about dogs are good films", "Café crème at home"] * 4
GERMAN = ["die Katze saß auf der Matte", "ein guter Film über eine Katze", "der Hund und die Katze liefen heim",
          "es ist zwölf Uhr, geh heim!", "ein Bild von einem Hund", "Filme über Hunde sind gute Filme"] * 4
TEXTS = ["the cat sat on the mat", "  A good  film!\n", "Café crème: it's 12 o'clock", "dogs<mask>cats", "", "ﬁlm ½ cat",
         "the </s> end", "zebra 猫 cat", "``home''"]


# A few rules of normalization in place of the usual ones, which take 240 kB: a ligature, a fraction, the wide space.
RULES = "FB01\t66 69\nBD\t31 2044 32\n3000\t20\n"


def spm(lines, path, size, model_type="unigram", **options):
    model = io.BytesIO()
    # The model keeps the path of its rules: one that is the same everywhere.
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        Path("rules.tsv").write_text(RULES)
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=model, vocab_size=size, model_type=model_type,
            hard_vocab_limit=False, minloglevel=2, normalization_rule_tsv="rules.tsv", **options)
    path.write_bytes(model.getvalue())


def folder(name, config):
    place = HERE / name
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    (place / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return place


def main():
    loaded = {}

    place = folder("roberta", {"tokenizer_class": "RobertaTokenizer"})
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(ENGLISH, 340, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    trained.save_model(str(place))
    loaded["roberta"] = RobertaTokenizer.from_pretrained(place)

    place = folder("gpt2", {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True})
    trained = ByteLevelBPETokenizer()
    trained.train_from_iterator(ENGLISH, 330, special_tokens=["<|endoftext|>"])
    trained.save_model(str(place))
    loaded["gpt2"] = GPT2Tokenizer.from_pretrained(place)

    place = folder("clip", {"tokenizer_class": "CLIPTokenizer"})
    clip = Tokenizer(models.BPE(end_of_word_suffix="</w>"))
    clip.normalizer = normalizers.Lowercase()
    clip.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    letters = pre_tokenizers.ByteLevel.alphabet()
    clip.train_from_iterator(ENGLISH, trainers.BpeTrainer(
        vocab_size=640, initial_alphabet=letters, end_of_word_suffix="</w>", show_progress=False))
    made = json.loads(clip.to_str())["model"]
    vocabulary = dict(made["vocab"])
    for letter in letters:
        vocabulary.setdefault(f"{letter}</w>", len(vocabulary))
    for token in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[token] = len(vocabulary)
    (place / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), encoding="utf-8")
    (place / "merges.txt").write_text(
        "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in made["merges"]), encoding="utf-8")
    loaded["clip"] = CLIPTokenizer.from_pretrained(place)

    place = folder("xlm-roberta", {"tokenizer_class": "XLMRobertaTokenizer"})
    spm(ENGLISH, place / "sentencepiece.bpe.model", 90, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
    loaded["xlm-roberta"] = XLMRobertaTokenizer.from_pretrained(place)

    place = folder("camembert", {"tokenizer_class": "CamembertTokenizer"})
    spm(ENGLISH, place / "sentencepiece.bpe.model", 90, unk_id=0, bos_id=1, eos_id=2, pad_id=-1)
    loaded["camembert"] = CamembertTokenizer.from_pretrained(place)

    place = folder("albert", {"tokenizer_class": "AlbertTokenizer"})
    spm(ENGLISH, place / "spiece.model", 90, pad_id=0, unk_id=1, bos_id=-1, eos_id=-1,
        control_symbols=["[CLS]", "[SEP]", "[MASK]"])
    loaded["albert"] = AlbertTokenizer.from_pretrained(place)

    place = folder("t5", {"tokenizer_class": "T5Tokenizer", "extra_ids": 10})
    spm(ENGLISH, place / "spiece.model", 90, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    loaded["t5"] = T5Tokenizer.from_pretrained(place)

    place = folder("marian", {"tokenizer_class": "MarianTokenizer", "source_lang": "en", "target_lang": "de"})
    spm(ENGLISH, place / "source.spm", 90)
    spm(GERMAN, place / "target.spm", 90)
    pieces = {}
    for name in ("source.spm", "target.spm"):
        read = sentencepiece.SentencePieceProcessor(model_file=str(place / name))
        for index in range(3, read.get_piece_size()):
            pieces.setdefault(read.id_to_piece(index), None)
    tokens = ["</s>", "<unk>", *sorted(pieces), ">>de<<", "<pad>"]
    (place / "vocab.json").write_text(
        json.dumps({token: index for index, token in enumerate(tokens)}, ensure_ascii=False), encoding="utf-8")
    loaded["marian"] = MarianTokenizer.from_pretrained(place)

    usual = {"unk_id": 0, "bos_id": 1, "eos_id": 2, "pad_id": -1}
    for name, model_type, tokenizer, config in (
        ("mbart", "unigram", MBartTokenizer, {"src_lang": "de_DE", "tgt_lang": "hi_IN"}),
        ("mbart50", "unigram", MBart50Tokenizer, {"src_lang": "de_DE", "tgt_lang": "hi_IN"}),
        ("nllb", "bpe", NllbTokenizer, {"src_lang": "deu_Latn", "tgt_lang": "hin_Deva"}),
        ("nllb-legacy", "bpe", NllbTokenizer, {"tgt_lang": "hin_Deva", "legacy_behaviour": True}),
    ):
        place = folder(name, {"tokenizer_class": tokenizer.__name__} | config)
        spm(ENGLISH, place / "sentencepiece.bpe.model", 90, model_type, **usual)
        loaded[name] = tokenizer.from_pretrained(place)
        if name.startswith("nllb"):
            # transformers 5.24 leaves the languages out where there is no `tokenizer.json`; published models have them between
            # the pieces and the mask.
            made = json.loads(loaded[name]._tokenizer.to_str())
            pieces = {token: index for token, index in made["model"]["vocab"].items() if token != "<mask>"}
            for token in [*NLLB_LANGUAGES, "<mask>"]:
                pieces[token] = len(pieces)
            loaded[name] = NllbTokenizer(
                vocab=pieces, merges=[tuple(merge) for merge in made["model"]["merges"]],
                _spm_precompiled_charsmap=base64.b64decode(
                    made["normalizer"]["normalizers"][0]["precompiled_charsmap"]), **config)

    for name, model_type in (("m2m_100", "bpe"), ("m2m_100-unigram", "unigram")):
        place = folder(name, {"tokenizer_class": "M2M100Tokenizer", "src_lang": "de", "tgt_lang": "hi"})
        spm(ENGLISH, place / "sentencepiece.bpe.model", 90, model_type, **usual)
        read = sentencepiece.SentencePieceProcessor(model_file=str(place / "sentencepiece.bpe.model"))
        pieces = sorted(read.id_to_piece(index) for index in range(3, read.get_piece_size()))
        # A character that the model does not know may have a number all the same.
        tokens = ["<s>", "<pad>", "</s>", "<unk>", *pieces, "猫"]
        (place / "vocab.json").write_text(
            json.dumps({token: index for index, token in enumerate(tokens)}, ensure_ascii=False), encoding="utf-8")
        loaded[name] = M2M100Tokenizer.from_pretrained(place)

    expected = {}
    for name, tokenizer in loaded.items():
        texts = TEXTS + ([">>de<< the cat sat"] if name == "marian" else [])
        texts += ["a <mask> dog"] if name.startswith(("mbart", "nllb")) else []
        ids = {text: tokenizer(text)["input_ids"] for text in texts}
        expected[name] = {"ids": ids, "pair": tokenizer("the cat", "a dog")["input_ids"]}
        if config := getattr(tokenizer, "tgt_lang", None):
            language = tokenizer.convert_tokens_to_ids(f"__{config}__" if name.startswith("m2m") else config)
            target = {text: tokenizer(text_target=text)["input_ids"] for text in texts}
            expected[name] |= {"target": target, "language": language, "size": len(tokenizer)}
    read = MarianTokenizer.from_pretrained(HERE / "marian", use_source_tokenizer=False)
    written = read(text_target="der Hund und die Katze liefen heim")["input_ids"]
    expected["marian"]["written"] = {"ids": written, "text": read.decode(written, skip_special_tokens=True)}
    (HERE / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


main()
