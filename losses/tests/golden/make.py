"""Values and gradients of every layer-wise loss term, computed by PyTorch in double precision.

    python losses/tests/golden/make.py

writes `cases.json`,
`{student,peer,asked,found,matched,paired,beside,triples,scored,vectors,listed,tagged,contrasted,chooser,teacher,elder,vectors-of-teacher,judge,tagger,clip}.safetensors`
and `expected.safetensors` beside itself. Needs torch and safetensors. The formulas are written from the papers, with the names of
`alambic explain stage.*.loss`; nothing of Alambic takes part.
"""

import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file

HERE = Path(__file__).parent
BATCH, LENGTH, HEADS, CLASSES = 4, 5, 3, 3
IMAGE_LENGTH = 4
IMAGE_MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 0, 0, 0, 0]])
LABELS = torch.tensor([2, 0, 1, 1])
NUMBERS = torch.tensor([0.5, 2.0, -1.0, 3.5], dtype=torch.float64)

torch.manual_seed(3)
torch.set_default_dtype(torch.float64)


def network(layers, width):
    """A made-up trace: nothing here depends on what a network would compute."""
    trace = {f"hidden.{i}": torch.randn(BATCH, LENGTH, width) for i in range(layers + 1)}
    for i in range(layers):
        for kind in ("queries", "keys", "values"):
            trace[f"{kind}.{i}"] = 2 * torch.randn(BATCH, LENGTH, width)
        trace[f"scores.{i}"] = 3 * torch.randn(BATCH, HEADS, LENGTH, LENGTH)
    trace["pooled"] = torch.tanh(torch.randn(BATCH, width))
    trace["logits"] = 2 * torch.randn(BATCH, CLASSES)
    # What is stored is single precision; the reference starts from the same numbers.
    return {name: tensor.float().double() for name, tensor in trace.items()}


STUDENT, PEER, TEACHER = network(2, 6), network(2, 12), network(4, 12)
for part, tensors in (("student", STUDENT), ("peer", PEER)):
    for term, inputs in (("hidden.projection", 6), ("hidden.projection.1", 6), ("hidden.projection.2", 6),
                         ("embedding.projection", 6), ("contrastive.projection", 6)):
        if part == "student":
            tensors[f"{term}.weight"] = torch.randn(12, inputs).float().double()
            tensors[f"{term}.bias"] = torch.randn(12).float().double()


def towers(trace, layers, width):
    """Queries and keys of a text and of an image, in two streams."""
    for stream, length in (("text", LENGTH), ("image", IMAGE_LENGTH)):
        for i in range(layers):
            for kind in ("queries", "keys"):
                trace[f"{stream}.{kind}.{i}"] = (2 * torch.randn(BATCH, length, width)).float().double()


for tensors, layers, width in ((STUDENT, 2, 6), (TEACHER, 4, 12)):
    towers(tensors, layers, width)
SCORES = torch.rand(BATCH, CLASSES).float().double()
ASKED = {"logits": (2 * torch.randn(BATCH, CLASSES)).float().double().requires_grad_()}
# A detector's cells, a few of which have an object, and whether texts and images belong together.
CELLS, TAGS = 6, 4
CELL_LABELS = torch.tensor([[-1, 2, -1, -1, 0, -1], [-1] * 6, [3, 3, -1, -1, -1, 1], [-1, -1, -1, 2, -1, -1]])
HERE_IS = CELL_LABELS >= 0
BOXES = torch.randn(BATCH, CELLS, 4).float().double()
FOUND = {name: (2 * torch.randn(BATCH, CELLS, *shape)).float().double().requires_grad_()
         for name, shape in (("objectness", ()), ("boxes", (4,)), ("logits", (TAGS,)))}
OWN = torch.arange(BATCH)
RELATIONS = torch.tensor([0, 2, 1, 0])
MATCHED = {"relation": (2 * torch.randn(BATCH, 3)).float().double().requires_grad_()}
# Two models that embed texts and images and hold every image against every text.
PAIRED, ELDER = ({
    **{f"{stream}.embedding": F.normalize(torch.randn(BATCH, width), dim=-1).float().double() for stream in ("text", "image")},
    "logits": (3 * torch.randn(BATCH, BATCH)).float().double(),
} for width in (6, 12))
PAIRED |= {"representation.text.projection.weight": torch.randn(12, 6).float().double(),
           "representation.text.projection.bias": torch.randn(12).float().double()}
for tensors in (STUDENT, PEER, PAIRED):
    for tensor in tensors.values():
        tensor.requires_grad_()

KEPT = MASK.double()


def project(states, name):
    return states @ STUDENT[f"{name}.weight"].T + STUDENT[f"{name}.bias"]


def over_tokens(rows):
    return (rows * KEPT).sum() / KEPT.sum()


def squares(a, b):
    return ((a - b) ** 2).mean(-1)


def cosines(a, b):
    return 1 - F.cosine_similarity(a, b, dim=-1, eps=1e-30)


def scores_error(a, b, zero):
    error = (a - b) ** 2
    key, query = KEPT[:, None, None, :], KEPT[:, None, :, None]
    if zero:
        return (error * key).mean()
    return (error * key * query).sum() / ((key * query).expand_as(error)).sum()


def distribution(scores):
    return scores.masked_fill(MASK[:, None, None, :] == 0, -torch.inf).log_softmax(-1)


