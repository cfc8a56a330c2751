"""Prints the mean state of one sentence, as a script with transformers does: python first_sentence.py MODEL SENTENCE."""

import sys

import torch
from transformers import AutoModel, AutoTokenizer

tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
model = AutoModel.from_pretrained(sys.argv[1]).eval()
with torch.inference_mode():
    states = model(**tokenizer(sys.argv[2], return_tensors="pt")).last_hidden_state
print(*states.mean(1)[0].tolist())
