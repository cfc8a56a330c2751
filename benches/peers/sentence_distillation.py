"""A sentence encoder distilled with sentence-transformers, for comparison with `recipes/text/embed.toml`.

    pip install sentence-transformers accelerate datasets scipy
    python sentence_distillation.py TEACHER SENTENCES.tsv TRAIN.tsv DEV.tsv [--steps 6000] [--out FOLDER]

As the library's own example of model distillation does it: the teacher's vectors of all sentences are computed once, the student is
the teacher with some of its layers, and `MSELoss` is trained by `SentenceTransformerTrainer`. SENTENCES has a column `text`, TRAIN and
DEV have STS-B's columns; the texts of both tables are trained on but for those that DEV holds too, letters and digits compared.
`--student` names a folder to begin with instead, such as `untrained/` of a run whose student is narrower and has a Dense module.

`--baseline cosent` trains the same student on the scores of TRAIN alone. Prints one JSON object: seconds of the teacher's vectors, of
training and of both, and Spearman's correlation over DEV of teacher, untrained and trained student.
"""

import argparse
import csv
import json
import pathlib
import resource
import time

import torch
from datasets import Dataset
from scipy.stats import spearmanr
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
    losses,
)


def rows(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def key(text):
    letters = "".join(letter for letter in text.lower() if letter.isalnum())
    return letters or text


def spearman(model, pairs):
    sides = [model.encode([pair[side] for pair in pairs], batch_size=64, normalize_embeddings=True, show_progress_bar=False)
             for side in ("sentence1", "sentence2")]
    cosines = (sides[0] * sides[1]).sum(1)
    return float(spearmanr(cosines, [float(pair["score"]) for pair in pairs]).statistic)


def begin(options):
    """The student before training."""
    student = SentenceTransformer(str(options.student or options.teacher), device="cpu")
    if options.student is None:
        encoder = student[0].auto_model
        encoder.encoder.layer = torch.nn.ModuleList(encoder.encoder.layer[index - 1] for index in options.layers)
        encoder.config.num_hidden_layers = len(options.layers)
    for module in student.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    student.max_seq_length = options.max_length
    return student


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ["teacher", "sentences", "train", "dev"]:
        parser.add_argument(name, type=pathlib.Path)
    parser.add_argument("--student", type=pathlib.Path, help="a folder to begin with (layers of the teacher)")
    parser.add_argument("--layers", type=int, nargs="*", default=[2, 4, 6], help="counted from 1 (2 4 6)")
    parser.add_argument("--steps", type=int, default=6000, help="(6000)")
    parser.add_argument("--batch", type=int, default=64, help="(64)")
    parser.add_argument("--rate", type=float, default=3e-4, help="(3e-4)")
    parser.add_argument("--max-length", type=int, default=64, help="(64)")
    parser.add_argument("--threads", type=int, default=2, help="(2)")
    parser.add_argument("--seed", type=int, default=1, help="(1)")
    parser.add_argument("--baseline", choices=["cosent"], help="train on scores, without the teacher")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("student"), help="(student)")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    dev, train = rows(options.dev), rows(options.train)
    held_out = {key(pair[side]) for pair in dev for side in ("sentence1", "sentence2")}
    student = begin(options)
    untrained = spearman(student, dev)
    teacher = SentenceTransformer(str(options.teacher), device="cpu")
    teacher.max_seq_length = options.max_length
    of_teacher = spearman(teacher, dev)

    began = time.perf_counter()
    if options.baseline:
        pairs = [pair for pair in train if not held_out & {key(pair["sentence1"]), key(pair["sentence2"])}]
        columns = {side: [pair[side] for pair in pairs] for side in ("sentence1", "sentence2")}
        examples = Dataset.from_dict({**columns, "label": [float(pair["score"]) / 5 for pair in pairs]})
        loss = losses.CoSENTLoss(student)
    else:
        texts = [row["text"].strip() for row in rows(options.sentences)]
        texts += [pair[side].strip() for pair in train for side in ("sentence1", "sentence2")]
        texts = [text for text in dict.fromkeys(texts) if text and key(text) not in held_out]
        vectors = teacher.encode(texts, batch_size=64, show_progress_bar=False)
        examples = Dataset.from_dict({"sentence": texts, "label": vectors.tolist()})
        loss = losses.MSELoss(student)
    read = time.perf_counter()
    arguments = SentenceTransformerTrainingArguments(
        output_dir=str(options.out / "checkpoints"),
        max_steps=options.steps,
        per_device_train_batch_size=options.batch,
        learning_rate=options.rate,
        weight_decay=0.01,
        warmup_steps=options.steps // 10,
        lr_scheduler_type="linear",
        max_grad_norm=1.0,
        seed=options.seed,
        save_strategy="no",
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        logging_steps=options.steps,
    )
    SentenceTransformerTrainer(model=student, args=arguments, train_dataset=examples, loss=loss).train()
    student.save_pretrained(str(options.out / "model"))
    ended = time.perf_counter()
    print(json.dumps({
        "texts": len(examples),
        "seconds": {"vectors": round(read - began, 1), "training": round(ended - read, 1), "all": round(ended - began, 1)},
        "spearman": {"teacher": of_teacher, "untrained": untrained, "student": spearman(student, dev)},
        "peak-memory-bytes": 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
    }))


if __name__ == "__main__":
    main()
