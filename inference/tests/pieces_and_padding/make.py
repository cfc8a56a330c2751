"""Makes tiny random encoders, and what the scripts of IndicXTREME compute of them: tags of all pieces of words, and means over all
positions with padding.

    python make.py

in an environment with torch, transformers, safetensors and seqeval==0.0.12; versions are written to `expected.json`. Tags are
scored as those scripts score them: each piece of a word has its word's tag (`label_all_tokens`), special tokens are left out, and
so is what does not fit in MAX_LENGTH tokens. Sentences are embedded by the mean of the last layer over POSITIONS positions, padded
ones among them, and each English sentence asks for the nearest of the others by cosine.
"""

import json
import pathlib
import random

import seqeval
import torch
import transformers
from seqeval.metrics import f1_score
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).parent
LANGUAGES = {"ar": 0, "en": 1, "hi": 2}
MAX_LENGTH = 16
POSITIONS = 128
TAGS = ["O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC"]
ENGLISH = ["The man opened the old brown tap.", "Water flowed from the spout", "Zoë lives in Old Delhi, near a river and a market.",
           "She sells brass bells", "A dog ran home!", "x"]
HINDI = ["आदमी ने नल खोला।", "नल से पानी बहा", "ज़ोई पुरानी दिल्ली में नदी और बाज़ार के पास रहती है।", "वह पीतल की घंटियाँ बेचती है",
         "कुत्ता घर भागा!", "क"]
# Words as a tokenized corpus has them: a joiner by itself, punctuation, a word of many pieces, more words than fit.
SENTENCES = [text.split(" ") for text in [
    "The man opened the old brown tap .", "आदमी ने दिल्ली में नल खोला ।", "Zoë-Marie (Delhi) 1,000 x", "सीताफलमंडी",
    "नल से पानी बहा और वह घर भागा और कुत्ता नदी के पास रहती है और पीतल की घंटियाँ बेचती है", "\u200d a b", "Water flowed"]]


def word_pieces(pad_first):
    pad, unknown, first, separator = "[PAD]", "[UNK]", "[CLS]", "[SEP]"
    split = lambda text: pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normalizers.BertNormalizer().normalize_str(text))
    texts = [*ENGLISH, *HINDI, *(" ".join(words) for words in SENTENCES)]
    words = sorted({word for text in texts for word, _ in split(text)})
    # Some words are left out, so that they fall into pieces.
    known = [word for number, word in enumerate(words) if number % 4]
    letters = sorted({letter for word in words for letter in word})
    pieces = [piece for letter in letters for piece in (letter, "##" + letter)]
    special = [pad, unknown] if pad_first else [unknown, pad]
    vocabulary = {token: index for index, token in enumerate(dict.fromkeys([*special, first, separator, *pieces, *known]))}
    own = Tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    own.normalizer = normalizers.BertNormalizer()
    own.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    own.post_processor = processors.TemplateProcessing(
        single=f"{first}:0 $A:0 {separator}:0", pair=f"{first}:0 $A:0 {separator}:0 $B:1 {separator}:1",
        special_tokens=[(first, vocabulary[first]), (separator, vocabulary[separator])])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, unk_token=unknown, pad_token=pad, cls_token=first, sep_token=separator,
        model_input_names=["input_ids", "attention_mask"])


