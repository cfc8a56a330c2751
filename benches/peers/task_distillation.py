"""TinyBERT's task distillation in PyTorch, from tokenised texts to a checkpoint, for comparison with `recipes/text/tinybert.toml`.

    pip install torch==2.11.0 transformers==5.23.0
    python task_distillation.py TEACHER TRAIN.tsv DEV.tsv [--form published] [--steps 735] [--out FOLDER]

TEACHER is a folder of a classifier that transformers loads; the tables have columns `sentence` and `label`. A student of 4
layers of 312 from random weights first learns the teacher's embeddings, hidden states (through one trained projection) and
attention scores, of layers spread over the teacher's, and then its logits, each over as many steps of 32 texts. Two forms:

- `published`: as the authors' script does it: texts padded to 64 tokens, the teacher reads along in every step;
- `bucketed`: batches of texts of like length, padded to the longest of each, and what the teacher says of each text computed
  once, before the steps.

Prints one JSON object: seconds from tokenised texts to the saved checkpoint, its parts, and the accuracy on DEV.
"""

import argparse
import csv
import json
import pathlib
import random
import resource
import time

import torch
import torch.nn.functional as F
from torch import nn
from transformers import AutoModelForSequenceClassification, AutoTokenizer, BertConfig, BertForSequenceClassification

PADDED = 64
BATCH = 32
RATES = {"layers": 3e-4, "prediction": 1e-4}


class Watched(nn.Module):
    """A classifier with its hidden states and the attention scores of some layers, from queries and keys on their way."""

    def __init__(self, model, layers):
        super().__init__()
        self.model, self.layers, self.caught = model, layers, {}
        for number in layers:
            attention = model.bert.encoder.layer[number].attention.self
            for part in ["query", "key"]:
                getattr(attention, part).register_forward_hook(self.catch(number, part))

    def catch(self, number, part):
        def hook(_module, _inputs, output):
            self.caught[number, part] = output

        return hook

    def forward(self, ids, mask):
        output = self.model(input_ids=ids, attention_mask=mask, output_hidden_states=True)
        heads = self.model.config.num_attention_heads
        split = lambda packed: packed.unflatten(-1, (heads, -1)).transpose(1, 2)
        scores = []
        for number in self.layers:
            queries, keys = (split(self.caught[number, part]) for part in ["query", "key"])
            scores.append(queries @ keys.transpose(-1, -2) / queries.shape[-1] ** 0.5)
        kept = [0, *(number + 1 for number in self.layers)]
        return [output.hidden_states[number] for number in kept], scores, output.logits


def padded(texts, length):
    ids = torch.zeros(len(texts), length, dtype=torch.long)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(text)
    return ids, (ids != 0).long()


def batches(texts, steps, bucketed):
    """Places of texts, batch by batch."""
    generator = random.Random(1)
    while True:
        order = list(range(len(texts)))
        generator.shuffle(order)
        if bucketed:
            # Sorted within twenty batches.
            window = 20 * BATCH
            groups = [sorted(order[at : at + window], key=lambda place: len(texts[place])) for at in range(0, len(order), window)]
            order = [place for group in groups for place in group]
        found = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
        if bucketed:
            generator.shuffle(found)
        for batch in found:
            if steps == 0:
                return
            steps -= 1
            yield batch


class Along:
    """A teacher that reads along."""

    def __init__(self, teacher):
        self.teacher = teacher

    def says(self, _places, ids, mask):
        with torch.no_grad():
            return self.teacher(ids, mask)


class Kept:
    """What a teacher says of each text, computed once."""

    def __init__(self, teacher, texts):
        self.of = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        for at in range(0, len(order), 64):
            places = order[at : at + 64]
            ids, mask = padded([texts[place] for place in places], max(len(texts[place]) for place in places))
            with torch.no_grad():
                states, scores, logits = teacher(ids, mask)
            for row, place in enumerate(places):
                count = len(texts[place])
                own = [state[row, :count].clone() for state in states], [score[row, :, :count, :count].clone() for score in scores]
                self.of[place] = (*own, logits[row].clone())

    def says(self, places, ids, _mask):
        length = ids.shape[1]
        states, scores, logits = zip(*(self.of[place] for place in places))
        fill = lambda tensor, rows: F.pad(tensor, (0, 0, 0, rows - tensor.shape[0]))
        square = lambda tensor: F.pad(tensor, (0, length - tensor.shape[2], 0, length - tensor.shape[1]))
        together = [torch.stack([fill(state, length) for state in layer]) for layer in zip(*states)]
        return together, [torch.stack(list(map(square, layer))) for layer in zip(*scores)], torch.stack(logits)


