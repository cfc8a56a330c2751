"""Times one training step of an encoder-decoder in PyTorch, in Marian's layout or in T5's, for comparison with this project.

    pip install torch==2.11.0 transformers==5.23.0
    python marian_step.py [--t5 1] [--d-model 256] [--layers 3] [--compile] [--steps 20] ...

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
from transformers import MarianConfig, MarianMTModel, T5Config, T5ForConditionalGeneration

PAD, END = 0, 1
# Of the model, and whether it is in T5's layout.
SIZES = {"t5": 0, "d-model": 256, "layers": 3, "heads": 4, "ffn": 1024, "vocabulary": 400}
IGNORED = -100


def reference(options, longest, pad=PAD):
    """The model of the library with random weights; positions reach to `longest` at least."""
    shared = {"vocab_size": options.vocabulary, "d_model": options.d_model, "pad_token_id": pad, "eos_token_id": END}
    if options.t5:
        config = T5Config(
            **shared,
            d_kv=options.d_model // options.heads,
            d_ff=options.ffn,
            num_layers=options.layers,
            num_heads=options.heads,
            feed_forward_proj="gated-gelu",
            dropout_rate=options.dropout,
            decoder_start_token_id=pad,
            use_cache=False,
        )
        return T5ForConditionalGeneration(config)
    config = MarianConfig(
        **shared,
        encoder_layers=options.layers,
        decoder_layers=options.layers,
        encoder_attention_heads=options.heads,
        decoder_attention_heads=options.heads,
        encoder_ffn_dim=options.ffn,
        decoder_ffn_dim=options.ffn,
        max_position_embeddings=max(64, longest),
        activation_function="swish",
        dropout=options.dropout,
        scale_embedding=True,
        decoder_start_token_id=pad,
        forced_eos_token_id=None,
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


class T5Attention(nn.Module):
    """Packed as `Attention`; scores are not scaled, and self-attention adds a bias of distances."""

    def __init__(self, source, heads, dropout, cross):
        super().__init__()
        packed = [source.k, source.v] if cross else [source.q, source.k, source.v]
        self.heads, self.dropout, self.cross = heads, dropout, cross
        self.queries = source.q if cross else None
        self.weight = nn.Parameter(torch.cat([projection.weight for projection in packed]).detach())
        self.output = source.o

    def forward(self, hidden, memory=None, mask=None):
        split = lambda packed: packed.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        packed = F.linear(memory if self.cross else hidden, self.weight)
        parts = packed.chunk(2 if self.cross else 3, -1)
        if self.cross:
            parts = (self.queries(hidden), *parts)
        queries, keys, values = map(split, parts)
        dropout = self.dropout if self.training else 0.0
        context = F.scaled_dot_product_attention(queries, keys, values, mask, dropout, scale=1.0)
        return self.output(context.transpose(1, 2).flatten(-2))


class T5Layer(nn.Module):
    """Norms before, without means; a gate in the feed-forward block, packed with what it gates."""

    def __init__(self, source, heads, dropout):
        super().__init__()
        self.dropout = dropout
        own, *cross, feed = source.layer
        norm = lambda layer: nn.Parameter(layer.layer_norm.weight.detach().clone())
        self.own, self.own_norm = T5Attention(own.SelfAttention, heads, dropout, cross=False), norm(own)
        self.cross = self.cross_norm = None
        if cross:
            self.cross_norm = norm(cross[0])
            self.cross = T5Attention(cross[0].EncDecAttention, heads, dropout, cross=True)
        dense = feed.DenseReluDense
        self.inner = nn.Parameter(torch.cat([dense.wi_0.weight, dense.wi_1.weight]).detach())
        self.outer, self.norm = dense.wo, norm(feed)

    def forward(self, hidden, mask, memory=None, memory_mask=None):
        dropped = lambda branch: F.dropout(branch, self.dropout, self.training)
        hidden = hidden + dropped(self.own(rms_norm(hidden, self.own_norm), mask=mask))
        if self.cross:
            hidden = hidden + dropped(self.cross(rms_norm(hidden, self.cross_norm), memory, memory_mask))
        gate, linear = F.linear(rms_norm(hidden, self.norm), self.inner).chunk(2, -1)
        return hidden + dropped(self.outer(dropped(F.gelu(gate, approximate="tanh") * linear)))


def rms_norm(hidden, weight):
    return F.rms_norm(hidden, weight.shape, weight, 1e-6)


class T5ByHand(nn.Module):
    """The same network as `reference` gives for T5, from its weights."""

    def __init__(self, source, options):
        super().__init__()
        stack = lambda part: nn.ModuleList(T5Layer(layer, options.heads, options.dropout) for layer in part.block)
        self.dropout, self.scale = options.dropout, options.d_model**-0.5
        self.table = nn.Parameter(source.shared.weight.detach().clone())
        self.encoder, self.decoder = stack(source.encoder), stack(source.decoder)
        norm = lambda part: nn.Parameter(part.final_layer_norm.weight.detach().clone())
        self.encoder_norm, self.decoder_norm = norm(source.encoder), norm(source.decoder)
        first = [part.block[0].layer[0].SelfAttention for part in (source.encoder, source.decoder)]
        self.distances = nn.ModuleList(attention.relative_attention_bias for attention in first)
        for place, (attention, length) in enumerate(zip(first, (options.source_length, options.target_length))):
            ahead = torch.arange(length)[None] - torch.arange(length)[:, None]
            buckets = attention._relative_position_bucket(
                ahead, bidirectional=place == 0, num_buckets=32, max_distance=128
            )
            self.register_buffer(f"buckets{place}", buckets)
        causal = torch.full((options.target_length, options.target_length), -torch.inf).triu(1)
        self.register_buffer("causal", causal)

    def embed(self, ids):
        return F.dropout(F.embedding(ids, self.table), self.dropout, self.training)

    def forward(self, input_ids, attention_mask, decoder_input_ids):
        dropped = lambda hidden: F.dropout(hidden, self.dropout, self.training)
        bias = lambda place, buckets: self.distances[place](buckets).permute(2, 0, 1)[None]
        padding = torch.zeros(attention_mask.shape).masked_fill(attention_mask == 0, -torch.inf)[:, None, None]
        own = bias(0, self.buckets0) + padding
        memory = self.embed(input_ids)
        for layer in self.encoder:
            memory = layer(memory, own)
        memory = dropped(rms_norm(memory, self.encoder_norm))
        own = bias(1, self.buckets1) + self.causal
        hidden = self.embed(decoder_input_ids)
        for layer in self.decoder:
            hidden = layer(hidden, own, memory, padding)
        # A table that is shared with the logits is scaled there.
        return F.linear(dropped(rms_norm(hidden, self.decoder_norm)) * self.scale, self.table)


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
    timing.add_sizes(parser, SIZES | {"batch": 128, "source-length": 12, "target-length": 12})
    parser.add_argument("--dropout", type=float, default=0.1, help="(0.1)")
    parser.add_argument("--label-smoothing", type=float, default=0.1, help="(0.1)")
    parser.add_argument("--compile", action="store_true", help="put the by-hand form through torch.compile")
    parser.add_argument("--form", choices=["transformers", "by-hand"], help="this form alone")
    options = parser.parse_args()

    timing.start(options)
    library = reference(options, max(options.source_length, options.target_length))
    by_hand = (T5ByHand if options.t5 else ByHand)(reference_copy(library, options), options)
    run_by_hand = torch.compile(by_hand) if options.compile else by_hand
    forms = {
        "transformers": Form(library, lambda inputs: library(**inputs).logits, False, options),
        "by-hand": Form(by_hand, lambda inputs: run_by_hand(**inputs), True, options),
    }
    batch = batch_of(options)
    timing.compare(forms, batch)
    forms = {name: form for name, form in forms.items() if options.form in [None, name]}
    timing.take_turns(forms, batch, options)
    timing.show(forms, options, {})


def reference_copy(library, options):
    """A second network with the same weights: the by-hand form takes its modules over and trains them."""
    copy = reference(options, max(options.source_length, options.target_length))
    copy.load_state_dict(library.state_dict())
    return copy


if __name__ == "__main__":
    main()
