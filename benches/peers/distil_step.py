"""Times one step of TinyBERT's distillation of layers in PyTorch, for comparison with this project.

    pip install torch==2.11.0 transformers==5.23.0
    python distil_step.py [--layers 4] [--width 312] [--autocast] [--device cuda] [--steps 20] ...

A step is the forward pass of a student that keeps hidden states and attention scores, their mean squared errors against
those of a teacher that are at hand (states through one trained projection), backward, clipping to global norm 1 and AdamW,
in training mode, with two threads. Two forms take turns, step by step: `transformers`, the library's layers, with scores
taken from their queries and keys, and the optimiser as it is by default; and `by-hand`, the same equations over packed
projections with fused AdamW. `--autocast` computes both under torch.autocast in bfloat16. Both start from the same
weights, and their losses are compared before anything is timed.

Prints one JSON object: settings, and median, smallest and largest milliseconds a step for each form.
"""

import argparse
import math
import resource

import timing
import torch
import torch.nn.functional as F
from torch import nn
from transformers import BertConfig, BertModel


def reference(options, attention="eager"):
    config = BertConfig(
        vocab_size=options.vocabulary,
        hidden_size=options.width,
        num_hidden_layers=options.layers,
        num_attention_heads=options.heads,
        intermediate_size=options.ffn,
        hidden_dropout_prob=options.dropout,
        attention_probs_dropout_prob=options.dropout,
        attn_implementation=attention,
    )
    return BertModel(config, add_pooling_layer=False)


class Library(nn.Module):
    """The library's model. It gives probabilities, not scores: those are taken from queries and keys on their way."""

    def __init__(self, options):
        super().__init__()
        self.bert, self.options, self.caught = reference(options), options, {}
        for number, layer in enumerate(self.bert.encoder.layer):
            for part in ["query", "key"]:
                getattr(layer.attention.self, part).register_forward_hook(self.catch(number, part))

    def catch(self, number, part):
        def hook(_module, _inputs, output):
            self.caught[number, part] = output

        return hook

    def forward(self, ids):
        states = self.bert(input_ids=ids, output_hidden_states=True).hidden_states
        split = lambda packed: packed.unflatten(-1, (self.options.heads, -1)).transpose(1, 2)
        scale = 1 / math.sqrt(self.options.width // self.options.heads)
        parts = [[split(self.caught[number, part]) for part in ["query", "key"]] for number in range(self.options.layers)]
        return states, [queries @ keys.transpose(-1, -2) * scale for queries, keys in parts]


class ByHand(nn.Module):
    """The same network as `Library`, from its weights, which computes scores once."""

    def __init__(self, library, options):
        super().__init__()
        self.options = options
        self.embeddings = library.bert.embeddings
        self.layers = nn.ModuleList()
        for source in library.bert.encoder.layer:
            own = source.attention.self
            packed = nn.Linear(options.width, 3 * options.width)
            with torch.no_grad():
                packed.weight.copy_(torch.cat([own.query.weight, own.key.weight, own.value.weight]))
                packed.bias.copy_(torch.cat([own.query.bias, own.key.bias, own.value.bias]))
            parts = {"packed": packed, "output": source.attention.output.dense, "norm": source.attention.output.LayerNorm}
            parts |= {"inner": source.intermediate.dense, "outer": source.output.dense, "last": source.output.LayerNorm}
            self.layers.append(nn.ModuleDict(parts))

    def forward(self, ids):
        dropped = lambda branch: F.dropout(branch, self.options.dropout, self.training)
        hidden = self.embeddings(ids)
        states, kept = [hidden], []
        for layer in self.layers:
            parts = layer["packed"](hidden).chunk(3, -1)
            queries, keys, values = (part.unflatten(-1, (self.options.heads, -1)).transpose(1, 2) for part in parts)
            scores = queries @ keys.transpose(-1, -2) / math.sqrt(queries.shape[-1])
            context = (dropped(scores.softmax(-1)) @ values).transpose(1, 2).flatten(-2)
            hidden = layer["norm"](hidden + dropped(layer["output"](context)))
            hidden = layer["last"](hidden + dropped(layer["outer"](F.gelu(layer["inner"](hidden)))))
            states.append(hidden)
            kept.append(scores)
        return states, kept


class Form(timing.Form):
    """A network and the projection of its states."""

    def __init__(self, network, projection, fused, options):
        parameters = [*network.parameters(), *projection.parameters()]
        super().__init__(network, parameters, torch.optim.AdamW(parameters, lr=5e-5, fused=fused), options)
        self.projection = projection

    def loss(self, ids, states, scores):
        with torch.autocast(self.options.device, torch.bfloat16, enabled=self.options.autocast):
            own, kept = self.network(ids)
            own = [self.projection(state) for state in own]
        error = lambda one, other: F.mse_loss(one.float(), other)
        return sum(map(error, own, states)) + sum(map(error, kept, scores))


def batch_of(options):
    generator = torch.Generator(options.device).manual_seed(1)
    size = (options.batch, options.length)
    ids = torch.randint(1, options.vocabulary, size, generator=generator)
    states = [torch.randn(*size, options.teacher_width, generator=generator) for _ in range(options.layers + 1)]
    shape = (options.batch, options.heads, options.length, options.length)
    return ids, states, [torch.randn(shape, generator=generator) for _ in range(options.layers)]


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sizes = {"layers": 4, "width": 312, "heads": 12, "ffn": 1200, "vocabulary": 30522, "batch": 32, "length": 64}
    timing.add_sizes(parser, sizes | {"teacher-width": 384})
    parser.add_argument("--dropout", type=float, default=0.1, help="(0.1)")
    parser.add_argument("--autocast", action="store_true", help="compute in bfloat16 where torch.autocast does")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--form", choices=["transformers", "by-hand"], help="this form alone, whose memory is then told")
    options = parser.parse_args()

    timing.start(options)
    torch.set_default_device(options.device)
    library = Library(options)
    projection = nn.Linear(options.width, options.teacher_width)
    forms = {}
    if options.form != "by-hand":
        forms["transformers"] = Form(library, projection, False, options)
    if options.form != "transformers":
        source = library
        if forms:
            source = Library(options)
            source.load_state_dict(library.state_dict())
        own = nn.Linear(options.width, options.teacher_width)
        own.load_state_dict(projection.state_dict())
        forms["by-hand"] = Form(ByHand(source, options), own, True, options)
    batch = batch_of(options)
    timing.compare(forms, batch, 2e-3 if options.autocast else 1e-5)
    timing.take_turns(forms, batch, options)
    most = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    timing.show(forms, options, {"peak-memory-bytes": most} if options.form else {})


if __name__ == "__main__":
    main()