def divergence(log_p, log_q):
    """KL(p || q) over the last dimension; what has no probability under p counts nothing."""
    p = log_p.exp()
    return torch.where(p > 0, p * (log_p.nan_to_num(neginf=0) - log_q.nan_to_num(neginf=0)), 0.0).sum(-1)


def attention_loss(a, b):
    kl = divergence(distribution(b), distribution(a))  # [batch, heads, queries]
    weight = KEPT[:, None, :].expand_as(kl)
    return (kl * weight).sum() / weight.sum()


def relation(x, y, heads):
    batch, length, width = x.shape
    cut = lambda t: t.reshape(batch, length, heads, width // heads).transpose(1, 2)
    return distribution(cut(x) @ cut(y).transpose(-1, -2) / math.sqrt(width // heads))


def relations_loss(student, teacher, own, other, kinds, heads):
    total = 0
    for left, right in kinds:
        a = relation(student[f"{left}.{own}"], student[f"{right}.{own}"], heads)
        b = relation(teacher[f"{left}.{other}"], teacher[f"{right}.{other}"], heads)
        kl = divergence(b, a)  # [batch, heads, length]
        per_text = (kl * KEPT[:, None, :]).sum((1, 2)) / (heads * KEPT.sum(1))
        total = total + per_text.mean()
    return total / len(kinds)


def across(own, other, part, masked=False):
    """The student's block of queries and keys against the teacher's, normalised within the block."""
    masks = {"text": MASK, "image": IMAGE_MASK}
    ends = {"whole": (("text", "image"),) * 2}.get(part, tuple((stream,) for stream in part.split("-to-")))
    query_mask, key_mask = (torch.cat([masks[stream] for stream in end], 1) for end in ends)

    def log_distribution(trace, layer):
        cut = lambda kind, end: torch.cat([trace[f"{stream}.{kind}.{layer}"] for stream in end], 1)
        heads = lambda t: t.reshape(BATCH, t.shape[1], HEADS, -1).transpose(1, 2)
        queries, keys = heads(cut("queries", ends[0])), heads(cut("keys", ends[1]))
        scores = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
        return scores.masked_fill(key_mask[:, None, None, :] == 0, -torch.inf).log_softmax(-1)

    kl = divergence(log_distribution(TEACHER, other), log_distribution(STUDENT, own))
    if not masked:
        return kl.mean()
    weight = query_mask.double()[:, None, :].expand_as(kl)
    return (kl * weight).sum() / weight.sum()


def first(states):
    return states[:, 0]


def mean_state(states):
    return (states * KEPT[..., None]).sum(1) / KEPT.sum(1, keepdim=True)


def pairwise(f):
    d = torch.cdist(f, f)
    off = ~torch.eye(len(f), dtype=torch.bool)
    d = torch.where(off, ((f[:, None] - f[None]) ** 2).sum(-1) + torch.eye(len(f)), 1.0).sqrt() * off
    return d / d[off].mean()


def triangle(f):
    e = F.normalize(f[None] - f[:, None], dim=2)
    return e @ e.transpose(1, 2)


def gram_rows(f):
    return F.normalize(f @ f.T, dim=1)


def alignment(a, b):
    a, b = a - a.mean(0), b - b.mean(0)
    norm = torch.linalg.matrix_norm
    return 1 - norm(a.T @ b) ** 2 / (norm(a.T @ a) * norm(b.T @ b))


def contrast(a, b, temperature):
    scores = F.normalize(a, dim=1) @ F.normalize(b, dim=1).T / temperature
    own = torch.arange(len(a))
    return (F.cross_entropy(scores, own) + F.cross_entropy(scores.T, own)) / 2


def decoupled(z, t, alpha, beta, temperature):
    z, t = z / temperature, t / temperature
    own = F.one_hot(LABELS, CLASSES).bool()
    two = lambda logits: torch.stack(((logits.softmax(1) * own).sum(1), (logits.softmax(1) * ~own).sum(1)), 1)
    target = (two(t) * (two(t).log() - two(z).log())).sum(1)
    rest = lambda logits: logits[~own].reshape(len(logits), -1).log_softmax(1)
    others = (rest(t).exp() * (rest(t) - rest(z))).sum(1)
    return temperature**2 * (alpha * target + beta * others).mean()


def energy(a, b):
    q = lambda h: F.normalize((h**2).sum(-1) * KEPT, dim=1)
    return ((q(a) - q(b)) ** 2).sum(1).mean()


def patient(layers, texts):
    total = sum(((F.normalize(first(PEER[f"hidden.{own}"]), dim=1) - F.normalize(first(TEACHER[f"hidden.{other}"]), dim=1)) ** 2).sum()
                for own, other in layers)
    return total / (BATCH if texts else BATCH * 12 * len(layers))


S, P, T = STUDENT, PEER, TEACHER
Z, Y = S["logits"], T["logits"]
kl = lambda z, t, T_: (t / T_).softmax(1) * ((t / T_).log_softmax(1) - (z / T_).log_softmax(1))
middle = lambda z, t: ((z.softmax(1) + t.softmax(1)) / 2).log()

# Name, loss, options, whose trace, value.
# Sentences and what says the same: the first and the third sentence are alike, so are the translations of the second and
# the fourth, and what is said of the third is the second sentence.
BESIDE = {"embedding": torch.randn(2 * BATCH, 6).float().double().requires_grad_()}
TEXTS = torch.tensor([0, 1, 0, 2, 3, 4, 1, 4])


def ranking(scores):
    """Cross-entropy of the diagonal, without what is no negative."""
    sides = (TEXTS[:BATCH], TEXTS[BATCH:])
    alike = sum(one[:, None] == other[None, :] for one in sides for other in sides) > 0
    alike &= ~torch.eye(BATCH, dtype=torch.bool)
    return F.cross_entropy(scores.masked_fill(alike, -torch.inf), torch.arange(BATCH))


def alike(scale):
    sides = F.normalize(BESIDE["embedding"], dim=1)
    return scale * sides[:BATCH] @ sides[BATCH:].T


# Triples, pairs with scores, and the vectors of a teacher as wide as the student's; two of the negatives are texts of other pairs.
TRIPLES = {"embedding": torch.randn(3 * BATCH, 6).float().double().requires_grad_()}
TRIPLE_TEXTS = torch.tensor([[0, 1, 2, 3], [4, 5, 6, 7], [8, 5, 2, 9]])
SCORED = {"embedding": torch.randn(2 * BATCH, 6).float().double().requires_grad_()}
PAIR_SCORES = torch.tensor([0.2, 1.0, 0.2, 0.7])
VECTORS = {"embedding": torch.randn(BATCH, 6).float().double().requires_grad_()}
VECTORS_OF_TEACHER = {"embedding": F.normalize(torch.randn(BATCH, 6), dim=1).float().double()}


def triples(scale, width=6):
    """Scores of sentences with all positives and negatives, but for what says the same as their own pair."""
    sides = F.normalize(TRIPLES["embedding"][:, :width], dim=1)
    own = TRIPLE_TEXTS[:2]
    alike = (TRIPLE_TEXTS[2][None, :] == own[0][:, None]) | (TRIPLE_TEXTS[2][None, :] == own[1][:, None])
    scores = scale * sides[:BATCH] @ sides[BATCH:].T
    return scores.masked_fill(torch.cat([torch.zeros_like(alike), alike], 1), -torch.inf)


def pair_cosines(width=6):
    return F.cosine_similarity(SCORED["embedding"][:BATCH, :width], SCORED["embedding"][BATCH:, :width])


def cosent(width=6, scale=20):
    cosines, lower = scale * pair_cosines(width), PAIR_SCORES[:, None] < PAIR_SCORES[None, :]
    return (1 + (cosines[:, None] - cosines[None, :]).exp()[lower].sum()).log()


def truncated(vectors, width):
    """As the class MatryoshkaLoss of sentence-transformers cuts a student's vectors."""
    return F.normalize(vectors[:, :width], dim=1)


def in_batch(width, temperature):
    scores = truncated(VECTORS["embedding"], width) @ truncated(VECTORS_OF_TEACHER["embedding"], width).T / temperature
    return (F.cross_entropy(scores, OWN) + F.cross_entropy(scores.T, OWN)) / 2


CASES = [
    ("hidden", "hidden", [], "student",
     sum(over_tokens(squares(project(S[f"hidden.{m}"], "hidden.projection"), T[f"hidden.{2 * m}"])) for m in (1, 2))),
    ("hidden as published", "hidden", ["embeddings=true", 'count="all"'], "student",
     sum(squares(project(S[f"hidden.{m}"], "hidden.projection"), T[f"hidden.{2 * m}"]).mean() for m in (0, 1, 2))),
    ("hidden per layer", "hidden", ['projection="per-layer"', "map=[[1, 1], [2, 3]]"], "student",
     sum(over_tokens(squares(project(S[f"hidden.{m}"], f"hidden.projection.{m}"), T[f"hidden.{n}"])) for m, n in ((1, 1), (2, 3)))),
    ("hidden cosine", "hidden", ['projection="none"', 'map="last"', 'comparison="cosine"'], "peer",
     over_tokens(cosines(P["hidden.2"], T["hidden.4"]))),
    ("embedding", "embedding", [], "student",
     over_tokens(squares(project(S["hidden.0"], "embedding.projection"), T["hidden.0"]))),
    ("attention-scores", "attention-scores", [], "student",
     sum(scores_error(S[f"scores.{m}"], T[f"scores.{2 * m + 1}"], False) for m in (0, 1))),
    ("attention-scores as published", "attention-scores", ['padding="zero"', 'map="top"'], "student",
     sum(scores_error(S[f"scores.{m}"], T[f"scores.{m + 2}"], True) for m in (0, 1))),
    ("attention-scores of mean heads", "attention-scores", ['heads="mean"', 'map="bottom"'], "student",
     sum(scores_error(S[f"scores.{m}"].mean(1, keepdim=True), T[f"scores.{m}"].mean(1, keepdim=True), False) for m in (0, 1))),
    ("attention", "attention", [], "student", attention_loss(S["scores.1"], T["scores.3"])),
    ("attention of all layers", "attention", ['map="uniform"'], "student",
     sum(attention_loss(S[f"scores.{m}"], T[f"scores.{2 * m + 1}"]) for m in (0, 1)) / 2),
    ("relations", "relations", ["heads=6"], "student",
     relations_loss(S, T, 1, 3, [(k, k) for k in ("queries", "keys", "values")], 6)),
    ("relation of values", "relations", ['of=["values"]', "heads=3"], "student",
     relations_loss(S, T, 1, 3, [("values", "values")], 3)),
    ("relation of queries and keys", "relations", ['of=["queries-keys"]', "heads=2", 'map="first"'], "student",
     relations_loss(S, T, 0, 0, [("queries", "keys")], 2)),
    ("cross-attention", "cross-attention", ["heads=3"], "student",
     across(1, 3, "text-to-image") + across(1, 3, "image-to-text")),
    ("cross-attention of one part", "cross-attention",
     ["heads=3", 'parts=["image-to-text"]', "masked-queries=true"], "student", across(1, 3, "image-to-text", True)),
    ("whole attention", "cross-attention", ["heads=3", 'parts=["whole"]', 'map="uniform"'], "student",
     (across(0, 1, "whole") + across(1, 3, "whole")) / 2),
    ("whole attention without padding", "cross-attention",
     ["heads=3", 'parts=["whole"]', "masked-queries=true"], "student", across(1, 3, "whole", True)),
    ("attention within a modality", "cross-attention",
     ["heads=3", 'parts=["text-to-text", "image-to-image"]'], "student",
     across(1, 3, "text-to-text") + across(1, 3, "image-to-image")),
    ("binary-cross-entropy", "binary-cross-entropy", [], "asked",
     F.binary_cross_entropy_with_logits(ASKED["logits"], SCORES) * CLASSES),
    ("matching", "matching", [], "matched", F.cross_entropy(MATCHED["relation"], RELATIONS)),
    ("image-text-contrast", "image-text-contrast", [], "paired",
     (F.cross_entropy(PAIRED["logits"], OWN) + F.cross_entropy(PAIRED["logits"].T, OWN)) / 2),
    ("affinity", "affinity", [], "paired",
     sum(F.kl_div(own.log_softmax(1), other.softmax(1), reduction="batchmean")
         for own, other in ((PAIRED["logits"], ELDER["logits"]), (PAIRED["logits"].T, ELDER["logits"].T)))),
    ("representation", "representation", ['stream="text"'], "paired",
     F.mse_loss(PAIRED["text.embedding"] @ PAIRED["representation.text.projection.weight"].T
                + PAIRED["representation.text.projection.bias"], ELDER["text.embedding"])),
    ("representation by cosine", "representation", ['features="pooled"', 'comparison="cosine"'], "peer",
     cosines(P["pooled"], T["pooled"]).mean()),
    ("detection", "detection", ["tags=0.5", "boxes=2"], "found",
     (F.binary_cross_entropy_with_logits(FOUND["objectness"], HERE_IS.double(), reduction="sum")
      + 2 * (FOUND["boxes"] - BOXES)[HERE_IS].abs().sum()) / HERE_IS.sum()
     + 0.5 * F.cross_entropy(FOUND["logits"][HERE_IS], CELL_LABELS[HERE_IS])),
    ("patient skip", "patient", [], "peer", patient([(1, 2)], True)),
    ("patient last as published", "patient", ['scheme="last"', 'reduction="elements"'], "peer", patient([(1, 3)], False)),
    ("logits", "logits", ["temperature=2"], "student", 4 * kl(Z, Y, 2).sum(1).mean()),
    ("logits of TinyBERT", "logits",
     ['divergence="soft-cross-entropy"', 'reduction="elements"', "squared-temperature=false"], "student",
     (-Y.softmax(1) * Z.log_softmax(1)).mean()),
    ("logits reverse", "logits", ['divergence="reverse-kl"', "temperature=3", "squared-temperature=false"], "student",
     kl(Y, Z, 3).sum(1).mean()),
    ("logits jensen-shannon", "logits", ['divergence="jensen-shannon"'], "student",
     (0.5 * (Y.softmax(1) * (Y.log_softmax(1) - middle(Z, Y))) + 0.5 * (Z.softmax(1) * (Z.log_softmax(1) - middle(Z, Y)))).sum(1).mean()),
    ("logits binary", "logits", ['divergence="binary"'], "student",
     F.binary_cross_entropy_with_logits(Z, Y.sigmoid()) * CLASSES),
    ("logits mse", "logits", ['divergence="mse"', 'reduction="elements"'], "student", ((Z - Y) ** 2).mean()),
    ("decoupled", "decoupled", [], "student", decoupled(Z, Y, 1, 8, 4)),
    ("cross-entropy", "cross-entropy", ["label-smoothing=0.1"], "student", F.cross_entropy(Z, LABELS, label_smoothing=0.1)),
    ("relational-distance", "relational-distance", [], "student",
     F.smooth_l1_loss(pairwise(first(S["hidden.2"])), pairwise(first(T["hidden.4"])))),
    ("relational-angle", "relational-angle", ['features="pooled"'], "student",
     F.smooth_l1_loss(triangle(S["pooled"]), triangle(T["pooled"]))),
    ("similarity-preserving", "similarity-preserving", ['features="mean"'], "student",
     ((gram_rows(mean_state(S["hidden.2"])) - gram_rows(mean_state(T["hidden.4"]))) ** 2).mean()),
    ("kernel-alignment", "kernel-alignment", [], "student", alignment(first(S["hidden.2"]), first(T["hidden.4"]))),
    ("contrastive", "contrastive", [], "student",
     contrast(project(first(S["hidden.2"]), "contrastive.projection"), first(T["hidden.4"]), 0.07)),
    ("first states", "hidden", ['count="first"'], "student",
     sum(F.mse_loss(project(first(S[f"hidden.{m}"]), "hidden.projection"), first(T[f"hidden.{2 * m}"])) for m in (1, 2))),
    ("multiple-negatives", "multiple-negatives", [], "beside", ranking(alike(20))),
    ("multiple-negatives both ways", "multiple-negatives", ["scale=5", "symmetric=true"], "beside",
     (ranking(alike(5)) + ranking(alike(5).T)) / 2),
    ("multiple-negatives with hard negatives", "multiple-negatives", [], "triples", F.cross_entropy(triples(20), OWN)),
    ("multiple-negatives with hard negatives both ways", "multiple-negatives", ["symmetric=true", "matryoshka=[2, 6]",
     "matryoshka-weights=[0.5, 2]"], "triples",
     sum(weight * (F.cross_entropy(triples(20, width), OWN) + F.cross_entropy(triples(20, width)[:, :BATCH].T, OWN)) / 2
         for width, weight in ((2, 0.5), (6, 2)))),
    ("cosine-similarity", "cosine-similarity", [], "scored", F.mse_loss(pair_cosines(), PAIR_SCORES)),
    ("cosine-similarity at widths", "cosine-similarity", ["matryoshka=[3, 6]"], "scored",
     sum(F.mse_loss(pair_cosines(width), PAIR_SCORES) for width in (3, 6))),
    ("cosent", "cosent", [], "scored", cosent()),
    ("cosent at widths", "cosent", ["scale=5", "matryoshka=[3]"], "scored", cosent(3, 5)),
    ("representation at widths", "representation", ["matryoshka=[2, 6]", "matryoshka-weights=[3, 0.5]"], "vectors",
     sum(weight * F.mse_loss(truncated(VECTORS["embedding"], width), VECTORS_OF_TEACHER["embedding"][:, :width])
         for width, weight in ((2, 3), (6, 0.5)))),
    ("representation by cosine at widths", "representation", ["matryoshka=[4]", 'comparison="cosine"'], "vectors",
     cosines(VECTORS["embedding"][:, :4], VECTORS_OF_TEACHER["embedding"][:, :4]).mean()),
    ("contrastive at widths", "contrastive", ['features="embedding"', "project=false", "matryoshka=[3, 6]"], "vectors",
     sum(in_batch(width, 0.07) for width in (3, 6))),
    ("energy", "energy", ['map="spread"'], "student",
     sum(energy(S[f"hidden.{m}"], T[f"hidden.{2 * m}"]) for m in (1, 2))),
]

# Lists of passages of three queries, the second of two passages and the third without a relevant one.
DRAW = torch.Generator().manual_seed(28)
LIST_MASK = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0], [1, 1, 1, 0]])
GRADES = torch.tensor([[0.0, 2.0, 0.0, 1.0], [1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]])
LISTED, JUDGE = ({"relevance": (2 * torch.randn(3, 4, generator=DRAW)).float().double()} for _ in range(2))
LISTED["relevance.batch"] = (2 * torch.randn(3, 4, generator=DRAW)).float().double()
RATED = (3 * torch.randn(3, 4, generator=DRAW)).float().double()
for tensor in LISTED.values():
    tensor.requires_grad_()


