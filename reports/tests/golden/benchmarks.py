"""What benchmarks of many languages make of made-up predictions with odd Unicode, for the tests of their metrics.

    python reports/tests/golden/benchmarks.py [--xtreme FOLDER]

writes `benchmarks.json` beside itself. Needs seqeval==0.0.12, the series that XTREME's chunk F1 is of. The answers of SQuAD 1.1 and
of MLQA are scored by functions below that were written from their definitions; with `--xtreme`, a checkout of
google-research/xtreme, they and all other values are compared with what its own `evaluate.py` and scripts compute, to the bit.
"""

import argparse
import json
import random
import re
import sys
import types
import unicodedata
from collections import Counter
from pathlib import Path

from seqeval.metrics import f1_score

ARTICLES = {
    "en": "a an the",
    "es": "un una unos unas el la los las",
    "vi": "của là cái chiếc những",
    "de": "ein eine einen einem eines einer der die das den dem des",
}
ASCII = set("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")
WORDS = {
    "en": "the a an theatre Normans 1066 U.S.A. state-of-the-art co-op A The an' in of",
    "es": "el la los las un una unos Elena niño ¿qué? «calle» EL",
    "de": "der die das den dem des ein eine einen Straße GROẞ groß §12 „Hund“",
    "vi": "của là cái chiếc những Hà Nội ĐÂY cuốn nhũ'ng những",
    "hi": "दिल्ली ज़मीन ज़मीन एक।दो १९४७ क्षा मैं की",
    "ar": "القمر والشمس ال بال إلى مصر، كتابٌ ١٩٩٧ ـالـ",
    "zh": "在1997年 北京，上海 東京 㐀 龥 龦 中 国 Ａ１ ·",
}
ODD = ["e\u0301", "\u00e9", "\u0130", "I\u0307", "\u03a3\u03a3", "a\u0301", "the\u0300", "\u200d", "\U0001f469\u200d\U0001f680", "\ufe0f",
       "\u05e9\u05dc\u05d5\u05dd", "\u202ea\u202c", "\u00a0", "\u2028", "\u2029", "\u0085", "\u3000", "\u001c", "\u001f", "\u200b", "\ufeff", "\uff11\uff12",
       "\uff0c", "\u2460", "\u24b6", "\u24d0", "\u2160", "\u00bd", "\u00b2", "\u01c5", "\ufb01", "\u1e9e", "\u0660", "\u0e01\u0e33",
       "a_b", "_the_", "the_", "\u093e", "a\u093e", "\u0903the", "\U0001d400", "\U0001f170", "\U0001f1ee\U0001f1f3", "\u2014", "\u00ab", "\u20ac", "\u00a7", "$a$", "\u180e", "\u2060",
       "\u0345", "\u1fb3", "\U00010400", "\u05f3", "\u06d4", "\u0964"]


def plain(text, punctuation):
    return "".join(letter for letter in text.lower() if letter not in punctuation)


def without(text, words):
    return re.sub(r"\b(?:" + "|".join(words.split()) + r")\b", " ", text) if words else text


class Mlqa:
    """Answers by language: punctuation of Unicode and ASCII's symbols, Arabic's article wherever it stands, Han one by one."""

    punctuation = ASCII | {chr(code) for code in range(sys.maxunicode) if unicodedata.category(chr(code)).startswith("P")}

    def tokens(self, text, language):
        text = plain(text, self.punctuation)
        text = text.replace("ال", " ") if language == "ar" else without(text, ARTICLES.get(language, ""))
        return re.sub("([\u4e00-\u9fa5])", r" \1 ", text).split() if language == "zh" else text.split()


class Squad:
    """Answers in any language as if it were English."""

    def tokens(self, text, _):
        return without(plain(text, ASCII), ARTICLES["en"]).split()


