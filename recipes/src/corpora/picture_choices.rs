//! Corpora of pictures with descriptions, drawn from corpora of images that are read and split.

use alambic_data::{Content, Corpus, Dataset, Extent, PictureChoices, Question, Rewriter, UnknownValue};
use alambic_files::text::quoted;
use alambic_settings::{IndexMap, Origin};

use super::collection::Corpora;
use crate::error::RunError;
use crate::options::data::DataOptions;

/// What keeps questions about pictures from being drawn.
#[derive(Debug)]
pub(crate) struct PictureChoiceProblem {
    /// The corpus.
    pub(crate) name: String,
    /// The value that is wrong; none where it is the corpus itself.
    pub(crate) origin: Option<Origin>,
    pub(crate) message: String,
    pub(crate) label: String,
    pub(crate) help: String,
}

impl PictureChoiceProblem {
    /// The error of a run.
    pub(crate) fn into_error(self) -> RunError {
        RunError::Recipe(format!("`data.{}.picture-choice`: {}; {}", self.name, self.message, self.help))
    }
}

impl Corpora {
    /// Draws the questions of the corpora that are made of others, and says what of it is not possible. Of a corpus whose files were
    /// read in part not all values are known.
    pub(crate) fn draw_picture_choices(
        &mut self,
        data: &IndexMap<String, DataOptions>,
        extent: Extent,
    ) -> Vec<PictureChoiceProblem> {
        let mut problems = Vec::new();
        for (name, options) in data {
            let Corpus::PictureChoice(options) = &options.corpus.value else { continue };
            match self.drawn(name, options, data, extent) {
                // What keeps a corpus from being read is reported where that is read.
                Ok(None) => {}
                Ok(Some(content)) => {
                    if let Some(own) = self.get_mut(name) {
                        *own = content;
                    }
                }
                Err(found) => problems.extend(found),
            }
        }
        problems
    }

    /// The questions about the pictures of corpora; none where one of these could not be read.
    fn drawn(
        &self,
        name: &str,
        options: &PictureChoices,
        data: &IndexMap<String, DataOptions>,
        extent: Extent,
    ) -> Result<Option<Content>, Vec<PictureChoiceProblem>> {
        let problem =
            |origin: Option<&Origin>, message: String, label: &str, help: String| PictureChoiceProblem {
                name: name.to_owned(),
                origin: origin.cloned(),
                message,
                label: label.to_owned(),
                help,
            };
        let mut problems = Vec::new();
        let mut datasets: Vec<&Dataset<Question>> = Vec::new();
        let mut rewriters: Vec<Option<&Rewriter>> = Vec::new();
        for own in &options.of {
            match (data.contains_key(&own.value), self.find(own)) {
                (true, Some(Content::Questions(_)))
                    if options.rewritten && data.get(&own.value).is_some_and(|own| own.rewrite.is_none()) =>
                {
                    problems.push(problem(
                        Some(&own.origin),
                        format!("the captions of corpus `{}` are not rewritten", own.value),
                        "named here",
                        format!("add a table `data.{}.rewrite`, or leave `rewritten` out", own.value),
                    ));
                }
                (true, Some(Content::Questions(questions))) => {
                    datasets.push(questions);
                    rewriters.push(self.rewriter(own));
                }
                (true, None) => return Ok(None),
                (true, Some(other)) => problems.push(problem(
                    Some(&own.origin),
                    format!("corpus `{}` holds {}, not images", own.value, other.kind().name()),
                    "named here",
                    "name corpora of images with captions, as `image-sheet` or `image-captions` reads them"
                        .into(),
                )),
                (false, _) => problems.push(problem(
                    Some(&own.origin),
                    format!("there is no corpus `{}` under `data`", quoted(own)),
                    "named here",
                    format!("the recipe has {}", data.keys().cloned().collect::<Vec<_>>().join(", ")),
                )),
            }
        }
        if options.of.is_empty() {
            let help = "name corpora of images with captions in `of`".to_owned();
            problems.push(problem(None, "`of` names no corpus".into(), "has no pictures", help));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        if extent == Extent::Whole {
            for UnknownValue { key, value, known } in options.unknown_values(&datasets) {
                let what = if key == "styles" { "is of the style" } else { "has a caption in" };
                let known = if known.is_empty() {
                    "none is known".into()
                } else {
                    format!("there is {}", known.join(", "))
                };
                let message = format!("no picture {what} `{}`", quoted(&value));
                problems.push(problem(
                    Some(&value.origin),
                    message,
                    &known,
                    format!("correct `{key}`, or leave it out"),
                ));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let drawn = if options.rewritten {
            let all = datasets.into_iter().zip(rewriters);
            let all: Vec<(&Dataset<Question>, &Rewriter)> =
                all.filter_map(|(corpus, own)| Some((corpus, own?))).collect();
            options.draw_rewritten(&all)
        } else {
            options.draw(&datasets)
        };
        if extent == Extent::Whole && drawn.splits.iter().next().is_none() {
            let reasons: Vec<String> =
                drawn.statistics.dropped.iter().map(|(reason, count)| format!("{reason}: {count}")).collect();
            let why = if reasons.is_empty() { "there is no picture".to_owned() } else { reasons.join("; ") };
            let message = format!("nothing can be asked about these pictures ({why})");
            let help = if options.rewritten {
                "give the pictures captions that can be rewritten, or lower `choices`".to_owned()
            } else {
                "give the pictures captions, and each split more groups than `choices`".to_owned()
            };
            return Err(vec![problem(None, message, "has no question", help)]);
        }
        Ok(Some(drawn.into()))
    }
}