def rows(numbers):
    """The scores of each list without its padding, with the grades."""
    return [(row[kept.bool()], grades[kept.bool()]) for row, kept, grades in zip(numbers, LIST_MASK, GRADES)]


def list_cross_entropy(numbers):
    kept = [(row, grades > 0) for row, grades in rows(numbers) if (grades > 0).any()]
    return torch.stack([-(right / right.sum() * row.log_softmax(0)).sum() for row, right in kept]).mean()


def margins(numbers, others, every=False):
    errors = []
    for (own, grades), (other, _) in zip(rows(numbers), rows(others)):
        for i in range(len(own)):
            for j in range(len(own)):
                if (i < j) if every else (grades[i] > 0 and grades[j] == 0):
                    errors.append(((own[i] - own[j]) - (other[i] - other[j])) ** 2)
    return torch.stack(errors).mean()


def list_kl(numbers, others, temperature=1):
    return torch.stack([
        F.kl_div((own / temperature).log_softmax(0), (other / temperature).softmax(0), reduction="sum")
        for (own, _), (other, _) in zip(rows(numbers), rows(others))
    ]).mean()


def pairwise_logistic(numbers, others, probability=False):
    losses = []
    for (own, grades), (other, _) in zip(rows(numbers), rows(others)):
        for i in range(len(own)):
            for j in range(len(own)):
                if probability and i < j:
                    losses.append(F.binary_cross_entropy_with_logits(own[i] - own[j], (other[i] - other[j]).sigmoid()))
                elif not probability and other[i] > other[j]:
                    losses.append(-F.logsigmoid(own[i] - own[j]))
    return torch.stack(losses).mean()


