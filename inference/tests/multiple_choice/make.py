"""Makes tiny random models with a head of multiple choice, of each family that transformers has with one, and the scores that
transformers gives to choices.

    python make.py

in an environment with torch, transformers and safetensors; versions are written to `expected.json`. Questions have as many
choices as they have; transformers takes a batch of one question, `[1, choices, length]`.
"""

import json
import pathlib

import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

HERE = pathlib.Path(__file__).parent
MAX_LENGTH = 24
QUESTIONS = [
    ("The man opened the tap. What was the effect?", ["The toilet filled with water.", "Water flowed from the spout."]),
    ("The child wept. What was the cause?", ["She fell.", "She slept all night long in the big old bed."]),
    ("बच्चा रोया।", ["वह गिर गया।", "वह सोया।", "Zoë sang"]),
    ("Anna lives in Old Delhi, where she sells brass bells, green tea, honey, lamps, old maps and fresh fish every day.",
     ["She lives in Goa.", "She lives in Old Delhi.", "She sells nothing.", "x"]),
]


def tokenizer(inputs, first_tokens=("[PAD]", "[UNK]")):
    pad, unknown, first, separator = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
    texts = [text for prompt, choices in QUESTIONS for text in [prompt, *choices]]
    words = sorted({
        word
        for text in texts
        for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalizers.BertNormalizer().normalize_str(text))
    })
    # Some words are left out, so that they fall into pieces or are unknown.
    known = [word for number, word in enumerate(words) if number % 5]
    letters = [piece for letter in "abcdefghijklmnopqrstuvwxyz" for piece in (letter, "##" + letter)]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys([*first_tokens, first, separator, *letters, *known]))}
    own = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    own.normalizer = normalizers.BertNormalizer()
    own.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    own.post_processor = processors.TemplateProcessing(
        single=f"{first}:0 $A:0 {separator}:0", pair=f"{first}:0 $A:0 {separator}:0 $B:1 {separator}:1",
        special_tokens=[(first, vocabulary[first]), (separator, vocabulary[separator])])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, unk_token=unknown, pad_token=pad, cls_token=first, sep_token=separator, model_max_length=48,
        model_input_names=inputs)


def kinds(vocabulary):
    sizes = dict(vocab_size=vocabulary, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                 max_position_embeddings=50, pad_token_id=0)
    roberta = dict(sizes, type_vocab_size=1, bos_token_id=2, eos_token_id=3)
    return {
        "bert": transformers.BertConfig(**sizes),
        "roberta": transformers.RobertaConfig(**roberta),
        "xlm-roberta": transformers.XLMRobertaConfig(**roberta),
        "camembert": transformers.CamembertConfig(**roberta),
        "distilbert": transformers.DistilBertConfig(
            vocab_size=vocabulary, dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=50, pad_token_id=0),
        "electra": transformers.ElectraConfig(**sizes, embedding_size=8),
        "albert": transformers.AlbertConfig(**sizes, embedding_size=8),
        "mpnet": transformers.MPNetConfig(**dict(sizes, pad_token_id=1)),
        "deberta-v2": transformers.DebertaV2Config(
            **sizes, type_vocab_size=0, relative_attention=True, pos_att_type=["c2p", "p2c"], position_buckets=8,
            max_relative_positions=-1, share_att_key=True, norm_rel_ebd="layer_norm", position_biased_input=False),
        "modernbert": transformers.ModernBertConfig(
            **sizes, local_attention=8, global_attn_every_n_layers=2, bos_token_id=2, eos_token_id=3, cls_token_id=2,
            sep_token_id=3),
        "modernbert-mean": transformers.ModernBertConfig(
            **sizes, local_attention=8, global_attn_every_n_layers=2, bos_token_id=2, eos_token_id=3, cls_token_id=2,
            sep_token_id=3, classifier_pooling="mean"),
    }


def main():
    expected = {"versions": {"transformers": transformers.__version__, "torch": torch.__version__},
                "max_length": MAX_LENGTH, "models": {}}
    vocabulary = len(tokenizer(["input_ids"]))
    for seed, (name, config) in enumerate(kinds(vocabulary).items()):
        torch.manual_seed(seed)
        # Labels of a configuration say nothing of the head, which has one output.
        config.num_labels = 3
        model = transformers.AutoModelForMultipleChoice.from_config(config, attn_implementation="eager").eval()
        with torch.no_grad():
            # Initial weights score alike everywhere; larger ones tell texts and layers apart.
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.normal_(std=0.3)
                else:
                    parameter.add_(0.1 * torch.randn_like(parameter))
        model.save_pretrained(HERE / name)
        segments = ["token_type_ids"] if getattr(config, "type_vocab_size", 0) > 1 else []
        # MPNet counts positions from a padding token of the number 1, whatever its configuration says.
        first_tokens = ("[UNK]", "[PAD]") if name == "mpnet" else ("[PAD]", "[UNK]")
        own = tokenizer(["input_ids", *segments, "attention_mask"], first_tokens)
        own.save_pretrained(HERE / name)
        cases = []
        for prompt, choices in QUESTIONS:
            inputs = own([prompt] * len(choices), choices, truncation=True, max_length=MAX_LENGTH, padding=True,
                         return_tensors="pt")
            with torch.no_grad():
                logits = model(**{key: value[None] for key, value in inputs.items()}).logits[0]
            assert logits.std() > 0.005, (name, logits)
            cases.append({"prompt": prompt, "choices": choices, "scores": [float(score) for score in logits],
                          "choice": int(logits.argmax())})
        expected["models"][name] = {"class": type(model).__name__, "cases": cases}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
