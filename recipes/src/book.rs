//! The recipes that come with the program.

/// Name and text of each recipe that comes with the program, in the order in which they are listed, and of the layers
/// that they extend.
pub const BUILTINS: &[(&str, &str)] = &[
    ("quickstart", include_str!("../quickstart.toml")),
    ("epik/teacher", include_str!("../epik/teacher.toml")),
    ("epik/names", include_str!("../epik/names.toml")),
    ("epik/dakshina", include_str!("../epik/dakshina.toml")),
    ("text/task", include_str!("../text/task.toml")),
    ("text/distil", include_str!("../text/distil.toml")),
    ("text/logits", include_str!("../text/logits.toml")),
    ("text/distilbert", include_str!("../text/distilbert.toml")),
    ("text/distilbert-general", include_str!("../text/distilbert-general.toml")),
    ("text/pkd", include_str!("../text/pkd.toml")),
    ("text/tinybert", include_str!("../text/tinybert.toml")),
    ("text/tinybert-augmented", include_str!("../text/tinybert-augmented.toml")),
    ("text/general", include_str!("../text/general.toml")),
    ("text/tinybert-general", include_str!("../text/tinybert-general.toml")),
    ("text/minilm", include_str!("../text/minilm.toml")),
    ("text/minilmv2", include_str!("../text/minilmv2.toml")),
    ("text/matrix", include_str!("../text/matrix.toml")),
    ("text/matrix-general", include_str!("../text/matrix-general.toml")),
    ("text/matrix-masked", include_str!("../text/matrix-masked.toml")),
    ("text/question-answering", include_str!("../text/question-answering.toml")),
    ("text/multiple-choice", include_str!("../text/multiple-choice.toml")),
    ("text/tagging", include_str!("../text/tagging.toml")),
    ("text/embed", include_str!("../text/embed.toml")),
    ("text/static", include_str!("../text/static.toml")),
    ("text/translate", include_str!("../text/translate.toml")),
    ("text/pivot", include_str!("../text/pivot.toml")),
    ("text/denoise", include_str!("../text/denoise.toml")),
    ("text/from-file", include_str!("../text/from-file.toml")),
    ("text/from-endpoint", include_str!("../text/from-endpoint.toml")),
    ("text/smoke/reviews", include_str!("../text/smoke/reviews.toml")),
    ("text/smoke/logits", include_str!("../text/smoke/logits.toml")),
    ("text/smoke/distilbert", include_str!("../text/smoke/distilbert.toml")),
    ("text/smoke/distilbert-general", include_str!("../text/smoke/distilbert-general.toml")),
    ("text/smoke/pkd", include_str!("../text/smoke/pkd.toml")),
    ("text/smoke/tinybert", include_str!("../text/smoke/tinybert.toml")),
    ("text/smoke/tinybert-augmented", include_str!("../text/smoke/tinybert-augmented.toml")),
    ("text/smoke/general", include_str!("../text/smoke/general.toml")),
    ("text/smoke/tinybert-general", include_str!("../text/smoke/tinybert-general.toml")),
    ("text/smoke/minilm", include_str!("../text/smoke/minilm.toml")),
    ("text/smoke/minilmv2", include_str!("../text/smoke/minilmv2.toml")),
    ("text/smoke/matrix", include_str!("../text/smoke/matrix.toml")),
    ("text/smoke/matrix-general", include_str!("../text/smoke/matrix-general.toml")),
    ("text/smoke/matrix-masked", include_str!("../text/smoke/matrix-masked.toml")),
    ("text/smoke/question-answering", include_str!("../text/smoke/question-answering.toml")),
    ("text/smoke/multiple-choice", include_str!("../text/smoke/multiple-choice.toml")),
    ("text/smoke/tagging", include_str!("../text/smoke/tagging.toml")),
    ("text/smoke/embed", include_str!("../text/smoke/embed.toml")),
    ("text/smoke/static", include_str!("../text/smoke/static.toml")),
    ("text/smoke/translate", include_str!("../text/smoke/translate.toml")),
    ("text/smoke/pivot", include_str!("../text/smoke/pivot.toml")),
    ("text/smoke/denoise", include_str!("../text/smoke/denoise.toml")),
    ("text/smoke/answered-reviews", include_str!("../text/smoke/answered-reviews.toml")),
    ("text/smoke/from-file", include_str!("../text/smoke/from-file.toml")),
    ("text/smoke/from-endpoint", include_str!("../text/smoke/from-endpoint.toml")),
    ("search/cross-to-bi", include_str!("../search/cross-to-bi.toml")),
    ("search/reranker", include_str!("../search/reranker.toml")),
    ("search/smoke/cross-to-bi", include_str!("../search/smoke/cross-to-bi.toml")),
    ("search/smoke/reranker", include_str!("../search/smoke/reranker.toml")),
    ("cross/aspects", include_str!("../cross/aspects.toml")),
    ("cross/aspects-words", include_str!("../cross/aspects-words.toml")),
    ("cross/aspects-target", include_str!("../cross/aspects-target.toml")),
    ("cross/aspects-source", include_str!("../cross/aspects-source.toml")),
    ("cross/aspects-token", include_str!("../cross/aspects-token.toml")),
    ("cross/aspects-sentiment", include_str!("../cross/aspects-sentiment.toml")),
    ("cross/aspects-distilled", include_str!("../cross/aspects-distilled.toml")),
    ("cross/aspects-small", include_str!("../cross/aspects-small.toml")),
    ("cross/intents", include_str!("../cross/intents.toml")),
    ("cross/intents-prior", include_str!("../cross/intents-prior.toml")),
    ("cross/intents-subnetwork", include_str!("../cross/intents-subnetwork.toml")),
    ("cross/intents-change", include_str!("../cross/intents-change.toml")),
    ("cross/intents-mixed", include_str!("../cross/intents-mixed.toml")),
    ("cross/intents-all", include_str!("../cross/intents-all.toml")),
    ("cross/vqa", include_str!("../cross/vqa.toml")),
    ("cross/vqa-prior", include_str!("../cross/vqa-prior.toml")),
    ("cross/vqa-subnetwork", include_str!("../cross/vqa-subnetwork.toml")),
    ("cross/vqa-mixed", include_str!("../cross/vqa-mixed.toml")),
    ("cross/vqa-all", include_str!("../cross/vqa-all.toml")),
    ("cross/smoke/orders", include_str!("../cross/smoke/orders.toml")),
    ("cross/smoke/aspects", include_str!("../cross/smoke/aspects.toml")),
    ("cross/smoke/aspects-words", include_str!("../cross/smoke/aspects-words.toml")),
    ("cross/smoke/aspects-target", include_str!("../cross/smoke/aspects-target.toml")),
    ("cross/smoke/aspects-source", include_str!("../cross/smoke/aspects-source.toml")),
    ("cross/smoke/aspects-token", include_str!("../cross/smoke/aspects-token.toml")),
    ("cross/smoke/aspects-sentiment", include_str!("../cross/smoke/aspects-sentiment.toml")),
    ("cross/smoke/aspects-distilled", include_str!("../cross/smoke/aspects-distilled.toml")),
    ("cross/smoke/aspects-small", include_str!("../cross/smoke/aspects-small.toml")),
    ("cross/smoke/reviews", include_str!("../cross/smoke/reviews.toml")),
    ("cross/smoke/intents", include_str!("../cross/smoke/intents.toml")),
    ("cross/smoke/intents-prior", include_str!("../cross/smoke/intents-prior.toml")),
    ("cross/smoke/intents-subnetwork", include_str!("../cross/smoke/intents-subnetwork.toml")),
    ("cross/smoke/intents-change", include_str!("../cross/smoke/intents-change.toml")),
    ("cross/smoke/intents-mixed", include_str!("../cross/smoke/intents-mixed.toml")),
    ("cross/smoke/intents-all", include_str!("../cross/smoke/intents-all.toml")),
    ("cross/smoke/vqa", include_str!("../cross/smoke/vqa.toml")),
    ("cross/smoke/vqa-prior", include_str!("../cross/smoke/vqa-prior.toml")),
    ("cross/smoke/vqa-subnetwork", include_str!("../cross/smoke/vqa-subnetwork.toml")),
    ("cross/smoke/vqa-mixed", include_str!("../cross/smoke/vqa-mixed.toml")),
    ("cross/smoke/vqa-all", include_str!("../cross/smoke/vqa-all.toml")),
    ("vision/dide", include_str!("../vision/dide.toml")),
    ("vision/dide-scratch", include_str!("../vision/dide-scratch.toml")),
    ("vision/dide-soft", include_str!("../vision/dide-soft.toml")),
    ("vision/dide-text-to-image", include_str!("../vision/dide-text-to-image.toml")),
    ("vision/dide-image-to-text", include_str!("../vision/dide-image-to-text.toml")),
    ("vision/dide-whole", include_str!("../vision/dide-whole.toml")),
    ("vision/dide-fusion", include_str!("../vision/dide-fusion.toml")),
    ("vision/dide-easy-vqa", include_str!("../vision/dide-easy-vqa.toml")),
    ("vision/oscar-plus", include_str!("../vision/oscar-plus.toml")),
    ("vision/oscar-plus-without-tags", include_str!("../vision/oscar-plus-without-tags.toml")),
    ("vision/oscar-plus-without-pretraining", include_str!("../vision/oscar-plus-without-pretraining.toml")),
    ("vision/vinvl", include_str!("../vision/vinvl.toml")),
    ("vision/vinvl-small-detector", include_str!("../vision/vinvl-small-detector.toml")),
    ("vision/unimo", include_str!("../vision/unimo.toml")),
    ("vision/unimo-captions", include_str!("../vision/unimo-captions.toml")),
    ("vision/unimo-curtains", include_str!("../vision/unimo-curtains.toml")),
    ("vision/unimo-emoji", include_str!("../vision/unimo-emoji.toml")),
    ("vision/unimo-entailment", include_str!("../vision/unimo-entailment.toml")),
    ("vision/unimo-in-batch", include_str!("../vision/unimo-in-batch.toml")),
    ("vision/unimo-pairs-only", include_str!("../vision/unimo-pairs-only.toml")),
    ("vision/unimo-questions", include_str!("../vision/unimo-questions.toml")),
    ("vision/unimo-without-images", include_str!("../vision/unimo-without-images.toml")),
    ("vision/unimo-without-texts", include_str!("../vision/unimo-without-texts.toml")),
    ("vision/oscar-retrieval", include_str!("../vision/oscar-retrieval.toml")),
    ("vision/oscar-captions", include_str!("../vision/oscar-captions.toml")),
    ("vision/oscar-pairs", include_str!("../vision/oscar-pairs.toml")),
    ("vision/clip", include_str!("../vision/clip.toml")),
    ("vision/lxmert-nlvr", include_str!("../vision/lxmert-nlvr.toml")),
    (
        "vision/lxmert-nlvr-without-pretraining",
        include_str!("../vision/lxmert-nlvr-without-pretraining.toml"),
    ),
    ("vision/lxmert-pairs", include_str!("../vision/lxmert-pairs.toml")),
    ("vision/clip-td-emoji", include_str!("../vision/clip-td-emoji.toml")),
    ("vision/clip-td-emoji-naive", include_str!("../vision/clip-td-emoji-naive.toml")),
    ("vision/clip-td-emoji-all", include_str!("../vision/clip-td-emoji-all.toml")),
    ("vision/clip-td-emoji-shift", include_str!("../vision/clip-td-emoji-shift.toml")),
    ("vision/clip-td-emoji-unlabelled", include_str!("../vision/clip-td-emoji-unlabelled.toml")),
    ("vision/pali", include_str!("../vision/pali.toml")),
    ("vision/pali-unlabelled", include_str!("../vision/pali-unlabelled.toml")),
    ("vision/pali-reuse", include_str!("../vision/pali-reuse.toml")),
    ("vision/pali-emoji", include_str!("../vision/pali-emoji.toml")),
    ("vision/pali-easy-vqa", include_str!("../vision/pali-easy-vqa.toml")),
    ("vision/unix2", include_str!("../vision/unix2.toml")),
    ("vision/unix2-vqa", include_str!("../vision/unix2-vqa.toml")),
    ("vision/unix2-contrast", include_str!("../vision/unix2-contrast.toml")),
    ("vision/unix2-writing", include_str!("../vision/unix2-writing.toml")),
    ("vision/ernie-vilg", include_str!("../vision/ernie-vilg.toml")),
    ("vision/ernie-vilg-collapse", include_str!("../vision/ernie-vilg-collapse.toml")),
    ("vision/ernie-vilg-dense", include_str!("../vision/ernie-vilg-dense.toml")),
    ("vision/ernie-vilg-detached", include_str!("../vision/ernie-vilg-detached.toml")),
    ("vision/ernie-vilg-emoji", include_str!("../vision/ernie-vilg-emoji.toml")),
    ("vision/image-tokenizer", include_str!("../vision/image-tokenizer.toml")),
    ("vision/smoke/dide", include_str!("../vision/smoke/dide.toml")),
    ("vision/smoke/oscar-plus", include_str!("../vision/smoke/oscar-plus.toml")),
    ("vision/smoke/vinvl", include_str!("../vision/smoke/vinvl.toml")),
    ("vision/smoke/vinvl-small-detector", include_str!("../vision/smoke/vinvl-small-detector.toml")),
    ("vision/smoke/unimo", include_str!("../vision/smoke/unimo.toml")),
    ("vision/smoke/unimo-captions", include_str!("../vision/smoke/unimo-captions.toml")),
    ("vision/smoke/unimo-curtains", include_str!("../vision/smoke/unimo-curtains.toml")),
    ("vision/smoke/oscar-retrieval", include_str!("../vision/smoke/oscar-retrieval.toml")),
    ("vision/smoke/oscar-captions", include_str!("../vision/smoke/oscar-captions.toml")),
    ("vision/smoke/oscar-pairs", include_str!("../vision/smoke/oscar-pairs.toml")),
    ("vision/smoke/clip", include_str!("../vision/smoke/clip.toml")),
    ("vision/smoke/lxmert", include_str!("../vision/smoke/lxmert.toml")),
    ("vision/smoke/clip-td", include_str!("../vision/smoke/clip-td.toml")),
    ("vision/smoke/pali", include_str!("../vision/smoke/pali.toml")),
    ("vision/smoke/pali-unlabelled", include_str!("../vision/smoke/pali-unlabelled.toml")),
    ("vision/smoke/pali-reuse", include_str!("../vision/smoke/pali-reuse.toml")),
    ("vision/smoke/pali-emoji", include_str!("../vision/smoke/pali-emoji.toml")),
    ("vision/smoke/unix2", include_str!("../vision/smoke/unix2.toml")),
    ("vision/smoke/ernie-vilg", include_str!("../vision/smoke/ernie-vilg.toml")),
    ("vision/smoke/ernie-vilg-collapse", include_str!("../vision/smoke/ernie-vilg-collapse.toml")),
    ("vision/smoke/image-tokenizer", include_str!("../vision/smoke/image-tokenizer.toml")),
    ("parallel/sentence", include_str!("../parallel/sentence.toml")),
    ("parallel/small", include_str!("../parallel/small.toml")),
    ("parallel/transaug", include_str!("../parallel/transaug.toml")),
    ("parallel/paraphrase", include_str!("../parallel/paraphrase.toml")),
    ("parallel/vqa-hi", include_str!("../parallel/vqa-hi.toml")),
    ("parallel/vqa-ja", include_str!("../parallel/vqa-ja.toml")),
    ("parallel/smoke/sentence", include_str!("../parallel/smoke/sentence.toml")),
    ("parallel/smoke/small", include_str!("../parallel/smoke/small.toml")),
    ("parallel/smoke/transaug", include_str!("../parallel/smoke/transaug.toml")),
    ("parallel/smoke/paraphrase", include_str!("../parallel/smoke/paraphrase.toml")),
    ("parallel/smoke/vqa-hi", include_str!("../parallel/smoke/vqa-hi.toml")),
    ("parallel/smoke/vqa-ja", include_str!("../parallel/smoke/vqa-ja.toml")),
    ("indic/small", include_str!("../indic/small.toml")),
    ("indic/unified", include_str!("../indic/unified.toml")),
    ("indic/scripts-kept", include_str!("../indic/scripts-kept.toml")),
    ("indic/smoke/small", include_str!("../indic/smoke/small.toml")),
    ("indic/smoke/unified", include_str!("../indic/smoke/unified.toml")),
];

