"""What sacrebleu and pycocoevalcap make of written texts and their references, for the tests of the metrics.

    python reports/tests/golden/writing.py

writes `writing.json` beside itself: 485 made-up pairs, in sets of one language each. Needs
`sacrebleu==2.6.0 pycocoevalcap==1.2` and Java (17), with which pycocoevalcap runs Stanford's tokenizer and METEOR 1.5. METEOR is run with exact matches and stems alone, over tokens as they are.
"""

import contextlib
import io
import json
import random
import subprocess
import unicodedata
from pathlib import Path

import pycocoevalcap.bleu.bleu
import pycocoevalcap.cider.cider
import pycocoevalcap.rouge.rouge
import pycocoevalcap.tokenizer.ptbtokenizer as ptb
import sacrebleu

random.seed(11)

ENGLISH = """a the man woman dog cats horse riding rides ridden street beach, red blue, small big; on in with of near under children's isn't
doesn't they're 1,000 2.5 10:30 $5 50% U.S. Mr. half-eaten t-shirt state-of-the-art and/or "sign" (left) photo photos photograph running
runs ran quickly happily happiness playing plays played to is are was — café naïve don’t it's 2nd 1/2 & ... ! ? p.m. up-to-date""".split()
HINDI = "एक लाल नीला वृत्त वर्ग तारा के बाईं ओर है। हैं। यहाँ और, कुत्ता बिल्ली सड़क पर १२३ 1,234 हाँ! क्या?".split()
JAPANESE = list("赤い円と青正方形の上下左右にあります、。犬猫が走る東京タワー写真12") + ["ABC", "3.5", "（", "）", "・"]
CHINESE = list("红圆形蓝色正方在左边上面有狗猫街道，。的和一个两") + ["1,000", "(b)", "A-1", "—", "→", "…"]
RUSSIAN = "собака, кошка на улице! красный круг и синий квадрат под 1,5 «дом» — это №5 2020".split()


def text(words, joint=" "):
    return joint.join(random.choice(words) for _ in range(random.randint(1, 14)))


def changed(sentence, words, joint):
    """The same with a few words replaced, left out, repeated or moved."""
    parts = sentence.split(joint) if joint else list(sentence)
    for _ in range(random.randint(0, 4)):
        at = random.randrange(len(parts) + 1)
        what = random.random()
        if what < 0.3:
            parts[at:at] = [random.choice(words)]
        elif what < 0.5 and len(parts) > 1:
            del parts[at % len(parts)]
        elif what < 0.7 and parts:
            parts[at % len(parts)] = random.choice(words)
        elif what < 0.85 and parts:
            parts.insert(at, parts[at % len(parts)])
        else:
            parts[at:] = parts[at:][::-1]
    return joint.join(parts)


def pairs(words, count, joint=" ", references=1):
    made = []
    for _ in range(count):
        base = text(words, joint)
        made.append((changed(base, words, joint), [changed(base, words, joint) or "x" for _ in range(references)]))
    return made


CORNERS = [
    ("", ["a cat"]), ("a", ["a"]), ("a b", ["a b"]), ("a b c", ["a b c"]), ("a b c d", ["a b c d"]), ("x y z", ["a b c d e"]),
    ("cat", ["the cat sat on the mat", "a"]), ("the the the the", ["the cat", "the the"]), ("a b c d e", ["a b c d", "a b c d e f"]),
    ("a  b\u00a0c\u3000d\u2003e", ["a b c d e"]), ("1,000.5 points.", ["1,000.5 points ."]), ("e.g., 3.5-4", ["e.g. 3.5 - 4"]),
    ("&quot;A&amp;B&lt;", ['"A&B<']), ("<skipped>a b", ["a b"]), ("A CAT", ["a cat"]), ("cafe\u0301", ["caf\u00e9"]),
    ("赤い円", ["赤い円があります。"]), ("एक वृत्त है।", ["एक वृत्त"]), ("...", ["a ..."]), ("a\tb", ["a b"]), ("(a) [b] {c}", ["a b c"]),
    ("don't", ["do not", "don't"]), ("runs", ["running", "run"]), ("running running run", ["run running runs"]),
    ("the the cats cat", ["cat the cats the"]), ("of the a to", ["to a the of"]), ("emoji 😀 here", ["emoji here"]),
    ("a b c d e f g h i j", ["j i h g f e d c b a"]), ("to be or not to be to be or not", ["not to be or to be or not to be"]),
    ("3 1/2 cups", ["3 1/2 cups of"]), ("$3.50, 10%", ["$ 3.50 10 %"]), ("—a – b", ["a — b"]), ("\u200ba b", ["a b"]),
    ("don't.Stop!no", ["don't . Stop ! no"]), ("it 's John's", ["it's John 's"]), ("-5 -- 5-10", ["- 5 – 5 - 10"]),
    ("a.b.c U.S.A. p.m.", ["a b c USA pm"]), ("“x” ‘y’", ['"x" "y"']), ("A\x1cB", ["A B"]), ("a b ", [" a b"]),
]

