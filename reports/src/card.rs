//! The model card: `README.md` of a model folder, with the front matter of Hugging Face.

use crate::document::{Block, Cell, ColumnHeading, Document, Section, Table};
use crate::error::Result;
use crate::hub_metadata::{HubLicence, dataset_identifier, languages};
use crate::numbers;
use crate::outcome::ModelOutcome;
use crate::report::{LanguageRow, ModelTable, Noun, language_tables, named_means, slice_tables};
use crate::transfer::{AVERAGE, LanguageSets};
use crate::vocabulary::{Axis, AxisKind, Classification, VOCABULARY};
use alambic_files::text::{shortened, string_literal};
use alambic_files::write;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::path::Path;

/// All that a model card says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Card {
    /// The heading.
    pub title: String,
    /// The licences of all that the weights were made of, each once, as they are stated; none where one is not.
    pub licences: Vec<String>,
    /// What it is by the axes of the vocabulary.
    pub classification: Classification,
    /// Codes of its languages, of which those of ISO 639 are told to the hub.
    pub languages: Vec<String>,
    /// The model on the hub whose weights it began with, or that taught it, `OWNER/NAME`.
    pub base_model: Option<String>,
    /// Datasets on the hub that it was trained on, `OWNER/NAME`.
    pub datasets: Vec<String>,
    /// The library that loads it.
    pub library: String,
    /// What the Hub calls its task, for instance `translation`.
    pub task: Option<String>,
    /// Further tags.
    pub tags: Vec<String>,
    /// What it is and what it is for, one paragraph.
    pub description: String,
    /// What it was distilled from, one sentence; none for a model trained on labels.
    pub teacher: Option<String>,
    /// What it was trained on.
    pub data: Vec<DataSource>,
    /// What an example is called.
    pub examples: Noun,
    /// Over how many examples it was evaluated.
    pub evaluated: usize,
    /// Which examples these were.
    pub evaluated_on: String,
    /// The dataset that these are of: its name on the hub, or else that of the recipe.
    pub evaluated_dataset: String,
    /// Its own figures first, then those of the models it is compared with, by name.
    pub figures: IndexMap<String, ModelOutcome>,
    /// The languages over which means are taken; none where it is not known in which language examples are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language_sets: Option<LanguageSets>,
    /// The name of the recipe.
    pub recipe: String,
    /// The command that makes it anew.
    pub command: String,
    /// The seed.
    pub seed: u64,
    /// Options of each training, by the name of its stage.
    pub hyperparameters: IndexMap<String, IndexMap<String, String>>,
    /// The recipe, TOML.
    pub recipe_text: String,
    /// Versions of programs.
    pub versions: IndexMap<String, String>,
    /// Fingerprints of recipe, data and weights: what to its hash.
    pub hashes: IndexMap<String, String>,
    /// How to use it.
    pub usage: Usage,
    /// What it is not good for.
    pub limits: Vec<String>,
}

/// A source of training data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DataSource {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: String,
    /// Its licence.
    pub licence: String,
    /// How many rows were used.
    pub rows: u64,
}

/// How a model is used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Usage {
    /// A program in Python that loads the folder it is run in, and prints an output; none where no library of Python does.
    pub code: Option<String>,
    /// What it prints.
    pub output: Option<String>,
    /// The same on the command line of this project.
    pub command: String,
}

impl Card {
    /// The card as Markdown under its front matter.
    #[must_use]
    pub fn markdown(&self) -> String {
        format!("{}\n{}", self.front_matter(), self.document().markdown())
    }

    /// Writes `README.md` into the model's folder.
    ///
    /// # Errors
    /// [`crate::ReportError::File`].
    pub fn write(&self, folder: &Path) -> Result<()> {
        Ok(write::write(&folder.join("README.md"), self.markdown().as_bytes())?)
    }