def score(rule, answers, right, language):
    """Shares of answers that equal one of the right ones, and the mean of the best F1 of tokens; None is no answer."""
    exact = overlap = 0.0
    for answer, texts in zip(answers, right):
        if answer is None:
            continue
        own = rule.tokens(answer, language)
        best = [0.0, 0.0]
        for text in texts:
            other = rule.tokens(text, language)
            shared = sum((Counter(own) & Counter(other)).values())
            f1 = 2 * shared / (len(own) + len(other)) if shared else 0.0
            best = [max(best[0], float(own == other)), max(best[1], f1)]
        exact, overlap = exact + best[0], overlap + best[1]
    return exact / len(right), overlap / len(right)


def made_up(generator, language):
    words = WORDS[language].split() + generator.sample(ODD, 12)
    return generator.choice([" ", "", "  "]).join(generator.choices(words, k=generator.randint(0, 6)))


def altered(generator, text, language):
    kind = generator.randrange(6)
    if kind == 0:
        return text
    if kind == 1:
        return text.upper()
    if kind == 2:
        return generator.choice(ARTICLES.get(language, "the").split()) + " " + text + generator.choice(["!", "。", "\u0964", "", "$"])
    if kind == 3:
        return unicodedata.normalize(generator.choice(["NFC", "NFD"]), text)
    if kind == 4:
        return text + generator.choice(ODD)
    return made_up(generator, language)


def questions(generator, language, count=80):
    right = [[made_up(generator, language) for _ in range(generator.randint(1, 3))] for _ in range(count)]
    answers = [altered(generator, generator.choice(texts), language) for texts in right]
    return [None if generator.random() < 0.03 else answer for answer in answers], right


def tags(generator, names, count=60):
    there = [[generator.choice(names) for _ in range(generator.randint(1, 12))] for _ in range(count)]
    found = [[tag if generator.random() < 0.7 else generator.choice(names) for tag in sentence] for sentence in there]
    return found, there


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--xtreme", type=Path)
    own = xtreme(parser.parse_args().xtreme)
    generator = random.Random(7)
    cases = []
    for name, rule, languages in (("squad", Squad(), WORDS), ("mlqa", Mlqa(), WORDS)):
        for language in languages:
            answers, right = questions(generator, language)
            exact, f1 = score(rule, answers, right, language)
            if own:
                data = [{"paragraphs": [{"qas": [{"id": str(place), "answers": [{"text": text} for text in texts]}
                                                 for place, texts in enumerate(right)]}]}]
                given = {str(place): answer for place, answer in enumerate(answers) if answer is not None}
                values = own.squad_em_f1(data, given) if name == "squad" else own.mlqa_em_f1(data, given, language)
                assert abs(values["exact_match"] - 100 * exact) < 1e-9 and abs(values["f1"] - 100 * f1) < 1e-9, (name, language)
            cases.append({"language": language, "answers": answers, "right": right,
                          "values": {f"{name}-exact-match": exact, f"{name}-f1": f1}})
    speech = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X _".split()
    for names in (speech, speech[:4] + ["SYM", "SCONJ"], "O B-PER I-PER B-ORG I-ORG B-LOC I-LOC".split(),
                  "O B-A I-A E-A S-A B-B I-B E-B S-B".split(), ["O"]):
        found, there = tags(generator, names)
        value = f1_score(there, found)
        if own:
            assert own.f1(there, found)["f1"] == 100 * value
        cases.append({"found": found, "there": there, "values": {"chunk-f1": float(value)}})
    Path(__file__).with_name("benchmarks.json").write_text(json.dumps(cases, ensure_ascii=True) + "\n")
    print(len(cases), "cases", "compared with XTREME's own" if own else "")


def xtreme(folder):
    """XTREME's module of scores, without the part of it that needs TensorFlow; none without a checkout."""
    if folder is None:
        return None
    other = types.ModuleType("third_party.utils_mewslix")
    other.evaluate = None
    sys.modules["third_party.utils_mewslix"] = other
    sys.path.insert(0, str(folder))
    sys.stderr = open("/dev/null", "w")
    import evaluate
    return evaluate


if __name__ == "__main__":
    main()