L, BATCHED, J = LISTED["relevance"], LISTED["relevance.batch"], JUDGE["relevance"]
CASES += [
    ("list-cross-entropy", "list-cross-entropy", [], "listed", list_cross_entropy(L)),
    ("list-cross-entropy in batch", "list-cross-entropy", ["in-batch=true"], "listed", list_cross_entropy(BATCHED)),
    ("margin-mse", "margin-mse", [], "listed", margins(L, J)),
    ("margin-mse of all", "margin-mse", ['pairs="all"'], "listed", margins(L, J, True)),
    ("margin-mse of data", "margin-mse", ['scores="data"'], "listed", margins(L, RATED)),
    ("list-kl", "list-kl", [], "listed", list_kl(L, J)),
    ("list-kl at 2", "list-kl", ["temperature=2", "squared-temperature=false"], "listed", list_kl(L, J, 2)),
    ("pairwise-logistic", "pairwise-logistic", [], "listed", pairwise_logistic(L, J)),
    ("pairwise-logistic of grades", "pairwise-logistic", ['target="relevance"'], "listed", pairwise_logistic(L, GRADES)),
    ("pairwise-logistic of probabilities", "pairwise-logistic", ['target="probability"'], "listed", pairwise_logistic(L, J, True)),
]

# Words of three texts with the 13 tags of CL-XABSA, first pieces of words with labels, and a tagger.
TAG_MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0]])
TAG_LABELS = torch.tensor([[-100, 0, 1, 3, 5, -100], [-100, 0, 0, 4, -100, -100], [-100, 1, -100, -100, -100, -100]])
TAGGED = {"logits": (2 * torch.randn(3, 6, 13, generator=DRAW)).float().double(),
          "hidden.0": torch.randn(3, 6, 8, generator=DRAW).float().double(),
          "hidden.1": torch.randn(3, 6, 8, generator=DRAW).float().double()}
