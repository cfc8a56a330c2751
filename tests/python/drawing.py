"""An exported model that draws images of texts in onnxruntime.

    python tests/python/drawing.py ALAMBIC STUDENT [TEXT…]

exports the folder STUDENT with the program ALAMBIC, and draws of each text by the likeliest tokens: `text_prefix.onnx` and
`image_step.onnx` have to give the tokens that `alambic predict --draw --top-k 1` gives, for texts of several lengths together and with
padding, and `reconstructor.onnx`, or `decoder.onnx`, the image that it writes (one step of 8 bits). Then each image is told:
`encoder.onnx`, `image_prefix.onnx` and `text_step.onnx` have to give the text that `alambic predict --image` gives. Exits with 1 where
they differ. Needs onnxruntime, tokenizers, numpy and pillow.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from tokenizers import Tokenizer

TEXTS = ["there is a red circle.", "there is a blue square and a green triangle.", "a star"]


def feeds(session, values):
    return {own.name: values[own.name] for own in session.get_inputs()}


class Graphs:
    def __init__(self, folder):
        self.own = {path.stem: onnxruntime.InferenceSession(str(path)) for path in (folder / "onnx").glob("*.onnx")}

    def run(self, name, **values):
        session = self.own[name]
        names = [own.name for own in session.get_outputs()]
        return dict(zip(names, session.run(names, feeds(session, values))))

    def write(self, prefix, step, source, start, count, end=None):
        past = {name.replace("present", "past_key_values"): value
                for name, value in self.run(prefix, **source).items()}
        token, written = np.array(start), []
        for _ in range(count):
            found = self.run(step, **{**source, **past, "input_ids": token[:, None]})
            token = found["logits"][:, -1].argmax(-1)
            past = {name.replace("present", "past_key_values"): value for name, value in found.items() if name != "logits"}
            written.append(token)
            if end is not None and token[0] == end:
                break
        return np.stack(written, 1)


def main():
    program, student, *texts = sys.argv[1:]
    texts = texts or TEXTS
    wrong = 0
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        call = lambda *more: subprocess.run([program, *more], check=True, capture_output=True, text=True).stdout
        call("export", student, "--format", "hf,onnx", "--to", str(work / "out"))
        config = json.loads((work / "out" / "hf" / "config.json").read_text())
        tokenizer = Tokenizer.from_file(str(work / "out" / "hf" / "tokenizer.json"))
        graphs = Graphs(work / "out")
        words, codes = config["vocab_size"], config["image_tokenizer"]["num_tokens"]
        side = config["image_tokenizer"]["image_size"]
        count = (side >> config["image_tokenizer"]["num_layers"]) ** 2
        ids = [tokenizer.encode(text).ids for text in texts]
        longest = max(map(len, ids)) + 2
        source = {
            "input_ids": np.array([own + [config["pad_token_id"]] * (longest - len(own)) for own in ids]),
            "attention_mask": np.array([[1] * len(own) + [0] * (longest - len(own)) for own in ids]),
        }
        drawn = graphs.write("text_prefix", "image_step", source, [words + codes] * len(texts), count)
        if "reconstructor" in graphs.own:
            image = np.concatenate([np.full((len(texts), 1), words + codes), drawn], 1)
            made = graphs.run("reconstructor", **source, image_ids=image)["reconstruction"]
        else:
            made = graphs.run("decoder", tokens=drawn - words)["reconstruction"]
        made = np.clip(np.round((made + 1) * 127.5), 0, 255).transpose(0, 2, 3, 1)
        for place, text in enumerate(texts):
            file = work / "drawn.png"
            line = json.loads(call("predict", student, "--draw", str(file), "--top-k", "1", "--json", text))
            same = line["images"][0]["tokens"] == (drawn[place] - words).tolist()
            pixels = np.asarray(Image.open(file).convert("RGB"), dtype=float)
            apart = np.abs(pixels - made[place]).max()
            told = call("predict", student, "--image", str(file)).rstrip("\n").split("\t")[-1]
            values = (pixels / 127.5 - 1).transpose(2, 0, 1)[None].astype(np.float32)
            tokens = graphs.run("encoder", pixel_values=values)["tokens"] + words
            read = {"input_ids": np.concatenate([np.full((1, 1), words + codes), tokens], 1)}
            found = graphs.write("image_prefix", "text_step", read, [words + codes + 1],
                                 config["max_position_embeddings"] - 1, config["eos_token_id"])
            found = tokenizer.decode(found[0].tolist(), skip_special_tokens=True)
            print(f"{text!r}: tokens {'same' if same else 'differ'}, image apart by {apart:.0f}, told {told!r}, {found!r}")
            wrong += not same or apart > 1 or found.strip() != told.strip()
    sys.exit(1 if wrong else 0)


main()