/// Those of [`BUILTINS`] that others extend and that are no recipes by themselves.
const LAYERS: [&str; 5] = [
    "text/distil",
    "text/smoke/reviews",
    "text/smoke/answered-reviews",
    "cross/smoke/orders",
    "cross/smoke/reviews",
];

/// Name and text of each recipe that can be run.
pub fn recipes() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUILTINS.iter().copied().filter(|(name, _)| !LAYERS.contains(name))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Every recipe in the folder of recipes, by its name.
    fn shipped(folder: &Path, prefix: &str) -> Vec<String> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
            if path.extension().is_some_and(|extension| extension == "toml") && stem != "Cargo" {
                names.push(format!("{prefix}{stem}"));
            }
        }
        names
    }

    #[test]
    fn every_shipped_recipe_is_built_in() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut names = shipped(folder, "");
        for part in [
            "epik",
            "text",
            "text/smoke",
            "vision",
            "vision/smoke",
            "parallel",
            "parallel/smoke",
            "search",
            "search/smoke",
            "cross",
            "cross/smoke",
            "indic",
            "indic/smoke",
        ] {
            names.extend(shipped(&folder.join(part), &format!("{part}/")));
        }
        names.sort();
        let mut known: Vec<&str> = BUILTINS.iter().map(|(name, _)| *name).collect();
        known.sort_unstable();
        assert_eq!(names, known);
    }

    #[test]
    fn every_built_in_recipe_is_read() {
        for (name, _) in recipes() {
            let loaded = crate::load(format!("builtin:{name}"), &[]);
            assert!(loaded.is_ok(), "{name}: {}", loaded.unwrap_err());
        }
    }
}