# It is sure of one of three tags, so that there are words of which it says the same.
TAGGER = {"logits": (torch.randn(3, 6, 13, generator=DRAW)
                     + 6 * F.one_hot(torch.randint(0, 3, (3, 6), generator=DRAW), 13)).float().double()}
for tensor in TAGGED.values():
    tensor.requires_grad_()


def supervised_contrast(z, positives, temperature=0.9, base=0.07, twice=False):
    """Khosla et al. (2020) over rows that are not normalised; `positives` are `[rows, rows]`, without the diagonal."""
    own = torch.eye(len(z), dtype=torch.bool)
    scores = (z @ z.T / temperature).masked_fill(own, -torch.inf)
    logs = (scores - scores.logsumexp(1, keepdim=True)).masked_fill(own, 0)
    count = positives.sum(1)
    losses = -(temperature / base) * (logs * positives).sum(1)[count > 0] / count[count > 0]
    return losses.mean() / (len(z) if twice else 1)


def labelled_alike(labels):
    return (labels[:, None] == labels[None]) & ~torch.eye(len(labels), dtype=torch.bool)


WORDS, ALL_LABELS = TAG_LABELS.flatten() >= 0, TAG_LABELS.flatten()
TAGS = ALL_LABELS[WORDS]
KINDS = torch.where(ALL_LABELS < 0, ALL_LABELS, (ALL_LABELS + 3) // 4)
SOFT = TAGGER["logits"].flatten(0, 1)[TAG_MASK.flatten() == 1].softmax(1)
TAG_ROWS = TAGGED["logits"].flatten(0, 1)
ACTIVE = TAG_MASK.flatten() == 1
CASES += [
    ("supervised-contrast", "supervised-contrast", [], "tagged", supervised_contrast(TAG_ROWS[WORDS], labelled_alike(TAGS))),
    ("supervised-contrast of kinds", "supervised-contrast", ['level="kind"', "temperature=0.5"], "tagged",
     supervised_contrast(TAG_ROWS[WORDS], labelled_alike(KINDS[WORDS]), 0.5)),
    ("supervised-contrast of CL-XABSA", "supervised-contrast", ['rows="all"', 'divide="twice"'], "tagged",
     supervised_contrast(TAG_ROWS, labelled_alike(ALL_LABELS), twice=True)),
    ("supervised-contrast of states", "supervised-contrast", ['of="hidden"', 'level="kind"', "base-temperature=0.9"], "tagged",
     supervised_contrast(TAGGED["hidden.1"].flatten(0, 1)[WORDS], labelled_alike(KINDS[WORDS]), 0.9, 0.9)),
    ("supervised-contrast of a teacher", "supervised-contrast", ['positives="teacher"', "base-temperature=0.1"], "tagged",
     supervised_contrast(TAG_ROWS[ACTIVE], (SOFT @ SOFT.T > 0.5) & ~torch.eye(len(SOFT), dtype=torch.bool), 0.9, 0.1)),
    ("logits probabilities", "logits", ['divergence="probabilities"'], "tagged",
     ((TAG_ROWS[ACTIVE].softmax(1) - SOFT) ** 2).mean()),
    ("logits probabilities at 2", "logits", ['divergence="probabilities"', "temperature=2", 'reduction="elements"'], "tagged",
     4 * (((TAG_ROWS / 2).softmax(1) - (TAGGER["logits"].flatten(0, 1) / 2).softmax(1)) ** 2)[ACTIVE].mean()),
]

# Pairs of images and texts, two of which say the same, and the logarithm of their scale.
CONTRASTED = {"encoder.embedding": torch.randn(2 * BATCH, 6, generator=DRAW).float().double().requires_grad_(),
              "info-nce.logit_scale": torch.tensor(1.5).requires_grad_()}


def info_nce():
    left, right = F.normalize(CONTRASTED["encoder.embedding"], dim=1).chunk(2)
    scores = CONTRASTED["info-nce.logit_scale"].exp() * left @ right.T
    return (ranking(scores) + ranking(scores.T)) / 2


CASES.append(("info-nce", "info-nce", [], "contrasted", info_nce()))

# A model of image and text that chooses among descriptions, and a CLIP whose tokens are others. Words are known by the number of each
# piece's word; the last text has none.
CHOICE = torch.Generator().manual_seed(11)
drawn = lambda *shape: torch.randn(*shape, generator=CHOICE).float().double()
CHOOSER = {
    **{f"text.hidden.{i}": drawn(BATCH, LENGTH, 6) for i in range(3)},
    **{f"image.hidden.{i}": drawn(BATCH, IMAGE_LENGTH, 6) for i in range(3)},
    "logits": 2 * drawn(BATCH, CLASSES),
    **{f"targeted.{part}.projection.weight": drawn(12, 6) for part in ("image", "text", "tokens")},
    **{f"targeted.{part}.projection.bias": drawn(12) for part in ("image", "text", "tokens")},
}
CLIP = {"image.embedding": F.normalize(drawn(BATCH, 12), dim=1).float().double(),
        "text.embedding": F.normalize(drawn(BATCH, 12), dim=1).float().double(),
        "text.tokens": drawn(BATCH, 6, 12), "logits": 3 * drawn(BATCH, CLASSES)}
WORD_IDS = torch.tensor([[-1, 0, 0, 1, 2], [-1, 0, 1, -1, -1], [-1, 0, 1, 2, -1], [-1] * 5])
CLIP_WORD_IDS = torch.tensor([[-1, 0, 1, 1, 2, -1], [-1, 0, 0, 1, -1, -1], [-1, 0, 1, 2, 2, -1], [-1] * 6])
KEYWORD_SCORES = torch.tensor([[0.2, 0.9, 0.5], [0.7, 0.7, 0.0], [0.1, 0.0, 0.3], [0.0] * 3])
WORD_LOTS = torch.tensor([[0.6, 0.1, 0.3], [0.2, 0.4, 0.0], [0.5, 0.8, 0.2], [0.0] * 3])
for tensor in CHOOSER.values():
    tensor.requires_grad_()


def word_vectors(states, ids, row):
    return [states[row, ids[row] == word].mean(0) for word in range(int(ids[row].max()) + 1)]


def best(scores, fraction):
    """The places of the best of some scores, ties by place."""
    order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    return order[: max(1, math.ceil(fraction * len(scores)))]


def ranks(scores):
    order = sorted(range(len(scores)), key=lambda place: (-scores[place], place))
    return [order.index(place) for place in range(len(scores))]


def targeted(parts=("image", "text", "tokens"), select="both", fraction=0.3, confidence="ratio", distance="l1", normalise=True):
    own_probability, probability = (logits.detach().softmax(1)[OWN, LABELS] for logits in (CHOOSER["logits"], CLIP["logits"]))
    weights = {"ratio": probability / (probability + own_probability), "teacher": probability, "none": torch.ones(BATCH)}[confidence]

    def far(vector, other, part):
        projected = vector @ CHOOSER[f"targeted.{part}.projection.weight"].T + CHOOSER[f"targeted.{part}.projection.bias"]
        if distance == "cosine":
            return 1 - F.cosine_similarity(projected, other, dim=-1)
        return (F.normalize(projected, dim=-1) - F.normalize(other, dim=-1)).abs().mean(-1)

    total = 0
    for row in range(BATCH):
        if "image" in parts:
            kept = IMAGE_MASK[row] == 1
            total = total + weights[row] * far(CHOOSER["image.hidden.2"][row, kept].mean(0), CLIP["image.embedding"][row], "image")
        if "text" in parts:
            total = total + weights[row] * far(CHOOSER["text.hidden.2"][row, 0], CLIP["text.embedding"][row], "text")
        if "tokens" in parts and WORD_IDS[row].max() >= 0:
            words = word_vectors(CHOOSER["text.hidden.2"], WORD_IDS, row)
            others = word_vectors(CLIP["text.tokens"], CLIP_WORD_IDS, row)
            relevance = [float(F.cosine_similarity(other, CLIP["image.embedding"][row], dim=0)) for other in others]
            keywords = KEYWORD_SCORES[row, : len(words)].tolist()
            scores = {"relevance": relevance, "keywords": keywords, "random": WORD_LOTS[row, : len(words)].tolist(),
                      "both": [-one - other for one, other in zip(ranks(relevance), ranks(keywords))], "all": [0] * len(words)}[select]
            chosen = best(scores, 1.0 if select == "all" else fraction)
            total = total + weights[row] * torch.stack([far(words[word], others[word], "tokens") for word in chosen]).mean()
    return total / (weights.sum() if normalise else BATCH)


CASES += [
    ("targeted", "targeted", [], "chooser", targeted()),
    ("targeted by relevance", "targeted", ['select="relevance"', "token-fraction=0.5"], "chooser", targeted(select="relevance", fraction=0.5)),
    ("targeted by keywords", "targeted", ['select="keywords"', 'parts=["tokens"]', 'confidence="teacher"'], "chooser",
     targeted(("tokens",), "keywords", confidence="teacher")),
    ("targeted by lot", "targeted", ['select="random"', 'parts=["tokens"]', 'confidence="none"', "token-fraction=0.4"], "chooser",
     targeted(("tokens",), "random", 0.4, "none")),
    ("targeted at all words", "targeted", ['select="all"', 'distance="cosine"', "normalise-weights=false"], "chooser",
     targeted(select="all", distance="cosine", normalise=False)),
    ("targeted without words or confidence", "targeted", ['parts=["image", "text"]', 'confidence="none"'], "chooser",
     targeted(("image", "text"), confidence="none")),
]
# Cells of a detector with attributes; one object has none of them, and another two.
DESCRIPTION = torch.Generator().manual_seed(12)
DESCRIBED = {name: (2 * torch.randn(BATCH, CELLS, *shape, generator=DESCRIPTION)).float().double().requires_grad_()
             for name, shape in (("objectness", ()), ("boxes", (4,)), ("logits", FOUND["logits"].shape[2:]), ("attributes", (5,)))}
ATTRIBUTE_SHARES = torch.zeros(BATCH, CELLS, 5).double()
for place, own in zip(HERE_IS.nonzero()[1:], ([0], [1, 4], [2, 3, 4], [1], [0, 2])):
    ATTRIBUTE_SHARES[tuple(place)][own] = 1 / len(own)
CASES += [
    ("detection of attributes", "detection", ["attributes=0.7"], "described",
     (F.binary_cross_entropy_with_logits(DESCRIBED["objectness"], HERE_IS.double(), reduction="sum")
      + (DESCRIBED["boxes"] - BOXES)[HERE_IS].abs().sum()) / HERE_IS.sum()
     + F.cross_entropy(DESCRIBED["logits"][HERE_IS], CELL_LABELS[HERE_IS])
     - 0.7 * (ATTRIBUTE_SHARES * DESCRIBED["attributes"].log_softmax(-1)).sum() / (ATTRIBUTE_SHARES.sum(-1) > 0).sum()),
]
# Weights have no gradient.
WEIGHED = ("targeted", "targeted by relevance", "targeted at all words")

expected = {f"{name}/logits": torch.zeros(BATCH, CLASSES) for name in WEIGHED}
for name, _, _, whose, value in CASES:
    trace = {"student": STUDENT, "peer": PEER, "asked": ASKED, "found": FOUND, "described": DESCRIBED, "matched": MATCHED, "paired": PAIRED,
             "beside": BESIDE, "triples": TRIPLES, "scored": SCORED, "vectors": VECTORS, "listed": LISTED, "tagged": TAGGED, "chooser": CHOOSER,
             "contrasted": CONTRASTED}[whose]
    expected[f"{name}/value"] = value.detach().reshape(())
    for tap, gradient in zip(trace, torch.autograd.grad(value, trace.values(), allow_unused=True)):
        if gradient is not None:
            expected[f"{name}/{tap}"] = gradient

single = lambda tensors: {name: tensor.detach().float().contiguous() for name, tensor in tensors.items()}
inputs = {"attention_mask": MASK, "image_attention_mask": IMAGE_MASK}
save_file({**single(STUDENT), **inputs, "labels": LABELS}, HERE / "student.safetensors")
save_file({**single(PEER), **inputs, "labels": LABELS}, HERE / "peer.safetensors")
save_file({**single(ASKED), "labels": SCORES.float()}, HERE / "asked.safetensors")
save_file({**single(FOUND), "labels": CELL_LABELS, "box_labels": BOXES.float()}, HERE / "found.safetensors")
save_file({**single(DESCRIBED), "labels": CELL_LABELS, "box_labels": BOXES.float(),
           "attribute_labels": ATTRIBUTE_SHARES.float()}, HERE / "described.safetensors")
save_file({**single(MATCHED), "relation_labels": RELATIONS}, HERE / "matched.safetensors")
save_file({**single(BESIDE), "texts": TEXTS}, HERE / "beside.safetensors")
save_file({**single(CONTRASTED), "texts": TEXTS}, HERE / "contrasted.safetensors")
save_file({**single(TRIPLES), "texts": TRIPLE_TEXTS}, HERE / "triples.safetensors")
save_file({**single(SCORED), "labels": PAIR_SCORES.float()}, HERE / "scored.safetensors")
save_file(single(VECTORS), HERE / "vectors.safetensors")
save_file(single(VECTORS_OF_TEACHER), HERE / "vectors-of-teacher.safetensors")
save_file({**single(LISTED), "list_mask": LIST_MASK, "relevance_labels": GRADES.float(), "relevance_scores": RATED.float()},
          HERE / "listed.safetensors")
save_file(single(JUDGE), HERE / "judge.safetensors")
save_file({**single(TAGGED), "attention_mask": TAG_MASK, "labels": TAG_LABELS}, HERE / "tagged.safetensors")
save_file(single(TAGGER), HERE / "tagger.safetensors")
save_file({**single(CHOOSER), "image_attention_mask": IMAGE_MASK, "attention_mask": MASK, "labels": LABELS, "word_ids": WORD_IDS,
           "keyword_scores": KEYWORD_SCORES.float(), "word_lots": WORD_LOTS.float()}, HERE / "chooser.safetensors")
save_file({**single(CLIP), "word_ids": CLIP_WORD_IDS}, HERE / "clip.safetensors")
save_file(single(PAIRED), HERE / "paired.safetensors")
save_file(single(ELDER), HERE / "elder.safetensors")
save_file({**single(TEACHER), **inputs}, HERE / "teacher.safetensors")
save_file({name: tensor.contiguous() for name, tensor in expected.items()}, HERE / "expected.safetensors")
cases = [{"name": name, "loss": loss, "options": options, "student": whose,
          "teacher": {"paired": "elder", "vectors": "vectors-of-teacher", "listed": "judge", "tagged": "tagger", "chooser": "clip"}.get(whose, "teacher")} for name, loss, options, whose, _ in CASES]
(HERE / "cases.json").write_text(json.dumps(cases, indent=1) + "\n")
print(f"{len(cases)} cases, {len(expected)} tensors")