    /// YAML whose texts are quoted, so that none is a boolean or a number.
    fn front_matter(&self) -> String {
        let mut lines = vec!["---".to_string()];
        let licence = HubLicence::of(&self.licences);
        let text = |key: &str, value: &str| format!("{key}: {}", string_literal(value));
        lines.push(text("license", licence.identifier));
        lines.extend(licence.name.iter().map(|name| text("license_name", name)));
        lines.extend(licence.link.map(|link| text("license_link", link)));
        let mut list = |key: &str, values: &[String]| {
            if !values.is_empty() {
                lines.push(format!("{key}:"));
                lines.extend(values.iter().map(|value| format!("- {}", string_literal(value))));
            }
        };
        list("language", &languages(&self.languages));
        list("tags", &self.tags);
        list("datasets", &self.datasets);
        let figures = self.figures.first().map(|(_, model)| &model.metrics);
        let metrics: Vec<String> =
            figures.map(|metrics| metrics.keys().cloned().collect()).unwrap_or_default();
        list("metrics", &metrics);
        lines.extend(self.base_model.iter().map(|model| text("base_model", model)));
        lines.push(text("library_name", &self.library));
        lines.extend(self.task.iter().map(|task| text("pipeline_tag", task)));
        lines.extend(self.model_index());
        lines.extend(self.classified());
        lines.push("---\n".to_string());
        lines.join("\n")
    }

    /// The figures as the hub reads them, `model-index`; none without a task or a figure.
    fn model_index(&self) -> Vec<String> {
        let figures = self.figures.first().into_iter().flat_map(|(_, model)| &model.metrics);
        let figures: Vec<(&String, f64)> =
            figures.filter_map(|(metric, value)| Some((metric, (*value)?))).collect();
        let dataset = string_literal(&dataset_identifier(&self.evaluated_dataset));
        let Some(task) = self.task.as_ref().filter(|_| !figures.is_empty()) else { return Vec::new() };
        let mut lines = vec![
            "model-index:".to_owned(),
            format!("- name: {}", string_literal(&self.title)),
            "  results:".to_owned(),
            "  - task:".to_owned(),
            format!("      type: {}", string_literal(task)),
            "    dataset:".to_owned(),
            format!("      type: {dataset}"),
            format!("      name: {dataset}"),
            "      split: \"test\"".to_owned(),
            "    metrics:".to_owned(),
        ];
        let mut add = |metric: &str, name: &str, value: f64| {
            lines.push(format!("    - type: {}", string_literal(metric)));
            lines.push(format!("      name: {}", string_literal(name)));
            lines.push(format!("      value: {value:?}"));
        };
        for (metric, value) in figures {
            let title = numbers::metric_title(metric);
            add(metric, &title, value);
            for (name, value) in self.language_means(metric) {
                add(metric, &format!("{title}, {name}"), value);
            }
        }
        lines
    }

