"""A student of LXMERT in transformers against `alambic trace`.

    python tests/python/lxmert_loads.py ALAMBIC MODEL...

needs torch, transformers and safetensors. Each MODEL is a folder whose class is one of LXMERT's in transformers: LxmertForQuestionAnswering
or LxmertForPreTraining. Texts and regions are made up, some padded. Prints the largest difference of each output over its largest value,
at least 1, and exits with 1 where one is above 1e-4. The tokenizer has to give the ids that `tokenizer.json` gives.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

BATCH, LENGTH, REGIONS = 4, 9, 7


def inputs(config, tokens):
    torch.manual_seed(1)
    mask = torch.ones(BATCH, LENGTH, dtype=torch.long)
    mask[1, 6:], mask[3, 4:] = 0, 0
    seen = torch.ones(BATCH, REGIONS, dtype=torch.long)
    seen[0, 5:] = 0
    return {
        "input_ids": torch.randint(0, tokens, (BATCH, LENGTH)) * mask,
        "attention_mask": mask,
        "token_type_ids": torch.zeros(BATCH, LENGTH, dtype=torch.long),
        "visual_feats": torch.randn(BATCH, REGIONS, config.visual_feat_dim),
        "visual_pos": torch.rand(BATCH, REGIONS, 4).sort(-1).values,
        "visual_attention_mask": seen,
    }


def outputs(model, given):
    with torch.no_grad():
        found = model(**given)
        if isinstance(model, transformers.LxmertForPreTraining):
            regions = model.obj_predict_head(model.lxmert(**given).vision_output)
            taps = {"relation": found.cross_relationship_score, "prediction_logits": found.prediction_logits}
            if model.task_qa:
                taps["logits"] = found.question_answering_score
            names = {"obj": "object_logits", "attr": "attribute_logits", "feat": "predicted_features"}
            return taps | {names[key]: value for key, value in regions.items()}
        return {"logits": found.question_answering_score}


def main(alambic, folders):
    worst = 0.0
    for folder in folders:
        name = json.loads((Path(folder) / "config.json").read_text())["architectures"][0]
        model, info = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
        assert not info["missing_keys"] and not info["unexpected_keys"], info
        tokenizer = AutoTokenizer.from_pretrained(folder)
        given = inputs(model.config, len(tokenizer))
        with tempfile.TemporaryDirectory() as work:
            source, taps = Path(work) / "in.safetensors", Path(work) / "out.safetensors"
            save_file(given, source)
            subprocess.run([alambic, "trace", folder, "--inputs", source, "--out", taps], check=True, stdout=subprocess.DEVNULL)
            found = load_file(taps)
        for tap, expected in outputs(model.eval(), given).items():
            difference = ((found[tap] - expected).abs().max() / expected.abs().max().clamp(min=1)).item()
            worst = max(worst, difference)
            print(f"{folder}\t{name}\t{tap}\t{list(expected.shape)}\t{difference:.1e}")
    return 0 if worst <= 1e-4 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
