//! Sentences beside their translations.

use alambic_data::{Corpus as Format, Label, Split, Text};
use alambic_models::Config;
use alambic_models::bert::BertConfig;
use alambic_settings::{At, Diagnostic, Origin};

use super::{Checker, Counts, Depth, list};
use crate::run::corpora::Kind;
use crate::run::parallel::exam::SIMILARITY;
use crate::run::parallel::selected;
use crate::run::retrieval::METRICS;
use crate::schema::{ParallelData, Side, Sides, StageData};

impl Checker<'_> {
    /// Counts the sentences of a training, and reports languages and parts that hold none.
    pub(super) fn parallel(&mut self, name: &str, path: &[&str], data: &At<StageData>) {
        let mut counts = Counts::default();
        let mut are_known = true;
        for (index, options) in data.parallel.iter().enumerate() {
            let origin = self.loaded.origin(&[path, &["data", "parallel", &index.to_string()]].concat());
            let are_corpora = self.must_be_corpora(&options.data, &origin, Kind::Parallel);
            let reads_alone = self.must_read_alone(options, &origin);
            if !are_corpora || !self.must_have_languages(options, &origin) || !reads_alone {
                // What cannot be counted is not empty.
                return;
            }
            are_known &= !options.data.iter().any(|name| self.is_to_be_mined(name));
            let count = |part| selected(&self.workshop, options, part).map_or(0, |pairs| pairs.len());
            counts.texts += count(Split::Train);
            counts.validation += count(Split::Validation);
        }
        if self.depth == Depth::Whole && are_known {
            self.must_validate(path, counts.texts, counts.validation);
        }
        self.must_read_alike(path, data);
        self.counts.insert(name.to_owned(), counts);
    }

    /// Reports tables of one stage of which student or teacher would read different sides.
    fn must_read_alike(&mut self, path: &[&str], data: &StageData) {
        let how = |options: &ParallelData| {
            (options.student_reads, options.teacher_reads, options.longest, options.smoothing)
        };
        let Some(first) = data.parallel.first().map(how) else { return };
        let differs = |options: &ParallelData| how(options) != first;
        let Some(index) = data.parallel.iter().position(differs) else { return };
        let origin = self.loaded.origin(&[path, &["data", "parallel", &index.to_string()]].concat());
        let message = format!("the sentences of `{}` are read in different ways", path.join("."));
        self.report(
            Diagnostic::error("recipe::data", message).label(&origin, "not as the first").help(
                "give all the same `student-reads`, `teacher-reads`, `longest` and `smoothing`, or make it two stages",
            ),
        );
    }

    /// Reports texts without translations where they are none, or where nobody reads the source language.
    fn must_read_alone(&mut self, options: &ParallelData, origin: &Origin) -> bool {
        let Some(first) = options.alone.first() else { return true };
        if !self.must_be_corpora(&options.alone, origin, Kind::Texts) {
            return false;
        }
        let who = match (options.student_reads, options.teacher_reads) {
            (Sides::Target, _) => "student",
            (_, Side::Target) => "teacher",
            _ => return true,
        };
        let message = format!("the {who} reads translations alone, and these texts have none");
        self.report(
            Diagnostic::error("recipe::data", message)
                .label(&first.origin, "texts in the source language")
                .help(format!("leave out `alone`, or let `{who}-reads` be the sentences")),
        );
        false
    }

    /// Reports languages that none of the corpora has.
    fn must_have_languages(&mut self, options: &ParallelData, origin: &Origin) -> bool {
        let corpora = options.data.iter().filter_map(|name| self.workshop.corpora.get(name).ok());
        let known: Vec<String> = corpora.flat_map(|corpus| corpus.languages().to_vec()).collect();
        let asked = options.targets.iter().map(|target| (&target.value, &target.origin));
        let missing: Vec<_> = std::iter::once((&options.source, origin))
            .chain(asked)
            .filter(|(language, _)| !known.contains(language))
            .map(|(language, origin)| (language.clone(), origin.clone()))
            .collect();
        for (language, origin) in &missing {
            let known = list(known.iter().map(String::as_str));
            let message = format!("no corpus has sentences in `{language}`");
            self.error("data::language", message, origin, format!("they are in {known}"));
        }
        missing.is_empty()
    }

    /// The evaluation of models that bring sentences and translations to one place.
    pub(super) fn parallel_evaluation(&mut self) {
        let recipe = self.recipe;
        let evaluation = &recipe.evaluation;
        let (sentences, texts): (Vec<At<String>>, Vec<At<String>>) =
            evaluation.data.iter().cloned().partition(|name| {
                self.workshop.corpora.kind(std::slice::from_ref(name)) != Some(Kind::Texts)
            });
        if !self.must_be_corpora(&sentences, &evaluation.origin, Kind::Parallel) {
            return;
        }
        if !texts.is_empty() {
            self.text_labels(&texts, &evaluation.origin);
        }
        self.must_measure(&[&METRICS[..], &[SIMILARITY]].concat(), &[SIMILARITY]);
        for name in &texts {
            self.must_compare(name);
        }
        if let Some(teacher) = evaluation.teacher.as_ref().filter(|teacher| self.known_teacher(teacher)) {
            let known = self.sketches.checkpoint(recipe, teacher).map(|sketch| sketch.config.clone());
            if let Some(config) = known {
                self.must_embed("teacher", &config, &teacher.origin);
            }
        }
        for name in &evaluation.beside {
            let known = self.sketches.checkpoint(recipe, name).map(|sketch| sketch.config.clone());
            if let Some(config) = known {
                self.must_embed("model", &config, &name.origin);
            }
        }
        let last = recipe.stages.last().and_then(|last| self.sketches.stages.get(&last.value));
        if let Some(config) = last.map(|sketch| sketch.config.clone()) {
            self.must_embed("student", &config, &evaluation.origin);
        }
        let test = self.workshop.corpora.sentences(&sentences, Split::Test).map_or(0, |found| found.len());
        let are_known = !sentences.iter().any(|name| self.is_to_be_mined(name));
        if self.depth == Depth::Whole && are_known && test == 0 {
            let diagnostic =
                Diagnostic::error("data::empty", "the test parts of the evaluation hold no sentence");
            let help =
                "say which are for the test, with `test-paths`, `split.test-values` or `split.test-fraction`";
            self.report(diagnostic.label(&evaluation.origin, "nothing to be judged on").help(help));
        }
        let texts = evaluation.limit.map_or(test, |limit| test.min(limit));
        self.counts.insert("evaluation".to_owned(), Counts { texts, ..Counts::default() });
    }

    /// Reports a corpus of texts that does not say how alike two texts are.
    fn must_compare(&mut self, name: &At<String>) {
        let texts = self.workshop.corpora.texts(std::slice::from_ref(name), Split::Test).unwrap_or_default();
        let is_compared = |text: &&Text| text.second.is_some() && matches!(text.label, Label::Number(_));
        if self.depth == Depth::Whole && !texts.iter().any(is_compared) {
            let message = format!("the test part of `{}` does not say how alike two texts are", name.value);
            self.report(
                Diagnostic::error("evaluation::data", message)
                    .label(&name.origin, "nothing to be judged on")
                    .help("texts beside sentences are pairs that people have compared: name their columns `second` and `number`, and leave out others"),
            );
        }
    }

    /// Whether a corpus is one that only a run mines, so that nobody knows how much it holds.
    fn is_to_be_mined(&self, name: &At<String>) -> bool {
        let options = self.recipe.data.get(&name.value);
        options.is_some_and(|options| matches!(options.corpus.value, Format::Mined(_)))
    }

    /// Checks what paraphrases are mined from, and by whom.
    pub(super) fn mined(&mut self) {
        let recipe = self.recipe;
        for (name, options) in &recipe.data {
            let Format::Mined(mined) = &options.corpus.value else { continue };
            let origin = self.loaded.origin(&["data", name, "corpus", "mined"]);
            if mined.source.value == mined.target.value {
                let message = "paraphrases are translations out of another language".to_owned();
                self.error(
                    "data::language",
                    message,
                    &mined.target.origin,
                    "the language of the sentences, too",
                );
            }
            if self.must_be_corpora(&mined.of, &origin, Kind::Parallel) {
                let corpora = mined.of.iter().filter_map(|name| self.workshop.corpora.get(name).ok());
                let known: Vec<String> = corpora.flat_map(|corpus| corpus.languages().to_vec()).collect();
                for language in [&mined.source, &mined.target] {
                    if !known.contains(&language.value) {
                        let message = format!("no corpus has sentences in `{}`", language.value);
                        let label = format!("they are in {}", list(known.iter().map(String::as_str)));
                        self.error("data::language", message, &language.origin, label);
                    }
                }
            }
            for own in mined.of.iter().filter(|own| self.is_to_be_mined(own)).cloned().collect::<Vec<_>>() {
                let message = format!("corpus `{}` is mined itself", own.value);
                self.error("recipe::data", message, &own.origin, "name sentences beside their translations");
            }
            if self.must_be_checkpoint(&mined.teacher) {
                let known = self.sketches.checkpoint(recipe, &mined.teacher);
                if let Some(config) = known.map(|sketch| sketch.config.clone()) {
                    self.must_embed("teacher", &config, &mined.teacher.origin);
                }
            }
        }
    }

    /// Reports paraphrases that a stage reads and whose teacher is not there yet.
    pub(super) fn must_be_mined_before(&mut self, data: &StageData, position: usize) {
        let recipe = self.recipe;
        for name in data.parallel.iter().flat_map(|options| &options.data) {
            let options = recipe.data.get(&name.value).map(|options| &options.corpus.value);
            if let Some(Format::Mined(mined)) = options
                && recipe.teacher.contains_key(&mined.teacher.value)
            {
                self.must_come_earlier(&mined.teacher, position);
            }
        }
    }

    /// Reports a model that makes no vector of a text.
    fn must_embed(&mut self, side: &str, config: &Config, origin: &Origin) {
        if matches!(config, Config::Bert(BertConfig { pooling: Some(_), .. })) {
            return;
        }
        let message = format!("the {side} makes no vector of a text: it has no pooling");
        let help = if side == "student" {
            "give the student a `pooling`, or take the layers of a model that pools"
        } else {
            "say how its states are pooled, with `checkpoint.pooling`, or in its folder as sentence-transformers does"
        };
        self.report(
            Diagnostic::error("evaluation::vectors", message).label(origin, "is judged here").help(help),
        );
    }
}
