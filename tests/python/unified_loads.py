"""A student of unified texts gives in transformers what `alambic predict` prints, and its card is what the hub takes.

    pip install torch transformers safetensors huggingface_hub indic-nlp-library
    python tests/python/unified_loads.py ALAMBIC STUDENT [TEXT…]

STUDENT is a folder of a sentence encoder that was trained with `unify-script = "devanagari"` and pools by the mean. For each text the
tokens are compared with those of the text that the Indic NLP Library writes in Devanagari, and the vector with that of `predict`.
Exits with 1 where tokens differ, or a number of a vector by more than 1e-4.
"""

import subprocess
import sys

import torch
from huggingface_hub import ModelCard
from indicnlp.transliterate.unicode_transliterate import UnicodeIndicTransliterator
from transformers import AutoModel, AutoTokenizer

TEXTS = ["ಕಮಲ ಮತ್ತು ಜಲ", "কমল ও জল।", "தமிழ் கமல", "ਕਮਲ ਤੇ ਜਲ", "કમલ અને જલ", "ଜଳ ଓ କମଳ", "కమల, జల", "കമലം ജലം", "कमल और जल",
         "the lotus and the water", "ಜಲ\u0301 é اردو"]


def unified(text):
    for language in ["bn", "pa", "gu", "or", "ta", "te", "kn", "ml"]:
        text = UnicodeIndicTransliterator.transliterate(text, language, "hi")
    return text


alambic, student, *texts = sys.argv[1:]
tokenizer, model = AutoTokenizer.from_pretrained(student), AutoModel.from_pretrained(student).eval()
failed, largest = False, 0.0
for text in texts or TEXTS:
    tokens = tokenizer(text, truncation=True, return_tensors="pt")
    if tokens.input_ids[0].tolist() != tokenizer(unified(text), truncation=True).input_ids:
        print("other tokens:", text, tokenizer.convert_ids_to_tokens(tokens.input_ids[0]))
        failed = True
    with torch.no_grad():
        states = model(**tokens).last_hidden_state[0]
    vector = torch.nn.functional.normalize(states.mean(0), dim=0)
    said = subprocess.run([alambic, "predict", student, text], capture_output=True, text=True, check=True).stdout
    own = torch.tensor([float(number) for number in said[len(text):].split()])
    largest = max(largest, (own - vector).abs().max().item())
print(f"{len(texts or TEXTS)} texts, {type(tokenizer).__name__}, largest difference {largest:.1e}")
card = ModelCard.load(f"{student}/README.md")
print("card:", card.data.to_dict()["alambic"])
sys.exit(failed or largest > 1e-4)
