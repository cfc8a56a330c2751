"""Times one training step of a Marian-layout encoder-decoder in PyTorch, for comparison with this project.

    pip install torch==2.11.0 transformers==5.23.0
    python marian_step.py [--d-model 256] [--layers 3] [--compile] [--steps 20] ...

A step is forward, label-smoothed cross-entropy, backward, clipping to global norm 1 and AdamW, in training
mode, in single precision, with two threads. Two forms take turns, step by step: `transformers`, the model as
that library runs it, and `by-hand`, the same equations over packed projections, scaled_dot_product_attention
and fused AdamW, which is the fastest that plain PyTorch offers (`--compile` puts it through torch.compile).
Both start from the same weights, and their losses are compared before anything is timed.

Prints one JSON object: settings, and median, smallest and largest milliseconds a step for each form.
"""

import argparse
import math

import timing
import torch
import torch.nn.functional as F
from torch import nn
from transformers import MarianConfig, MarianMTModel

PAD, END = 0, 1
IGNORED = -100


def reference(options):
    config = MarianConfig(
        vocab_size=options.vocabulary,
        d_model=options.d_model,
        encoder_layers=options.layers,
        decoder_layers=options.layers,
        encoder_attention_heads=options.heads,
        decoder_attention_heads=options.heads,
        encoder_ffn_dim=options.ffn,
        decoder_ffn_dim=options.ffn,
        max_position_embeddings=max(64, options.source_length, options.target_length),
        activation_function="swish",
        dropout=options.dropout,
        scale_embedding=True,
        pad_token_id=PAD,
        decoder_start_token_id=PAD,
        eos_token_id=END,
        use_cache=False,
    )
    return MarianMTModel(config)


class Attention(nn.Module):
    """Keys and values, and for self-attention queries too, leave one packed projection."""

    def __init__(self, source, heads, cross):
        super().__init__()
        packed = [source.k_proj, source.v_proj] if cross else [source.q_proj, source.k_proj, source.v_proj]
        self.heads, self.cross = heads, cross
        self.queries = source.q_proj if cross else None
        self.weight = nn.Parameter(torch.cat([projection.weight for projection in packed]).detach())
        self.bias = nn.Parameter(torch.cat([projection.bias for projection in packed]).detach())
        self.output = source.out_proj

    def forward(self, hidden, memory=None, mask=None, causal=False):
        split = lambda packed: packed.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        packed = F.linear(memory if self.cross else hidden, self.weight, self.bias)
        parts = packed.chunk(2 if self.cross else 3, -1)
        if self.cross:
            parts = (self.queries(hidden), *parts)
        queries, keys, values = map(split, parts)
        context = F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, is_causal=causal)
        return self.output(context.transpose(1, 2).flatten(-2))


class Layer(nn.Module):
    def __init__(self, source, heads, dropout):
        super().__init__()
        self.dropout = dropout
        self.own = Attention(source.self_attn, heads, cross=False)
        self.own_norm = source.self_attn_layer_norm
        self.cross = self.cross_norm = None
        if hasattr(source, "encoder_attn"):
            self.cross = Attention(source.encoder_attn, heads, cross=True)
            self.cross_norm = source.encoder_attn_layer_norm
        self.inner, self.outer, self.norm = source.fc1, source.fc2, source.final_layer_norm

    def forward(self, hidden, mask=None, memory=None, memory_mask=None):
        dropped = lambda branch: F.dropout(branch, self.dropout, self.training)
        hidden = self.own_norm(hidden + dropped(self.own(hidden, mask=mask, causal=mask is None)))
        if self.cross:
            hidden = self.cross_norm(hidden + dropped(self.cross(hidden, memory, memory_mask)))
        return self.norm(hidden + dropped(self.outer(F.silu(self.inner(hidden)))))


class ByHand(nn.Module):
    """The same network as `reference`, from its weights."""

    def __init__(self, source, options):
        super().__init__()
        stack = lambda layers: nn.ModuleList(Layer(layer, options.heads, options.dropout) for layer in layers)
        self.dropout, self.scale = options.dropout, math.sqrt(options.d_model)
        self.table = nn.Parameter(source.model.shared.weight.detach().clone())
        self.register_buffer("positions", source.model.encoder.embed_positions.weight.detach().clone())
        self.encoder, self.decoder = stack(source.model.encoder.layers), stack(source.model.decoder.layers)

    def embed(self, ids):
        hidden = F.embedding(ids, self.table, padding_idx=PAD) * self.scale + self.positions[: ids.shape[1]]
        return F.dropout(hidden, self.dropout, self.training)

    def forward(self, input_ids, attention_mask, decoder_input_ids):
        mask = attention_mask.bool()[:, None, None]
        memory = self.embed(input_ids)
        for layer in self.encoder:
            memory = layer(memory, mask)
        hidden = self.embed(decoder_input_ids)
        for layer in self.decoder:
            hidden = layer(hidden, None, memory, mask)
        return F.linear(hidden, self.table)


def padded(batch, length, vocabulary, generator):
    """Random ids, ended and padded: lengths even between half and the whole."""
    ids = torch.randint(2, vocabulary, (batch, length), generator=generator)
    lengths = torch.randint((length + 1) // 2, length + 1, (batch, 1), generator=generator)
    lengths[0] = length
    places = torch.arange(length)
    return ids.masked_fill(places == lengths - 1, END).masked_fill(places >= lengths, PAD)


def batch_of(options):
    generator = torch.Generator().manual_seed(1)
    source = padded(options.batch, options.source_length, options.vocabulary, generator)
    target = padded(options.batch, options.target_length, options.vocabulary, generator)
    inputs = {
        "input_ids": source,
        "attention_mask": (source != PAD).long(),
        "decoder_input_ids": F.pad(target, (1, -1), value=PAD),
    }
    return inputs, target.masked_fill(target == PAD, IGNORED)


class Form(timing.Form):
    """A network, and how it gives logits."""

    def __init__(self, network, logits, fused, options):
        parameters = list(network.parameters())
        optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.98), fused=fused)
        super().__init__(network, parameters, optimizer, options)
        self.logits = logits

    def loss(self, inputs, labels):
        return F.cross_entropy(
            self.logits(inputs).flatten(0, 1),
            labels.flatten(),
            ignore_index=IGNORED,
            label_smoothing=self.options.label_smoothing,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    sizes = {"d-model": 256, "layers": 3, "heads": 4, "ffn": 1024, "vocabulary": 400, "batch": 128}
    timing.add_sizes(parser, sizes | {"source-length": 12, "target-length": 12})
    parser.add_argument("--dropout", type=float, default=0.1, help="(0.1)")
    parser.add_argument("--label-smoothing", type=float, default=0.1, help="(0.1)")
    parser.add_argument("--compile", action="store_true", help="put the by-hand form through torch.compile")
    options = parser.parse_args()

    timing.start(options)
    library = reference(options)
    by_hand = ByHand(reference_copy(library, options), options)
    run_by_hand = torch.compile(by_hand) if options.compile else by_hand
    forms = {
        "transformers": Form(library, lambda inputs: library(**inputs).logits, False, options),
        "by-hand": Form(by_hand, lambda inputs: run_by_hand(**inputs), True, options),
    }
    batch = batch_of(options)
    timing.compare(forms, batch)
    timing.take_turns(forms, batch, options)
    timing.show(forms, options, {})


def reference_copy(library, options):
    """A second network with the same weights: the by-hand form takes its modules over and trains them."""
    copy = reference(options)
    copy.load_state_dict(library.state_dict())
    return copy


if __name__ == "__main__":
    main()
