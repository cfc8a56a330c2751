"""A corpus of queries and passages in BEIR's layout, out of sentences that several people translated into one language.

    python tests/python/search_corpus.py OUT TABLE...

Each TABLE is TSV without a header: a sentence, and its translations by four people. A passage is the first translation of a
sentence; a query is the first eight words of the second translation, to which that passage alone is relevant. Of 2,000 queries
1,400 are for training, 200 for validation and 400 for the test. What `docs/results.md` has of `search/` is of such a corpus.
"""

import json
import random
import re
import sys
from pathlib import Path

WORDS, QUERIES, HELD_OUT = 8, 2000, 600


def main(out, tables):
    random.seed(5)
    rows = []
    for table in sorted(tables):
        for line in open(table, encoding="utf-8"):
            texts = [re.sub(r"\s+", " ", part.strip(" .\u200c")) for part in line.rstrip("\n").split("\t")[1:5]]
            if len(texts) == 4 and all(8 <= len(text.split()) <= 40 for text in texts):
                rows.append(texts)
    random.shuffle(rows)
    seen, passages = set(), []
    for texts in rows:
        if not any(text.lower() in seen for text in texts):
            passages.append(texts)
            seen.update(text.lower() for text in texts)
    chosen = list(range(len(passages)))
    random.shuffle(chosen)
    queries = {}
    for number in chosen[:QUERIES]:
        queries.setdefault(" ".join(passages[number][1].split()[:WORDS]), number)
    queries = list(queries.items())
    out = Path(out)
    (out / "qrels").mkdir(parents=True, exist_ok=True)
    line = lambda **values: json.dumps(values, ensure_ascii=False) + "\n"
    (out / "corpus.jsonl").write_text("".join(line(_id=f"p{n}", title="", text=t[0]) for n, t in enumerate(passages)))
    (out / "queries.jsonl").write_text("".join(line(_id=f"q{n}", text=text) for n, (text, _) in enumerate(queries)))
    first = len(queries) - HELD_OUT
    for name, part in (("train", range(first)), ("dev", range(first, first + 200)), ("test", range(first + 200, len(queries)))):
        rows = "".join(f"q{n}\tp{queries[n][1]}\t1\n" for n in part)
        (out / "qrels" / f"{name}.tsv").write_text("query-id\tcorpus-id\tscore\n" + rows)
    print(f"{len(passages)} passages, {len(queries)} queries")


main(sys.argv[1], sys.argv[2:])
