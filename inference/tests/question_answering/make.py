"""Makes tiny random models with a question-answering head, and what transformers and the published post-processing of SQuAD
answer with them.

    python make.py

in an environment with torch, transformers and safetensors; versions are written to `expected.json`. Answers are chosen as
the published scripts of BERT and transformers' example of question answering do it: of each window the 20 best starts and
ends, no answer by the first token, the best of all windows.
"""

import json
import pathlib

import numpy
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

HERE = pathlib.Path(__file__).parent
MAX_LENGTH, STRIDE, MAX_ANSWER, BEST = 24, 6, 8, 20
PASSAGES = [
    "Anna lives in Old Delhi. Ravi sells brass bells and green tea in Pune, where he was born in 1990. Mina works as a pilot "
    "and flies to Oslo, Lima and Quito; she never sells lamps. Tomas, a baker, lives in Goa!",
    "Zoë sold “silk scarves” in Tartu.",
    "Goa",
]
QUESTIONS = ["Where does Anna live?", "What does Ravi sell?", "Who flies to Lima?", "Where was he born?"]


def tokenizer(inputs):
    words = sorted({
        word
        for text in PASSAGES + QUESTIONS
        for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalizers.BertNormalizer().normalize_str(text))
    })
    # Some words are left out, so that they fall into pieces or are unknown.
    known = [word for number, word in enumerate(words) if number % 5]
    letters = [piece for letter in "abcdefghijklmnopqrstuvwxyz0123456789" for piece in (letter, "##" + letter)]
    vocabulary = {token: index for index, token in enumerate(
        dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *known]))}
    own = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    own.normalizer = normalizers.BertNormalizer()
    own.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    own.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        model_max_length=64, model_input_names=inputs)


def answer(encoded, starts, ends, passage, allows_no_answer):
    """The best span over all windows, and its score."""
    found, nothing = [], min(float(start[0] + end[0]) for start, end in zip(starts, ends))
    for window, (start, end) in enumerate(zip(starts, ends)):
        sequences, offsets = encoded.sequence_ids(window), encoded["offset_mapping"][window]
        for first in numpy.argsort(-start, kind="stable")[:BEST]:
            for last in numpy.argsort(-end, kind="stable")[:BEST]:
                if first >= len(offsets) or last >= len(offsets) or sequences[first] != 1 or sequences[last] != 1:
                    continue
                if last < first or last - first + 1 > MAX_ANSWER:
                    continue
                found.append((float(start[first] + end[last]), int(offsets[first][0]), int(offsets[last][1])))
    best = max(found, key=lambda own: own[0])
    if allows_no_answer and nothing > best[0]:
        return "", nothing
    return passage[best[1]:best[2]], best[0]


def main():
    own = tokenizer(["input_ids", "attention_mask"])
    expected = {"versions": {"transformers": transformers.__version__, "torch": torch.__version__}, "models": {}}
    sizes = dict(vocab_size=len(own), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24,
                 max_position_embeddings=66)
    kinds = {
        "bert": (transformers.BertForQuestionAnswering, transformers.BertConfig(**sizes, pad_token_id=0)),
        "roberta": (transformers.RobertaForQuestionAnswering,
                    transformers.RobertaConfig(**sizes, pad_token_id=0, type_vocab_size=1)),
        "distilbert": (transformers.DistilBertForQuestionAnswering,
                       transformers.DistilBertConfig(vocab_size=len(own), dim=16, n_layers=2, n_heads=2, hidden_dim=24,
                                                     max_position_embeddings=66, pad_token_id=0)),
    }
    for seed, (name, (model_class, config)) in enumerate(kinds.items()):
        torch.manual_seed(seed)
        model = model_class(config).eval()
        with torch.no_grad():
            # Random heads answer alike everywhere; larger weights tell tokens apart.
            model.qa_outputs.weight.normal_(std=1.0)
        model.save_pretrained(HERE / name)
        segments = ["token_type_ids"] if name == "bert" else []
        own = tokenizer(["input_ids", *segments, "attention_mask"])
        own.save_pretrained(HERE / name)
        cases = []
        for question in QUESTIONS:
            for passage in PASSAGES:
                encoded = own(question, passage, truncation="only_second", max_length=MAX_LENGTH, stride=STRIDE,
                              return_overflowing_tokens=True, return_offsets_mapping=True)
                starts, ends = [], []
                for window in range(len(encoded["input_ids"])):
                    inputs = {"input_ids": torch.tensor([encoded["input_ids"][window]])}
                    if name == "bert":
                        inputs["token_type_ids"] = torch.tensor([encoded["token_type_ids"][window]])
                    with torch.no_grad():
                        out = model(**inputs)
                    starts.append(out.start_logits[0].numpy())
                    ends.append(out.end_logits[0].numpy())
                text, score = answer(encoded, starts, ends, passage, False)
                text_or_none, _ = answer(encoded, starts, ends, passage, True)
                cases.append({
                    "question": question, "passage": passage, "windows": [list(ids) for ids in encoded["input_ids"]],
                    "start_logits": [[float(value) for value in start] for start in starts],
                    "answer": text, "score": score, "answer_or_none": text_or_none,
                })
        expected["models"][name] = cases
    expected["sizes"] = {"max_length": MAX_LENGTH, "stride": STRIDE, "max_answer_length": MAX_ANSWER}
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
