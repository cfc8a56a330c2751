//! An endpoint as a teacher of a recipe.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use alambic_data::Extent;
use alambic_data::source::TableSource;
use alambic_data::table::{Columns, Table};
use alambic_models::Outline;
use alambic_settings::{IndexMap, Location};

use super::answer::{EndpointExample, EndpointInput};
use super::error::EndpointError;
use super::options::{EndpointExamples, EndpointOptions, EndpointOutput};
use super::summary::{EndpointEstimate, EndpointStop, EndpointSummary};
use super::teacher::EndpointTeacher;
use crate::TeacherError;
use crate::answers::{Answer, AnswerForm, AnsweringTeacher, AskedText, Asking, MissingAnswers};
use crate::recorded::{RecordedOptions, RecordedTable};
use crate::teacher::{GenerationOutput, GenerationRequest, Teacher};

/// Endpoint with the file of its answers, which is asked about the texts of stages and evaluations.
#[derive(Debug)]
pub struct AnsweringEndpoint {
    teacher: EndpointTeacher,
    file: PathBuf,
    model: String,
    classes: Vec<String>,
    form: AnswerForm,
    outline: Outline,
    missing: MissingAnswers,
    /// What asking came to so far.
    summary: Mutex<Option<EndpointSummary>>,
}

impl AnsweringEndpoint {
    /// The teacher of a recipe's options. Nothing is asked yet.
    ///
    /// # Errors
    /// [`EndpointError::Options`] when an option is missing or does not go with the others, and when the table of examples cannot
    /// be read.
    pub fn new(options: &EndpointOptions) -> Result<Self, TeacherError> {
        let failed = |key, message: &str| EndpointError::Options { key, message: message.to_owned() };
        let Some(Location::File(file)) = &options.answers else {
            return Err(failed("answers", "names no file on this machine for the answers").into());
        };
        let output = *options.output;
        let has_classes = matches!(output, EndpointOutput::Labels | EndpointOutput::Tags);
        if has_classes && options.classes.is_empty() {
            return Err(failed("classes", "are missing: name those of the texts to be learnt").into());
        }
        if output == EndpointOutput::Embedding && options.width.is_none() {
            return Err(
                failed("width", "is missing: say how many numbers an embedding of the model has").into()
            );
        }
        let examples = options.examples.as_ref().map(examples).transpose()?.unwrap_or_default();
        let form = AnswerForm {
            classes: if has_classes { options.classes.clone() } else { Vec::new() },
            are_of_words: output == EndpointOutput::Tags,
            are_logits: false,
            is_number: output == EndpointOutput::Number,
            width: options.width.filter(|_| output == EndpointOutput::Embedding).unwrap_or_default(),
        };
        Ok(Self {
            teacher: EndpointTeacher::new(options, &form.classes, &examples)?,
            file: file.clone(),
            model: options.model.value.clone(),
            classes: form.classes.clone(),
            outline: form.outline_for(&Outline::default()),
            form,
            missing: options.missing,
            summary: Mutex::new(None),
        })
    }

    /// The answers of the file.
    fn table(&self) -> Result<RecordedTable, TeacherError> {
        let options = RecordedOptions::of_answers(self.file.clone(), self.classes.clone(), self.missing);
        RecordedTable::read(&options, Extent::Whole)
    }

    /// What texts will take that the file has no answers for.
    ///
    /// # Errors
    /// When the answers of the file were made with other settings, or there are such texts and the key is not in the environment.
    pub fn estimate(&self, texts: &[AskedText<'_>]) -> Result<EndpointEstimate, TeacherError> {
        let unanswered = self.teacher.unanswered(&self.file, &inputs(texts))?;
        if !unanswered.is_empty() {
            self.teacher.check_key()?;
        }
        self.teacher.estimate(&unanswered)
    }
}

/// Texts as they are sent.
fn inputs(texts: &[AskedText<'_>]) -> Vec<EndpointInput> {
    let input = |asked: &AskedText<'_>| {
        let (text, second) = asked.texts;
        EndpointInput { text: text.to_owned(), second: second.map(str::to_owned) }
    };
    texts.iter().map(input).collect()
}

/// Rows of a table as examples.
fn examples(options: &EndpointExamples) -> Result<Vec<EndpointExample>, TeacherError> {
    let source = TableSource::open(&options.path, Extent::Whole)?;
    let texts: Vec<&str> =
        [Some(&options.text), options.second.as_ref()].into_iter().flatten().map(String::as_str).collect();
    let columns = Columns { texts: &texts, values: &[&options.answer], ..Columns::default() };
    let table = Table::read(&source, &columns)?;
    let (first, answers) = (table.column(&options.text)?, table.column(&options.answer)?);
    let second = options.second.as_ref().map(|name| table.column(name)).transpose()?;
    let mut by_answer: IndexMap<&str, VecDeque<EndpointExample>> = IndexMap::new();
    for (row, (text, answer)) in first.iter().zip(answers).enumerate() {
        let input = EndpointInput {
            text: text.trim().to_owned(),
            second: second.as_ref().and_then(|column| column.get(row)).map(|text| text.trim().to_owned()),
        };
        let answer = answer.trim();
        by_answer.entry(answer).or_default().push_back(EndpointExample { input, answer: answer.to_owned() });
    }
    let mut chosen = Vec::new();
    loop {
        let room = options.count - chosen.len();
        let before = chosen.len();
        chosen.extend(by_answer.values_mut().filter_map(VecDeque::pop_front).take(room));
        if chosen.len() == before {
            return Ok(chosen);
        }
    }
}

impl AnsweringTeacher for AnsweringEndpoint {
    fn form(&self) -> &AnswerForm {
        &self.form
    }

    fn source(&self) -> String {
        format!("`{}`, whose answers are in {},", self.model, self.file.display())
    }

    fn missing(&self) -> MissingAnswers {
        self.missing
    }

    fn summary(&self) -> Option<String> {
        let summary = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
        summary.as_ref().map(ToString::to_string)
    }

    fn answers(
        &self,
        texts: &[AskedText<'_>],
        asking: &Asking<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Option<Answer>>, TeacherError> {
        let summary =
            self.teacher.complete(&self.file, &inputs(texts), asking.ranks, asking.interrupt, progress)?;
        {
            let mut all = self.summary.lock().unwrap_or_else(PoisonError::into_inner);
            *all = Some(all.map_or(summary, |before| before.and(&summary)));
        }
        match summary.stopped {
            Some(EndpointStop::Interrupted) => return Err(TeacherError::Interrupted),
            Some(EndpointStop::MaxRequests | EndpointStop::MaxTokens) => {
                return Err(TeacherError::Budget(format!("teacher {} {summary}", self.source())));
            }
            None => {}
        }
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        self.table()?.answers(texts, asking, &mut |_| {})
    }
}

impl Teacher for AnsweringEndpoint {
    fn generate(
        &self,
        requests: &[GenerationRequest],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        if requests.windows(2).any(|two| two[0].language != two[1].language) {
            return Err(TeacherError::Unsupported(
                "is behind an API, and its prompt asks for one language: give each language a teacher of its own",
            ));
        }
        // They were asked about before.
        self.table()?.generate(requests, progress)
    }

    fn outline(&self) -> Option<&Outline> {
        Some(&self.outline)
    }

    fn answering(&self) -> Option<&dyn AnsweringTeacher> {
        Some(self)
    }

    fn weights_digest(&self) -> String {
        blake3::hash(self.model.as_bytes()).to_hex().to_string()
    }
}
