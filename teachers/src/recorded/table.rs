//! Tables of a teacher's answers.

use std::path::Path;

use alambic_data::Extent;
use alambic_data::arrays::Matrix;
use alambic_data::error::{DataError, Fault, Place};
use alambic_data::source::TableSource;
use alambic_files::text::quoted;
use alambic_models::Outline;
use alambic_settings::Location;
use indexmap::IndexMap;

use super::classes::classify;
use super::options::RecordedOptions;
use super::rows::{Faults, Key, LOGITS, PROBABILITIES, Row, read_rows, take_vectors};
use crate::TeacherError;
use crate::answers::{Answer, AnswerForm, AnsweringTeacher, AskedText, Asking, MissingAnswers};
use crate::teacher::{GenerationOutput, GenerationRequest, Teacher};

/// Answers of a teacher for texts, as tables hold them.
#[derive(Debug)]
pub struct RecordedTable {
    source: String,
    answers: IndexMap<Key, Answer>,
    is_by_id: bool,
    has_languages: bool,
    form: AnswerForm,
    missing: MissingAnswers,
    outline: Outline,
    digest: String,
}

impl RecordedTable {
    /// Reads the tables of a teacher, one after another.
    ///
    /// # Errors
    /// All faults of their rows: what is no number, class or list of them, vectors of two widths, as many tags as there are not
    /// words, rows with different answers for one text; and tables without any answer.
    pub fn read(options: &RecordedOptions, extent: Extent) -> Result<Self, TeacherError> {
        let mut rows: Vec<Row> = Vec::new();
        let mut faults = Faults::default();
        let mut hasher = blake3::Hasher::new();
        let mut scores = None;
        for location in options.path.iter() {
            let source = TableSource::open(location, extent)?;
            hasher.update(source.fingerprint().as_bytes());
            let found = read_rows(&source, options, &mut rows, &mut faults)?;
            scores = scores.or(found);
        }
        let source = options.path.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        if let Some(location) = &options.vectors {
            let matrix = Matrix::read(location, options.vectors_array.as_deref())?;
            hasher.update(matrix.fingerprint.as_bytes());
            take_vectors(&mut rows, &matrix, &location.to_string(), extent, &mut faults);
        }
        let classes = classify(&mut rows, options, scores == Some(PROBABILITIES), &mut faults);
        let any = |has: fn(&Answer) -> bool| rows.iter().any(|row| has(&row.answer));
        let form = AnswerForm {
            are_of_words: any(|answer| !answer.words.is_empty()),
            are_logits: scores == Some(LOGITS),
            is_number: classes.is_empty() && any(|answer| !answer.logits.is_empty()),
            width: check_widths(&rows, &mut faults),
            classes,
        };
        let has_languages = rows.iter().any(|row| row.key.language.is_some());
        let answers = join(rows, &mut faults);
        let answers = faults.or(answers)?;
        if answers.is_empty() {
            let what = "no row holds an answer: the columns that are looked for are `logits`, `probabilities`, `class`, \
                        `number`, `vector`, `tags` and `texts`, or those that keys name";
            return Err(DataError::new(Place::file(&source), Fault::Answer(what.into())).into());
        }
        Ok(Self {
            source,
            is_by_id: options.id.is_some(),
            has_languages,
            outline: form.outline_for(&Outline::default()),
            form,
            missing: options.missing,
            answers,
            digest: hasher.finalize().to_hex().to_string(),
        })
    }

    /// Number of texts for which there is an answer.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.answers.len()
    }

    /// The answer for a text.
    #[must_use]
    pub fn find(&self, asked: &AskedText<'_>) -> Option<&Answer> {
        let key = if self.is_by_id {
            Key { first: asked.id?.to_owned(), second: None, language: None }
        } else {
            let (first, second) = asked.texts;
            Key { first: first.to_owned(), second: second.map(str::to_owned), language: None }
        };
        self.answers.get(&key)
    }
}

impl AnsweringTeacher for RecordedTable {
    fn form(&self) -> &AnswerForm {
        &self.form
    }

    fn source(&self) -> String {
        self.source.clone()
    }

    fn missing(&self) -> MissingAnswers {
        self.missing
    }

    fn is_by_id(&self) -> bool {
        self.is_by_id
    }

    fn answers(
        &self,
        texts: &[AskedText<'_>],
        _: &Asking<'_>,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Option<Answer>>, TeacherError> {
        let answers = texts.iter().map(|asked| self.find(asked).cloned()).collect();
        progress(texts.len());
        Ok(answers)
    }
}

/// The width of all vectors.
fn check_widths(rows: &[Row], faults: &mut Faults) -> usize {
    let mut filled = rows.iter().filter(|row| !row.answer.vector.is_empty());
    let Some(first) = filled.next() else { return 0 };
    let width = first.answer.vector.len();
    for row in filled.filter(|row| row.answer.vector.len() != width) {
        let what = format!(
            "the vector has {} numbers, and that of {} has {width}",
            row.answer.vector.len(),
            first.place
        );
        faults.push(&row.place, what);
    }
    width
}

/// Rows by their keys, without those that have no answer.
fn join(rows: Vec<Row>, faults: &mut Faults) -> IndexMap<Key, Answer> {
    let mut places: IndexMap<Key, Place> = IndexMap::new();
    let mut answers: IndexMap<Key, Answer> = IndexMap::new();
    for row in rows.into_iter().filter(|row| !row.answer.is_empty()) {
        match answers.get(&row.key) {
            Some(before) if *before != row.answer => {
                let what =
                    format!("has another answer for `{}` than {}", quoted(&row.key.first), places[&row.key]);
                faults.push(&row.place, what);
            }
            Some(_) => {}
            None => {
                places.insert(row.key.clone(), row.place);
                answers.insert(row.key, row.answer);
            }
        }
    }
    answers
}

impl Teacher for RecordedTable {
    fn generate(
        &self,
        requests: &[GenerationRequest],
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<GenerationOutput>, TeacherError> {
        let written = |request: &GenerationRequest| {
            let language = self.has_languages.then(|| request.language.clone());
            let key = Key { first: request.text.clone(), second: None, language };
            let answer = self.answers.get(&key).filter(|answer| !answer.texts.is_empty());
            match (answer, self.missing) {
                (Some(answer), _) => Ok(GenerationOutput {
                    confidence: 1.0,
                    candidates: answer.texts.clone(),
                    intermediate: Vec::new(),
                    dropped: None,
                }),
                (None, MissingAnswers::LeaveOut) => Ok(GenerationOutput {
                    confidence: 0.0,
                    candidates: Vec::new(),
                    intermediate: Vec::new(),
                    dropped: Some("nothing is recorded".into()),
                }),
                (None, MissingAnswers::Refuse) => Err(TeacherError::Unrecorded {
                    path: Path::new(&self.source).to_owned(),
                    text: request.text.clone(),
                    language: request.language.clone(),
                }),
            }
        };
        let outputs = requests.iter().map(written).collect::<Result<_, _>>()?;
        progress(requests.len());
        Ok(outputs)
    }

    fn outline(&self) -> Option<&Outline> {
        Some(&self.outline)
    }

    fn answering(&self) -> Option<&dyn AnsweringTeacher> {
        Some(self)
    }

    fn weights_digest(&self) -> String {
        self.digest.clone()
    }
}

/// Whether a location is a record that a run wrote, and no table.
#[must_use]
pub fn is_record(location: &Location) -> bool {
    matches!(location, Location::File(path) if crate::append_only_cache::is_append_only_cache(path))
}