SETS = {
    "en": pairs(ENGLISH, 220),
    "en-several": pairs(ENGLISH, 60, references=4),
    "corners": CORNERS,
    "corners-several": [(out, refs + ["", "a dog"]) for out, refs in CORNERS],
    "hi": pairs(HINDI, 40, references=2),
    "ja": pairs(JAPANESE, 30, "", 2),
    "zh": pairs(CHINESE, 30, "", 2),
    "ru": pairs(RUSSIAN, 20),
    "nothing": [("x y", ["a b c"]), ("", ["d"])],
    "short": [("a b c", ["a b c"]), ("d", ["d e"])],
    "one": [("a red circle is here", ["a red circle is there", "here is a red circle"])],
}


def tokenized(texts):
    """Tokens of captions as pycocoevalcap makes them, blank by blank."""
    command = ["java", "-Dfile.encoding=UTF-8", "-cp", ptb.STANFORD_CORENLP_3_4_1_JAR, "edu.stanford.nlp.process.PTBTokenizer",
               "-preserveLines", "-lowerCase"]
    # Characters that end a line in Java.
    lines = "".join(line.translate({code: " " for code in (0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029)}) + "\n" for line in texts)
    run = subprocess.run(command, input=lines.encode(), capture_output=True, cwd=Path(ptb.__file__).parent, check=True)
    found = run.stdout.decode().split("\n")[:len(texts)]
    assert len(found) == len(texts)
    return [" ".join(word for word in line.rstrip().split(" ") if word not in ptb.PUNCTUATIONS) for line in found]


def meteor(outputs, references):
    jar = Path(ptb.__file__).parent.parent / "meteor" / "meteor-1.5.jar"
    command = ["java", "-Dfile.encoding=UTF-8", "-Xmx2G", "-jar", str(jar), "-", "-", "-stdio", "-l", "en", "-m", "exact stem"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)

    def ask(line):
        process.stdin.write((line + "\n").encode())
        process.stdin.flush()
        return process.stdout.readline().decode().strip()

    statistics = [ask(" ||| ".join(["SCORE", *own, output])) for output, own in zip(outputs, references)]
    scores = [float(ask("EVAL ||| " + " ||| ".join(statistics)))]
    for _ in statistics:
        scores.append(float(process.stdout.readline()))
    process.stdin.close()
    process.wait()
    return scores[-1], scores[:-1]


def filled(references):
    return [own for own in references if own]


cases = []
for name, made in SETS.items():
    outputs = [out for out, _ in made]
    references = [filled(refs) for _, refs in made]
    most = max(map(len, references))
    columns = [[own[at] if at < len(own) else None for own in references] for at in range(most)]
    values, single = {}, {}
    for tokenizer in ("13a", "zh", "char", "intl", "none"):
        bleu = sacrebleu.BLEU(tokenize=tokenizer)
        values[f"bleu-{tokenizer}"] = bleu.corpus_score(outputs, columns).score / 100
        sentence = sacrebleu.BLEU(tokenize=tokenizer, effective_order=True)
        single[f"bleu-{tokenizer}"] = [sentence.sentence_score(o, r).score / 100 for o, r in zip(outputs, references)]
    for metric, order in (("chrf", 0), ("chrf++", 2)):
        chrf = sacrebleu.CHRF(word_order=order)
        values[metric] = chrf.corpus_score(outputs, columns).score / 100
        single[metric] = [chrf.sentence_score(o, r).score / 100 for o, r in zip(outputs, references)]
    flat = iter(tokenized(outputs + [own for refs in references for own in refs]))
    results = {at: [next(flat)] for at in range(len(outputs))}
    truths = {at: [next(flat) for _ in refs] for at, refs in enumerate(references)}
    with contextlib.redirect_stdout(io.StringIO()):
        values["bleu-4"] = pycocoevalcap.bleu.bleu.Bleu(4).compute_score(truths, results)[0][3]
    for metric, scorer in (("rouge-l", pycocoevalcap.rouge.rouge.Rouge()), ("cider-d", pycocoevalcap.cider.cider.Cider())):
        value, each = scorer.compute_score(truths, results)
        values[metric], single[metric] = float(value), [float(own) for own in each]
    # METEOR wants words of a reference.
    known = [at for at in results if all(truths[at])]
    value, each = meteor([results[at][0] for at in known], [truths[at] for at in known])
    single["meteor"] = [None] * len(outputs)
    for at, own in zip(known, each):
        single["meteor"][at] = own
    if len(known) == len(outputs):
        values["meteor"] = value

    def normal(own):
        lower = unicodedata.normalize("NFC", unicodedata.normalize("NFC", own).lower())
        return " ".join(lower.split())

    values["text-exact-match"] = sum(any(normal(out) == normal(own) for own in refs) for out, refs in zip(outputs, references)) / len(made)
    cases.append({"name": name, "outputs": outputs, "references": [refs for _, refs in made],
                  "tokens": [results[at][0] for at in results], "values": values, "single": single})

(Path(__file__).parent / "writing.json").write_text(json.dumps(cases, ensure_ascii=False) + "\n")
print(sum(len(case["outputs"]) for case in cases), "pairs in", len(cases), "sets")