def error(own, other, there):
    """The mean squared error where there is a text."""
    squared = (own - other).square() * there
    return squared.sum() / there.expand_as(squared).sum()


def train(student, projection, teacher, texts, phase, options):
    parameters = [*student.parameters(), *projection.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=RATES[phase], weight_decay=0.01, fused=True)
    warm_up = options.steps // 10
    factor = lambda step: min((step + 1) / max(warm_up, 1), (options.steps - step) / max(options.steps - warm_up, 1))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    student.train()
    bucketed = options.form == "bucketed"
    for places in batches(texts, options.steps, bucketed):
        chosen = [texts[place] for place in places]
        ids, mask = padded(chosen, max(map(len, chosen)) if bucketed else PADDED)
        states, scores, logits = student(ids, mask)
        of_states, of_scores, of_logits = teacher.says(places, ids, mask)
        if phase == "layers":
            tokens = mask[:, :, None].float()
            pairs = (mask[:, None, :, None] * mask[:, None, None, :]).float()
            loss = sum(error(projection(own), other, tokens) for own, other in zip(states, of_states))
            loss = loss + sum(error(own, other, pairs) for own, other in zip(scores, of_scores))
        else:
            loss = -(of_logits.softmax(-1) * logits.log_softmax(-1)).sum(-1).mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()


def accuracy(model, texts, labels):
    model.eval()
    right = 0
    for at in range(0, len(texts), 64):
        chosen = texts[at : at + 64]
        with torch.no_grad():
            logits = model(*padded(chosen, max(map(len, chosen))))[2]
        right += sum(int(one == other) for one, other in zip(logits.argmax(-1).tolist(), labels[at : at + 64]))
    return right / len(texts)


def table(path, tokenizer, names):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    texts = tokenizer([row["sentence"] for row in rows], truncation=True, max_length=PADDED)["input_ids"]
    return texts, [names[row["label"]] for row in rows]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("teacher", type=pathlib.Path)
    parser.add_argument("train", type=pathlib.Path)
    parser.add_argument("dev", type=pathlib.Path)
    parser.add_argument("--form", choices=["published", "bucketed"], default="published", help="(published)")
    parser.add_argument("--steps", type=int, default=735, help="of each of the two phases (735)")
    parser.add_argument("--threads", type=int, default=2, help="(2)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("student"), help="(student)")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    tokenizer = AutoTokenizer.from_pretrained(options.teacher)
    large = AutoModelForSequenceClassification.from_pretrained(options.teacher, attn_implementation="eager").eval()
    texts, _ = table(options.train, tokenizer, large.config.label2id)
    dev, labels = table(options.dev, tokenizer, large.config.label2id)
    depth = large.config.num_hidden_layers
    # As `map = "spread"` has it, counted from 0: of 6 layers the second, third, fifth and sixth.
    spread = [-(-layer * depth // 4) - 1 for layer in range(1, 5)]

    began = time.perf_counter()
    config = BertConfig(
        vocab_size=large.config.vocab_size,
        hidden_size=312,
        num_hidden_layers=4,
        num_attention_heads=12,
        intermediate_size=1200,
        num_labels=large.config.num_labels,
        attn_implementation="eager",
    )
    student = Watched(BertForSequenceClassification(config), range(4))
    projection = nn.Linear(312, large.config.hidden_size)
    teacher = Watched(large, spread)
    teacher = Kept(teacher, texts) if options.form == "bucketed" else Along(teacher)
    seconds = {"teacher": time.perf_counter() - began}
    for phase in RATES:
        before = time.perf_counter()
        train(student, projection, teacher, texts, phase, options)
        seconds[phase] = time.perf_counter() - before
    student.model.save_pretrained(options.out)
    seconds["all"] = time.perf_counter() - began

    most = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = {"form": options.form, "steps": options.steps, "seconds": {name: round(value, 1) for name, value in seconds.items()}}
    found |= {"accuracy": accuracy(student, dev, labels), "peak-memory-bytes": most}
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
