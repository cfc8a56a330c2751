"""Makes tiny models of random weights, of every kind that has a place in the matrix, as transformers and
sentence-transformers save them.

    python make_models.py FOLDER

Each is a folder within FOLDER. `matrix.py` calls this with the Python of sentence-transformers 6.
"""

import shutil
import sys
from pathlib import Path

import torch
import transformers
from sentence_transformers import CrossEncoder, SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

OUT = Path(sys.argv[1])
SLOW = Path(__file__).resolve().parents[3] / "models/tests/slow"
TEXTS = ["a red square is above a blue circle", "the soup was dull and cold", "what colour is the square?", "good", "not a good film",
         "the film was long but the end was good", "where is the circle?", "the circle is below the red square"]
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
         "max_position_embeddings": 40, "initializer_range": 0.2}
LABELS = ["bad", "good", "neither"]
TAGS = ["O", "B-COLOUR", "I-COLOUR", "B-SHAPE", "I-SHAPE"]


def of_labels(labels):
    return {"id2label": dict(enumerate(labels)), "label2id": {label: index for index, label in enumerate(labels)}}


def word_pieces():
    trained = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    trained.normalizer = normalizers.BertNormalizer()
    trained.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trained.train_from_iterator(TEXTS, trainers.WordPieceTrainer(vocab_size=120, special_tokens=special, show_progress=False))
    return transformers.BertTokenizer(vocab=trained.get_vocab(), model_max_length=40)


def bytes_of_words():
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    letters = pre_tokenizers.ByteLevel.alphabet()
    trained.train_from_iterator(TEXTS, trainers.BpeTrainer(
        vocab_size=360, special_tokens=special, initial_alphabet=letters, show_progress=False))
    trained.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=trained, bos_token="<s>", eos_token="</s>", cls_token="<s>", sep_token="</s>", unk_token="<unk>",
        pad_token="<pad>", mask_token="<mask>", model_max_length=38)


def save(name, model, tokenizer):
    model.eval().save_pretrained(OUT / name)
    tokenizer.save_pretrained(OUT / name)


def bert(**more):
    return transformers.BertConfig(vocab_size=len(WORDS), **SIZES, **more)


def roberta(**more):
    return transformers.RobertaConfig(vocab_size=len(BYTES), **SIZES, pad_token_id=1, bos_token_id=0, eos_token_id=2,
                                      type_vocab_size=1, **more)


def distilbert(**more):
    return transformers.DistilBertConfig(
        vocab_size=len(WORDS), dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=40, initializer_range=0.2,
        **more)


def encoders():
    for family, config, tokenizer in (("Bert", bert, WORDS), ("Roberta", roberta, BYTES), ("DistilBert", distilbert, WORDS)):
        for head, name, more in (
            ("ForSequenceClassification", "classifier", of_labels(LABELS)),
            ("ForTokenClassification", "tagger", of_labels(TAGS)),
            ("ForQuestionAnswering", "answers", {}),
            ("ForMaskedLM", "masked-words", {}),
            ("Model", "states", {}),
        ):
            if head == "Model" and family == "Roberta":
                continue
            model = getattr(transformers, family + head)(config(**more))
            save(f"{name}-{family.lower()}", model, tokenizer)
    several = of_labels(LABELS) | {"problem_type": "multi_label_classification"}
    save("several-labels", transformers.BertForSequenceClassification(bert(**several)), WORDS)


def pairs():
    plain = transformers.BertForSequenceClassification(bert(num_labels=1))
    save("pairs-plain", plain, WORDS)
    CrossEncoder(str(OUT / "pairs-plain"), activation_fn=torch.nn.Identity()).save_pretrained(str(OUT / "pairs-identity"))
    # As sentence-transformers 4 and 5 write it.
    plain.config.sentence_transformers = {"activation_fn": "torch.nn.modules.linear.Identity"}
    save("pairs-identity-older", plain, WORDS)


def sentences():
    for family, model, tokenizer in (("bert", transformers.BertModel(bert()), WORDS),
                                     ("distilbert", transformers.DistilBertModel(distilbert()), WORDS),
                                     ("roberta", transformers.RobertaModel(roberta()), BYTES)):
        place = OUT / f"encoder-{family}"
        model.eval().save_pretrained(place)
        tokenizer.save_pretrained(place)
        modes = ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken", ("mean", "max"), ("max", "cls")]
        for mode in modes if family == "bert" else modes[:1]:
            reader = Transformer(str(place), max_seq_length=12)
            name = mode if isinstance(mode, str) else "-and-".join(mode)
            modules = [reader, Pooling(32, pooling_mode=mode)]
            SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(OUT / f"sentences-{family}-{name}"))
        pooled = Pooling(32, pooling_mode="mean")
        for name, last in (("normalised", [Normalize()]), ("dense", [Dense(32, 16), Normalize()]),
                           ("two-dense", [Dense(32, 24, activation_function=torch.nn.GELU()),
                                          Dense(24, 8, bias=False, activation_function=torch.nn.Identity())])):
            if family == "bert":
                modules = [Transformer(str(place), max_seq_length=12), pooled, *last]
                SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(OUT / f"sentences-bert-{name}"))
        shutil.rmtree(place)


def marian():
    tokenizer = transformers.MarianTokenizer.from_pretrained(SLOW / "marian")
    config = transformers.MarianConfig(
        vocab_size=len(tokenizer), d_model=32, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=48, decoder_ffn_dim=48, max_position_embeddings=128, init_std=0.2,
        pad_token_id=tokenizer.pad_token_id, decoder_start_token_id=tokenizer.pad_token_id, eos_token_id=0, forced_eos_token_id=0,
        scale_embedding=True, activation_function="swish")
    model = transformers.MarianMTModel(config)
    model.generation_config = transformers.GenerationConfig(
        pad_token_id=config.pad_token_id, decoder_start_token_id=config.decoder_start_token_id, eos_token_id=0,
        max_length=12, num_beams=1)
    save("marian", model, tokenizer)


def images():
    tokenizer = transformers.CLIPTokenizer.from_pretrained(SLOW / "clip", model_max_length=64)
    config = transformers.CLIPConfig(
        text_config={**SIZES, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "projection_dim": 16,
                     "bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id,
                     "pad_token_id": tokenizer.pad_token_id},
        vision_config={**{key: SIZES[key] for key in SIZES if key != "max_position_embeddings"}, "image_size": 32, "patch_size": 8,
                       "projection_dim": 16},
        projection_dim=16)
    save("clip", transformers.CLIPModel(config), tokenizer)
    size = {"height": 32, "width": 32}
    transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=size).save_pretrained(OUT / "clip")
    for name, head, more in (("answers", "ForQuestionAnswering", of_labels(LABELS)), ("words", "ForMaskedLM", {}),
                             ("match", "ForImageAndTextRetrieval", {}), ("states", "Model", {})):
        config = transformers.ViltConfig(vocab_size=len(WORDS), **SIZES, image_size=32, patch_size=8, **more)
        save(f"vilt-{name}", getattr(transformers, "Vilt" + head)(config), WORDS)
        processor = transformers.ViltImageProcessor(size={"shortest_edge": 32}, size_divisor=8)
        processor.save_pretrained(OUT / f"vilt-{name}")


torch.manual_seed(1)
WORDS, BYTES = word_pieces(), bytes_of_words()
encoders()
pairs()
sentences()
marian()
images()
for card in OUT.glob("*/README.md"):
    # Those of sentence-transformers have placeholders; an export writes its own where there is none.
    card.unlink()
