"""Shows that the cards of exported folders are what the hub takes, and that the programs in them run.

    python cards.py FOLDER...

FOLDER is `student/` of a run, what `alambic export` wrote, or `hf/` in that. Its card is parsed by huggingface_hub,
`model-index` included, and held against the rules that the hub documents for licences, languages, names of repositories,
libraries and tasks (https://huggingface.co/docs/hub/model-cards). Where the hub answers, it validates the card as well.
Every program in Python is run in the folder, with an image of random pixels as `IMAGE.png`; what the libraries warn of is
shown. Ends with 1 where a card or a program fails. Needs what `requirements/sentence-transformers-6.txt` has. Run by hand:
the tests of the project need no Python.
"""

import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import huggingface_hub
import numpy as np
from huggingface_hub import ModelCard, metadata_load
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results
from PIL import Image

LICENCES = re.compile(
    r"(apache-2\.0|mit|unknown|other|isc|zlib|unlicense|pddl|wtfpl|postgresql|ncsa|gfdl|ms-pl|c-uda|gemma|"
    r"(afl|agpl|artistic|bsl|ecl|epl|etalab|eupl|gpl|lgpl|mpl|ofl|osl|cdla-\w+|lppl)-[\d.c]+|gpl|lgpl|bsd(-\S+)?|"
    r"cc(0-1\.0|-by(-(nc|nd|sa|nc-nd|nc-sa))?-[\d.]+)?|openrail(\+\+)?|\S+-openrail-m|od(bl|c-by)|llama[\d.]+)")
TASKS = {"sentence-similarity", "feature-extraction", "text-classification", "token-classification", "fill-mask", "translation",
         "question-answering", "text-ranking", "visual-question-answering", "zero-shot-image-classification",
         "object-detection"}
LIBRARIES = {"transformers", "sentence-transformers", "alambic"}
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def listed(value):
    return [value] if isinstance(value, str) else value or []


def faults_of_metadata(card):
    """Departures from what the hub documents for the metadata of model cards."""
    data = ModelCard.load(card, ignore_metadata_errors=False).data
    values = data.to_dict()
    stored = metadata_load(card)
    if stored is None:
        yield "there is no metadata"
        return
    licence = values.get("license")
    if licence is not None and not LICENCES.fullmatch(licence):
        yield f"license {licence!r} is none that the hub knows"
    if (licence == "other") != ("license_name" in values):
        yield "license_name stands with `license: other`, and with no other"
    for language in listed(values.get("language")):
        if not re.fullmatch(r"[a-z]{2,3}", language):
            yield f"language {language!r} is no code of ISO 639"
    for key in ("base_model", "datasets"):
        for name in listed(values.get(key)):
            if not REPOSITORY.fullmatch(name):
                yield f"{key} {name!r} is no repository of the hub"
    if values.get("library_name") not in LIBRARIES:
        yield f"library_name is {values.get('library_name')!r}"
    if values.get("pipeline_tag", "translation") not in TASKS:
        yield f"pipeline_tag {values['pipeline_tag']!r} is not known"
    if "model-index" in stored:
        name, results = model_index_to_eval_results(stored["model-index"])
        again = model_index_to_eval_results(eval_results_to_model_index(name, results))
        if not results or again != (name, results):
            yield "model-index is not read as it is written"
        for result in results:
            if not isinstance(result.metric_value, (int, float)) or not math.isfinite(result.metric_value):
                yield f"the value of {result.metric_type} is {result.metric_value!r}"


def validated(card):
    """What the hub itself says of a card."""
    try:
        ModelCard.load(card).validate()
    except ValueError as error:
        return f"the hub: {error}", False
    except Exception as error:
        return f"not asked ({type(error).__name__})", True
    return "the hub takes it", True


def run(folder, program):
    with tempfile.TemporaryDirectory() as place:
        place = Path(place) / "model"
        # Folders of its own, since Optimum follows no link to one.
        shutil.copytree(folder.resolve(), place, copy_function=os.symlink)
        pixels = np.random.default_rng(1).integers(0, 255, (48, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(place / "IMAGE.png")
        return subprocess.run([sys.executable, "-c", program], cwd=place, capture_output=True, text=True,
                              env={**os.environ, "HF_HUB_OFFLINE": "1"})


def main():
    print(f"huggingface_hub {huggingface_hub.__version__}")
    failed, is_online = False, True

    def show(folder, what, result, is_good=True):
        nonlocal failed
        failed |= not is_good
        print(folder, what, result, *([] if is_good else ["FAILED"]), sep="\t", flush=True)

    for folder in map(Path, sys.argv[1:]):
        card = folder / "README.md"
        try:
            faults = list(faults_of_metadata(card))
        except Exception as error:
            faults = [f"{type(error).__name__}: {error}"]
        show(folder, "metadata", "; ".join(faults) or "sound", not faults)
        if is_online:
            said, is_good = validated(card)
            is_online = not said.startswith("not asked")
            show(folder, "validation", said, is_good)
        for program in re.findall(r"^```python\n(.*?)\n```$", card.read_text(encoding="utf-8"), re.M | re.S):
            ended = run(folder, program)
            lines = (ended.stdout if ended.returncode == 0 else ended.stderr).strip().splitlines() or [""]
            show(folder, "program", lines[-1][:100], ended.returncode == 0)
            warned = [line for line in ended.stderr.splitlines() if re.search("warn|MISSING|UNEXPECTED|MISMATCH", line)]
            if warned:
                show(folder, "warns", "; ".join(line.strip() for line in warned)[:200])
    sys.exit(failed)


main()