    /// Means of a metric over the languages of the model's own figures, by names that say of which languages they are; none of one
    /// language.
    fn language_means(&self, metric: &str) -> Vec<(String, f64)> {
        let own = self.figures.first().map(|(_, model)| model).filter(|model| model.slices.len() > 1);
        match (own.and_then(|model| model.languages.get(metric)), &self.language_sets) {
            (Some(means), Some(sets)) => named_means(means, sets)
                .into_iter()
                .map(|(name, value)| match name.as_str() {
                    AVERAGE => (format!("{AVERAGE} over languages"), value),
                    _ => (name, value),
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    /// What the model is by the axes of the vocabulary, under `alambic`; nothing where nothing is known.
    fn classified(&self) -> Vec<String> {
        if self.classification.is_empty() {
            return Vec::new();
        }
        let mut lines = vec!["alambic:".to_owned()];
        for (name, values) in self.classification.axes() {
            let axis = VOCABULARY.get(name);
            match (axis, values) {
                // A number of YAML.
                (Some(Axis { kind: AxisKind::Share, .. }), [value]) => {
                    lines.push(format!("  {name}: {value}"));
                }
                (Some(Axis { several: false, .. }), [value]) => {
                    lines.push(format!("  {name}: {}", string_literal(value)));
                }
                _ => {
                    lines.push(format!("  {name}:"));
                    lines.extend(values.iter().map(|value| format!("  - {}", string_literal(value))));
                }
            }
        }
        lines
    }

    fn document(&self) -> Document {
        let Noun { one, many } = &self.examples;
        let models: IndexMap<&str, &ModelOutcome> =
            self.figures.iter().map(|(name, model)| (name.as_str(), model)).collect();
        let over = format!("{} of {}", numbers::counted(self.evaluated, one, many), self.evaluated_on);
        let mut figures = Vec::new();
        if !models.is_empty() {
            let all = ModelTable { models: models.clone(), ratios: None, over: &over, example: one };
            figures.push(Block::table(all.table()));
            let by_language = self.language_sets.as_ref().map(|sets| {
                let rows = models.iter().map(|(name, model)| LanguageRow {
                    head: vec![Cell::new(*name)],
                    model,
                    sets,
                });
                language_tables(&["model"], &rows.collect::<Vec<_>>())
            });
            figures.push(Block::Tables(by_language.unwrap_or_else(|| slice_tables(&models, many))));
        }
        let sections = [
            Section::new("Use", self.usage()),
            Section::new("Figures", figures),
            Section::new("Training", self.training()),
            Section::new(
                "Limits",
                if self.limits.is_empty() { Vec::new() } else { vec![Block::List(self.limits.clone())] },
            ),
        ];
        Document {
            title: self.title.clone(),
            lead: std::iter::once(&self.description).chain(&self.teacher).cloned().collect(),
            sections: sections.into_iter().flatten().collect(),
        }
    }

    fn usage(&self) -> Vec<Block> {
        let Usage { code, output, command } = &self.usage;
        let shell = Block::Code { language: "sh", text: command.clone() };
        let Some(code) = code else { return vec![shell] };
        let mut code = code.clone();
        if let Some(output) = output {
            // In one line: what stands on a line of its own would be a line of the program.
            let _ = write!(code, "  # {}", shortened(output, OUTPUT));
        }
        vec![Block::Code { language: "python", text: code }, shell]
    }

    fn training(&self) -> Vec<Block> {
        let mut blocks = vec![
            Block::Paragraph(format!("Recipe `{}`, seed {}. To make it anew:", self.recipe, self.seed)),
            Block::Code { language: "sh", text: self.command.clone() },
        ];
        if !self.data.is_empty() {
            blocks.push(Block::table(Table {
                caption: "Data".to_string(),
                columns: vec![
                    ColumnHeading::text("name"),
                    ColumnHeading::number("rows"),
                    ColumnHeading::text("licence"),
                    ColumnHeading::text("source"),
                ],
                rows: self.data.iter().map(DataSource::row).collect(),
            }));
        }
        if !self.recipe_text.is_empty() {
            blocks.push(Block::Code { language: "toml", text: self.recipe_text.clone() });
        }
        let pairs = |caption: String, [what, value]: [&str; 2], values: &IndexMap<String, String>| {
            Block::table(Table {
                caption,
                columns: vec![ColumnHeading::text(what), ColumnHeading::text(value)],
                rows: values.iter().map(|(key, value)| vec![Cell::new(key), Cell::new(value)]).collect(),
            })
        };
        for (stage, options) in &self.hyperparameters {
            blocks.push(pairs(format!("Hyper-parameters of {stage}"), ["option", "value"], options));
        }
        if !self.versions.is_empty() {
            blocks.push(pairs("Versions".to_owned(), ["program", "version"], &self.versions));
        }
        if !self.hashes.is_empty() {
            blocks.push(Block::table(Table {
                caption: "Fingerprints".to_string(),
                columns: vec![ColumnHeading::text("what"), ColumnHeading::text("hash")],
                rows: self
                    .hashes
                    .iter()
                    .map(|(what, hash)| vec![Cell::new(what), Cell::new(format!("`{hash}`"))])
                    .collect(),
            }));
        }
        blocks
    }
}

impl DataSource {
    fn row(&self) -> Vec<Cell> {
        vec![
            Cell::new(&self.name),
            Cell::new(numbers::thousands(self.rows)),
            Cell::new(&self.licence),
            Cell::new(&self.source),
        ]
    }
}

/// Characters of an output that stand beside the code that gives it.
const OUTPUT: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ReportError;
    use crate::metrics::examples::texts;
    use crate::metrics::score_all;

    fn classification() -> Classification {
        let mut own = Classification::default();
        for (axis, value) in [
            ("objectives", "mlm"),
            ("languages", "no"),
            ("sampling-exponent", "0.7"),
            ("script", "devanagari"),
        ] {
            own.add(axis, value);
        }
        own
    }

    fn card() -> Card {
        let scores = score_all(&["cer"], &texts(&["டெல்லி", "x"]), &texts(&["டெல்லி", "y"]), 1).unwrap();
        let mut figures = ModelOutcome::from_scores(&[scores], &["hi-ta", "hi-kn"]).unwrap();
        figures.parameters = Some(1_402_112);
        Card {
            title: "names: student".into(),
            licences: vec!["Unicode-3.0".into()],
            classification: classification(),
            languages: vec!["hi".into(), "no".into(), "hi-Latn".into(), "source".into()],
            base_model: Some("Helsinki-NLP/opus-mt-en-hi".into()),
            datasets: vec!["owner/names".into()],
            library: "transformers".into(),
            task: Some("translation".into()),
            tags: vec!["transliteration".into()],
            description: "Writes a Hindi name in Tamil.".into(),
            teacher: Some("Distilled from `hi → en → ta`.".into()),
            data: vec![DataSource {
                name: "names".into(),
                source: "Unicode CLDR".into(),
                licence: "Unicode-3.0".into(),
                rows: 1140,
            }],
            examples: Noun { one: "word".into(), many: "words".into() },
            evaluated: 2,
            evaluated_on: "the test split".into(),
            evaluated_dataset: "names".into(),
            figures: [("student".to_string(), figures)].into(),
            language_sets: None,
            recipe: "names".into(),
            command: "alambic run recipes/epik/names.toml".into(),
            seed: 7,
            hyperparameters: [(
                "distil".to_string(),
                [("train.optimiser.adamw.learning-rate".to_string(), "0.003".to_string())].into(),
            )]
            .into(),
            recipe_text: "schema = 1".into(),
            versions: [("Alambic".to_string(), "0.1.0".to_string())].into(),
            hashes: [("data".to_string(), "abc_def_123".to_string())].into(),
            usage: Usage {
                code: Some("print(model(\"दिल्ली\"))".into()),
                output: Some("டெல்லி".into()),
                command: "alambic predict . दिल्ली".into(),
            },
            limits: vec!["Names only.".into()],
        }
    }

    #[test]
    fn the_card_has_front_matter_figures_and_code() {
        let text = card().markdown();
        let front = text.strip_prefix("---\n").unwrap().split_once("---\n").unwrap().0;
        // "no" unquoted would be a boolean of YAML.
        assert!(front.contains("language:\n- \"hi\"\n- \"no\"\n"), "{front}");
        assert!(front.contains("language:\n- \"hi\"\n- \"no\"\ntags:"), "{front}");
        for part in [
            "license: \"other\"\nlicense_name: \"unicode-3.0\"\nlicense_link: \"https://",
            "pipeline_tag: \"translation\"",
            "metrics:\n- \"cer\"\n",
            "base_model: \"Helsinki-NLP/opus-mt-en-hi\"",
            "datasets:\n- \"owner/names\"",
            "library_name: \"transformers\"",
            "alambic:\n  objectives:\n  - \"mlm\"\n  languages:\n  - \"no\"\n  sampling-exponent: 0.7\n  script: \"devanagari\"\n",
            "    - type: \"cer\"\n      name: \"CER\"\n      value: 0.5",
        ] {
            assert!(front.contains(part), "the front matter lacks {part}\n{front}");
        }
        for part in [
            "print(model(\"दिल्ली\"))  # டெல்லி",
            "```toml\nschema = 1\n```",
            "| train.optimiser.adamw.learning-rate | 0.003 |",
            "| Alambic | 0.1.0 |",
            "| CER ↓ | 50.0 % (0.0–100.0) |",
            "| hi-kn | 1 | 100.0 % |",
            "| names | 1,140 | Unicode-3.0 | Unicode CLDR |",
            "`abc_def_123`",
            "seed 7",
        ] {
            assert!(text.contains(part), "the card lacks {part}\n{text}");
        }
    }

    #[test]
    fn means_over_languages_are_in_the_index_and_the_text() {
        let labels = ["en", "es", "da"];
        let seeds = [score_all(&["word-accuracy"], &texts(&["a", "a", "b"]), &texts(&["a"; 3]), 1).unwrap()];
        let sets = LanguageSets {
            source: Some("en".into()),
            average_without: vec!["en".into()],
            ..LanguageSets::default()
        };
        let model = ModelOutcome::from_scores(&seeds, &labels).unwrap();
        let model = model.with_languages(&seeds, &labels, &sets).unwrap();
        let card =
            Card { figures: [("student".to_owned(), model)].into(), language_sets: Some(sets), ..card() };
        let text = card.markdown();
        let index = text.split("model-index:").nth(1).unwrap().split("---").next().unwrap();
        for part in [
            "      name: \"word accuracy, average over languages\"\n      value: 0.6666666666666666",
            "      name: \"word accuracy, average without en\"\n      value: 0.5",
            "      name: \"word accuracy, transfer from en\"\n      value: 0.5",
        ] {
            assert!(index.contains(part), "{part}\n{index}");
        }
        assert!(text.contains("| average without en |") && text.contains("transfer from en"), "{text}");
    }

    #[test]
    fn a_model_that_transformers_does_not_load_is_used_by_the_command_alone() {
        let mut card = card();
        card.usage.code = None;
        card.library = "alambic".into();
        let text = card.markdown();
        assert!(text.contains("library_name: \"alambic\"") && !text.contains("```python"), "{text}");
        assert!(text.contains("alambic predict . दिल्ली"), "{text}");
    }

    #[test]
    fn no_line_of_the_card_begins_with_text_from_the_data() {
        let mut card = card();
        let hostile = "x\nimport os\r\n---\nlicense: mit\u{2028}import os\u{202e}";
        card.usage.output = Some(hostile.into());
        card.usage.code = Some(format!("print({})", string_literal(hostile)));
        card.recipe_text = "name = 1".into();
        card.base_model = Some(hostile.into());
        card.datasets = vec![hostile.into()];
        card.evaluated_dataset = hostile.into();
        card.evaluated_on = hostile.into();
        card.versions = [(hostile.into(), hostile.into())].into();
        card.title = hostile.into();
        card.description = hostile.into();
        card.licences = vec![hostile.into()];
        card.languages = vec![hostile.into()];
        card.data[0].name = hostile.into();
        card.data[0].source = format!("{hostile} | <img src=x onerror=alert(1)>");
        card.limits = vec![hostile.into()];
        let text = card.markdown();
        for line in text.lines() {
            assert!(!line.starts_with("import os") && !line.starts_with("license: mit"), "{line}\n{text}");
        }
        assert_eq!(text.lines().filter(|line| *line == "---").count(), 2, "{text}");
        assert!(!text.contains(['\u{202e}', '\r']), "{text}");
        assert!(
            !text.split("## Figures").next().unwrap().split("## Use").last().unwrap().contains('\u{2028}')
        );
        assert!(!text.contains(" <img"), "{text}");
    }

    #[test]
    fn a_card_is_written_into_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        card().write(folder.path()).unwrap();
        assert!(
            std::fs::read_to_string(folder.path().join("README.md")).unwrap().contains("# names: student")
        );
        assert!(matches!(card().write(&folder.path().join("none")), Err(ReportError::Written(_))));
    }
}
