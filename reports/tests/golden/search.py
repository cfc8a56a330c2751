"""What pytrec_eval makes of rankings and grades, for the tests of the metrics of search, and bm25s of words, for BM25.

    python reports/tests/golden/search.py

writes `search.json` beside itself, and prints the scores that the test of `data/src/bm25.rs` holds. Needs pytrec_eval (or
pytrec-eval-terrier) and bm25s.
"""

import json
import random
from pathlib import Path

import bm25s
import pytrec_eval

random.seed(11)
cases = []
for grades, passages, found in (([0, 1], 40, 40), ([0, 1, 2, 3], 300, 150), ([0, 1, 2], 12, 5)):
    qrels, run, rankings, relevance = {}, {}, [], []
    for query in range(50):
        judged = random.sample(range(passages), min(passages, random.randint(1, 12)))
        own = {place: random.choice(grades) for place in judged}
        own[judged[0]] = max(grades)
        # Scores without ties: how equal ones are ordered is another question.
        results = random.sample(range(passages), random.randint(0, found))
        qrels[f"q{query}"] = {f"d{place}": grade for place, grade in own.items()}
        run[f"q{query}"] = {f"d{place}": float(len(results) - rank) for rank, place in enumerate(results)}
        rankings.append(results)
        relevance.append(sorted(own.items()))
    cut = {query: dict(sorted(own.items(), key=lambda pair: -pair[1])[:10]) for query, own in run.items()}
    measures = {"ndcg_cut.10", "recall.100"}
    by_query = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    first_ten = pytrec_eval.RelevanceEvaluator(qrels, {"recip_rank"}).evaluate(cut)
    # A query without a result is left out there, and counts 0 in BEIR's means as here.
    mean = lambda values: sum(values) / len(qrels)
    cases.append({"rankings": rankings, "relevance": relevance, "values": {
        "ndcg-at-10": mean([own["ndcg_cut_10"] for own in by_query.values()]),
        "recall-at-100": mean([own["recall_100"] for own in by_query.values()]),
        "mrr-at-10": mean([own["recip_rank"] for own in first_ten.values()]),
    }})

(Path(__file__).parent / "search.json").write_text(json.dumps(cases) + "\n")
print(len(cases), "cases")

PASSAGES = ["the cat sat on the mat", "a dog and a cat", "dogs chase the ball across the wide green field", "ball"]
index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
index.index([passage.split() for passage in PASSAGES], show_progress=False)
for query in ("the cat", "ball ball field"):
    print(query, [float(score) for score in index.get_scores(query.split())])
