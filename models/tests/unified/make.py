"""Texts of Indic scripts in Devanagari, as the Indic NLP Library writes them.

    pip install indic-nlp-library==0.92 transformers==5.24.0 tokenizers
    python models/tests/unified/make.py

100,000 texts are drawn by a generator that `models/tests/unified.rs` has too, and written in Devanagari by
`UnicodeIndicTransliterator`, script by script. `expected.json` holds the number of texts, the seed, the CRC-32 of all texts and that
of all that is expected, each text ended by a line feed, and the first texts in full, for a reader.

`unigram` and `word-piece` are folders of tiny tokenizers, and `unigram-unified` and `word-piece-unified` the same with a rule for each
character of Devanagari in front of the normalizer. `ids` holds the numbers that transformers gives texts by the latter.
"""

import json
import zlib
from pathlib import Path

from indicnlp.transliterate.unicode_transliterate import UnicodeIndicTransliterator
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer

HERE = Path(__file__).parent
COUNT, SEED, SHOWN = 100_000, 20_220_803, 24
LANGUAGES = ["bn", "pa", "gu", "or", "ta", "te", "kn", "ml"]
# Ranges that characters are drawn of, first and last: all Indic blocks with Devanagari and Sinhala, Latin, combining marks, Arabic,
# Vedic and further Devanagari, Ol Chiki, Meitei, punctuation, joiners, what lies beyond the first plane.
RANGES = [(0x0900, 0x0DFF), (0x0900, 0x0DFF), (0x0980, 0x0D7F), (0x0020, 0x007E), (0x00A0, 0x024F), (0x0300, 0x036F),
          (0x0600, 0x06FF), (0x0964, 0x0965), (0x1CD0, 0x1CFF), (0x1C50, 0x1C7F), (0xABC0, 0xABFF), (0xA8E0, 0xA8FF),
          (0x2000, 0x206F), (0x200C, 0x200D), (0x11480, 0x114DF), (0x1F300, 0x1F3FF)]


class Generator:
    """Knuth's linear congruential generator of 64 bits, of whose states the upper 32 are taken."""

    def __init__(self, seed):
        self.state = seed

    def below(self, bound):
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 32) % bound


def text(generator):
    characters = []
    for _ in range(1 + generator.below(24)):
        first, last = RANGES[generator.below(len(RANGES))]
        characters.append(chr(first + generator.below(last - first + 1)))
    return "".join(characters)


def unified(text):
    for language in LANGUAGES:
        text = UnicodeIndicTransliterator.transliterate(text, language, "hi")
    return text


generator = Generator(SEED)
texts = [text(generator) for _ in range(COUNT)]
expected = [unified(text) for text in texts]


def checksum(lines):
    return zlib.crc32("".join(line + "\n" for line in lines).encode())


# Tokenizers.
BLOCKS = [0x0980, 0x0A00, 0x0A80, 0x0B00, 0x0B80, 0x0C00, 0x0C80, 0x0D00]
CORPUS = ["नमक का घर और आम का पेड़", "घर में आम और नमक", "पेड़ पर आम है", "कमल और नमक", "the house and the mango tree", "salt in the house",
          "a lotus and salt", "ಮನೆ ನಮಕ", "আম ঘর"] * 4
READ = ["ನಮಕ ಘರ", "আম কা পেড়", "নমক é ঘর।", "தமிழ் நமக", "ਆਮ ਦਾ ਘਰ, the house", "નમક\u0301 ঘર  ఘర", "नमक का घर", "ଘର", "കമല",
        "اردو ನಮಕ ꯃꯤ", ""]
SPECIAL = {"unigram": ["<s>", "<pad>", "</s>", "<unk>", "<mask>"], "word-piece": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]}


def trained(kind):
    special = SPECIAL[kind]
    if kind == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        tokenizer.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=90, special_tokens=special, unk_token="<unk>")
        first, last = "<s>", "</s>"
    else:
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=130, special_tokens=special)
        first, last = "[CLS]", "[SEP]"
    tokenizer.train_from_iterator(CORPUS, trainer)
    around = [(token, tokenizer.token_to_id(token)) for token in (first, last)]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}", pair=f"{first} $A {last} $B:1 {last}:1", special_tokens=around)
    return json.loads(tokenizer.to_str())


def write(folder, tokenizer, config):
    folder.mkdir(exist_ok=True)
    for name, value in [("tokenizer.json", tokenizer), ("tokenizer_config.json", config)]:
        (folder / name).write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def rules():
    for offset in range(0x70):
        letters = "".join(chr(block + offset) for block in BLOCKS)
        yield {"type": "Replace", "pattern": {"Regex": f"[{letters}]"}, "content": chr(0x0900 + offset)}


ids = {}
for kind, special in SPECIAL.items():
    tokenizer = trained(kind)
    keys = ["bos_token", "pad_token", "eos_token", "unk_token", "mask_token"] if kind == "unigram" else [
        "pad_token", "unk_token", "cls_token", "sep_token", "mask_token"]
    config = dict(zip(keys, special)) | {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 64}
    if kind == "word-piece":
        config["model_input_names"] = ["input_ids", "token_type_ids", "attention_mask"]
    write(HERE / kind, tokenizer, config)
    first = {"type": "Sequence", "normalizers": list(rules())}
    tokenizer["normalizer"] = {"type": "Sequence", "normalizers": [first, tokenizer["normalizer"]]}
    write(HERE / f"{kind}-unified", tokenizer, config)
    plain = AutoTokenizer.from_pretrained(HERE / kind)
    loaded = AutoTokenizer.from_pretrained(HERE / f"{kind}-unified")
    ids[kind] = {text: loaded(text).input_ids for text in READ}
    for text in READ:
        assert ids[kind][text] == plain(unified(text)).input_ids, text
        assert loaded(text, READ[0]).input_ids == plain(unified(text), unified(READ[0])).input_ids, text

result = {
    "texts": COUNT,
    "seed": SEED,
    "checksum-of-texts": checksum(texts),
    "checksum-of-expected": checksum(expected),
    "ids": ids,
    "shown": [[one, other] for one, other in zip(texts[:SHOWN], expected[:SHOWN])],
}
(HERE / "expected.json").write_text(json.dumps(result, ensure_ascii=True, indent=1) + "\n")