def sentence_pieces():
    own = Tokenizer(models.Unigram())
    own.normalizer = normalizers.NFKC()
    own.pre_tokenizer = pre_tokenizers.Metaspace()
    own.decoder = decoders.Metaspace()
    texts = [*ENGLISH, *HINDI, *(" ".join(words) for words in SENTENCES)]
    own.train_from_iterator(texts, trainers.UnigramTrainer(
        vocab_size=150, special_tokens=["<s>", "<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
    own.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=own, unk_token="<unk>", pad_token="<pad>", cls_token="<s>", sep_token="</s>", bos_token="<s>",
        eos_token="</s>", model_input_names=["input_ids", "attention_mask"])


def kinds():
    sizes = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, max_position_embeddings=132)
    return {
        "bert": (transformers.BertConfig(**sizes, pad_token_id=0), word_pieces(True)),
        "xlm-roberta": (
            transformers.XLMRobertaConfig(**sizes, type_vocab_size=1, pad_token_id=1, bos_token_id=0, eos_token_id=2),
            sentence_pieces()),
        "distilbert": (
            transformers.DistilBertConfig(
                dim=16, n_layers=2, n_heads=2, hidden_dim=24, max_position_embeddings=132, pad_token_id=0),
            word_pieces(True)),
        "xlm": (
            transformers.XLMConfig(emb_dim=16, n_layers=2, n_heads=2, max_position_embeddings=132, n_langs=3, pad_index=0,
                                   bos_index=2, eos_index=3, unk_index=1, lang2id=LANGUAGES,
                                   id2lang={str(number): code for code, number in LANGUAGES.items()}),
            word_pieces(True)),
        "mpnet": (transformers.MPNetConfig(**sizes, pad_token_id=1), word_pieces(False)),
        "modernbert": (
            transformers.ModernBertConfig(**sizes, local_attention=8, global_attn_every_n_layers=2, pad_token_id=0,
                                          bos_token_id=2, eos_token_id=3, cls_token_id=2, sep_token_id=3),
            word_pieces(True)),
    }


def randomise(model):
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1:
                # Large ones tell tokens and texts apart.
                parameter.normal_(std=1.0 if "embed" in name or "class" in name else 0.4)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return model


def tagged(model, tokenizer, draw):
    """The pieces of each sentence, its tags, and F1."""
    sentences, right, found = [], [], []
    for words in SENTENCES:
        inputs = tokenizer(words, is_split_into_words=True, truncation=True, max_length=MAX_LENGTH, return_tensors="pt")
        with torch.no_grad():
            classes = model(**inputs).logits[0].argmax(-1).tolist()
        pieces = [(word, TAGS[tag]) for word, tag in zip(inputs.word_ids(0), classes) if word is not None]
        # Tags of a word are those of a piece of it more often than not, so that some of what is found is right.
        tags = [draw.choice([tag for word, tag in pieces if word == place] * 3 + TAGS[:3]) for place in range(len(words))]
        sentences.append({"words": words, "tags": tags, "pieces": pieces})
        right.append([tags[word] for word, _ in pieces])
        found.append([tag for _, tag in pieces])
    return sentences, f1_score([*right], [*found])


def means(model, tokenizer, texts):
    inputs = tokenizer(texts, truncation=True, padding="max_length", max_length=POSITIONS, return_tensors="pt")
    with torch.no_grad():
        return model(**inputs).last_hidden_state.mean(1)


def told(model, tokenizer, texts, language):
    """Means over tokens of a model that is told the language of its texts (`langs`)."""
    inputs = tokenizer(texts, padding=True, return_tensors="pt")
    langs = torch.full_like(inputs.input_ids, LANGUAGES[language])
    with torch.no_grad():
        states = model(**inputs, langs=langs).last_hidden_state
    mask = inputs.attention_mask[..., None]
    return (states * mask).sum(1) / mask.sum(1)


def main():
    versions = {"transformers": transformers.__version__, "torch": torch.__version__, "seqeval": "0.0.12"}
    expected = {"versions": versions, "max_length": MAX_LENGTH, "positions": POSITIONS, "english": ENGLISH, "hindi": HINDI,
                "models": {}}
    for seed, (name, (config, tokenizer)) in enumerate(kinds().items()):
        torch.manual_seed(seed)
        draw = random.Random(seed)
        config.vocab_size = len(tokenizer)
        config.id2label, config.label2id = dict(enumerate(TAGS)), {tag: index for index, tag in enumerate(TAGS)}
        model = randomise(transformers.AutoModelForTokenClassification.from_config(config, attn_implementation="eager")).eval()
        model.save_pretrained(HERE / name)
        tokenizer.model_max_length = 128
        tokenizer.save_pretrained(HERE / name)
        sentences, f1 = tagged(model, tokenizer, draw)
        english, hindi = means(model.base_model, tokenizer, ENGLISH), means(model.base_model, tokenizer, HINDI)
        unit = torch.nn.functional.normalize
        places = (unit(english) @ unit(hindi).T).argmax(1).tolist()
        assert 0.1 < f1 < 0.95 and len(set(places)) > 1, (name, f1, places)
        own = {} if name != "xlm" else {
            "told": {code: told(model.base_model, tokenizer, HINDI, code).tolist() for code in LANGUAGES}}
        expected["models"][name] = own | {"sentences": sentences, "chunk-f1": f1, "means": hindi.tolist(), "places": places}
        print(name, f1, places)
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
