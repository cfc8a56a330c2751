//! Translations of the test part found by every model, and how alike it finds texts that people have compared.

use std::path::Path;

use alambic_data::{Label, Split};
use alambic_files::text::shell_word;
use alambic_models::bert::BertConfig;
use alambic_models::{Config, ModelError, ModelFolder};
use alambic_reports::card::Usage;
use alambic_reports::outcome::{Latency, STUDENT, TEACHER};
use alambic_reports::report::{Noun, Text};
use alambic_settings::{At, IndexMap};
use alambic_students::Reader;
use alambic_teachers::{Encoder, Teacher};
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use indexmap::IndexSet;

use super::Pair;
use crate::observer::Observer;
use crate::run::RunError;
use crate::run::corpora::Kind as Holds;
use crate::run::exam::{Exam, Kind, measured_by};
use crate::run::lesson::thin;
use crate::run::retrieval::{AGREEMENT, Belonging, METRICS, first, found};
use crate::run::stage::finished_folder;
use crate::run::timing::measure;
use crate::run::workshop::Workshop;
use crate::schema::{EvaluationOptions, ParallelData, Side, Sides};

/// The metric of similarities.
pub(crate) const SIMILARITY: &str = "spearman";

/// What models are measured by, the most important first.
pub(super) fn metrics(options: &EvaluationOptions) -> Vec<&str> {
    measured_by(options, &METRICS, &METRICS)
}

/// The sentences and translations of one language, each once, which find each other.
struct Pool<'c> {
    language: &'c str,
    sources: Vec<&'c str>,
    targets: Vec<&'c str>,
    belonging: Belonging,
}

/// Sentences and translations by language. Every text is a query: of each language first the sentences, and then the
/// translations.
pub(super) struct Collated<'c> {
    pools: Vec<Pool<'c>>,
    right: Vec<String>,
}

impl<'c> Collated<'c> {
    pub(super) fn new(pairs: &[Pair<'c>]) -> Self {
        let mut by_language: IndexMap<&str, Vec<&Pair<'c>>> = IndexMap::new();
        for pair in pairs {
            by_language.entry(pair.language).or_default().push(pair);
        }
        let pool = |(language, pairs): (&'c str, Vec<&Pair<'c>>)| {
            let (mut sources, mut targets): (IndexSet<&str>, IndexSet<&str>) = Default::default();
            let mut place =
                |pair: &&Pair<'c>| (sources.insert_full(pair.source).0, targets.insert_full(pair.target).0);
            let places: Vec<(usize, usize)> = pairs.iter().map(&mut place).collect();
            let belonging = Belonging::new(&places, (sources.len(), targets.len()));
            let (sources, targets) = (sources.into_iter().collect(), targets.into_iter().collect());
            Pool { language, sources, targets, belonging }
        };
        let pools: Vec<Pool<'c>> = by_language.into_iter().map(pool).collect();
        let right = pools.iter().flat_map(|pool| pool.belonging.right().to_vec()).collect();
        Self { pools, right }
    }

    /// What is right of each query.
    pub(super) fn right(&self) -> &[String] {
        &self.right
    }

    /// The vectors of the sentences of each language, or of their translations.
    fn vectors(&self, reader: &Reader, side: Side) -> Result<Vec<Tensor>, RunError> {
        let texts = |pool: &Pool<'_>| {
            embedded(
                reader,
                match side {
                    Side::Source => &pool.sources,
                    Side::Target => &pool.targets,
                },
            )
        };
        self.pools.iter().map(texts).collect()
    }

    /// What a model finds by each query.
    pub(super) fn found_by(&self, reader: &Reader, aside: Option<&Aside>) -> Result<Vec<String>, RunError> {
        let vectors = |side: Side| match aside {
            Some(aside) if aside.side == side => Ok(aside.vectors.clone()),
            _ => self.vectors(reader, side),
        };
        let mut all = Vec::with_capacity(self.right.len());
        for (sources, targets) in vectors(Side::Source)?.iter().zip(&vectors(Side::Target)?) {
            all.extend(found(sources, targets)?);
        }
        Ok(all)
    }
}

/// The vectors of the side that a student does not read, by the teacher that does.
pub(super) struct Aside {
    side: Side,
    vectors: Vec<Tensor>,
}

impl Aside {
    /// None where the student reads both sides, or there is no teacher.
    pub(super) fn new(
        texts: &Collated<'_>,
        student_reads: Sides,
        teacher: Option<&Reader>,
    ) -> Result<Option<Self>, RunError> {
        let (Some(side), Some(teacher)) = (student_reads.other(), teacher) else { return Ok(None) };
        Ok(Some(Self { side, vectors: texts.vectors(teacher, side)? }))
    }
}

/// The vectors of texts, of length one.
pub(super) fn embedded(reader: &Reader, texts: &[&str]) -> Result<Tensor, RunError> {
    let texts: Vec<_> = texts.iter().map(|text| (*text, None)).collect();
    let mut rows = reader.rows(&texts, "embedding")?;
    for row in &mut rows {
        let length = row.iter().map(|number| number * number).sum::<f32>().sqrt().max(f32::MIN_POSITIVE);
        for number in row {
            *number /= length;
        }
    }
    Ok(Tensor::new(rows, device::current()).map_err(ModelError::from)?)
}

/// Two texts that people have compared, and how alike they found them.
struct Compared<'a> {
    corpus: &'a str,
    texts: (String, String),
    number: f32,
}

/// The test sentences of a recipe, and texts that people have compared.
pub(crate) struct ParallelExam<'a> {
    options: &'a EvaluationOptions,
    source: &'a str,
    collated: Collated<'a>,
    aside: Option<Aside>,
    /// Whether sentence-transformers makes the student's vectors, too.
    is_loaded_elsewhere: bool,
    compared: Vec<Compared<'a>>,
    /// What is right of each query; nothing for texts that are compared.
    right: Vec<String>,
    /// How alike people found texts; nothing for queries.
    numbers: Vec<String>,
    slices: Vec<String>,
    teacher: Option<Judged>,
}

/// The teacher, read as the student is.
struct Judged {
    teacher: Encoder,
    reader: Reader,
    answers: Vec<String>,
}

impl<'a> ParallelExam<'a> {
    /// Takes the test sentences, and has the teacher read them.
    pub(crate) fn new(workshop: &'a Workshop<'_>, observer: &mut dyn Observer) -> Result<Self, RunError> {
        let options = &*workshop.recipe.evaluation;
        let (taught, teaches) = taught(workshop);
        let (source, reads) =
            taught.map_or(("en", Sides::Both), |data| (data.source.as_str(), data.student_reads));
        let (mut parallel, mut compared) = (Vec::new(), Vec::new());
        for name in &options.data {
            if workshop.corpora.kind(std::slice::from_ref(name)) == Some(Holds::Texts) {
                compared.extend(compared_in(workshop, name)?);
            } else {
                parallel.push(name.clone());
            }
        }
        // Who reads the other side was taught these languages, and no others.
        let targets: Vec<&str> = match taught.filter(|_| reads.other().is_some()) {
            Some(data) => data.targets.iter().map(|target| target.value.as_str()).collect(),
            None => Vec::new(),
        };
        let mut pairs = Pair::of(workshop.corpora.sentences(&parallel, Split::Test)?, source, &targets);
        thin(&mut pairs, options.limit.unwrap_or(usize::MAX));
        let collated = Collated::new(&pairs);
        let queries = collated.right().len();
        if queries == 0 {
            return Err(RunError::Recipe("the evaluation's test parts hold no sentence".into()));
        }
        let nothing = |count: usize| std::iter::repeat_n(String::new(), count);
        let right = collated.right().iter().cloned().chain(nothing(compared.len())).collect();
        let numbers = compared.iter().map(|own: &Compared<'_>| own.number.to_string());
        let numbers = nothing(queries).chain(numbers).collect();
        let mut slices = Vec::with_capacity(queries + compared.len());
        for pool in &collated.pools {
            let direction = |from: &str, to: &str| format!("{from} to {to}");
            slices.extend(std::iter::repeat_n(direction(source, pool.language), pool.belonging.left()));
            slices.extend(std::iter::repeat_n(direction(pool.language, source), pool.belonging.others()));
        }
        slices.extend(compared.iter().map(|own| own.corpus.to_owned()));
        let other = teaches.or(options.teacher.as_ref()).filter(|_| reads.other().is_some());
        let other =
            other.map(|name| Reader::load(&workshop.checkpoint_folder(name)?).map_err(RunError::from));
        let aside = Aside::new(&collated, reads, other.transpose()?.as_ref())?;
        let last = workshop.recipe.stages.last().map(|last| finished_folder(&workshop.folder, last));
        let config = last.map(|folder| Ok::<_, RunError>(Config::open(&ModelFolder::open(&folder)?)?));
        let is_loaded_elsewhere = matches!(
            config.transpose()?,
            Some(Config::Bert(BertConfig { pooling: Some(pooling), .. })) if pooling.layers().is_empty()
        );
        let teacher = None;
        let mut exam = Self {
            options,
            source,
            collated,
            aside,
            is_loaded_elsewhere,
            compared,
            right,
            numbers,
            slices,
            teacher,
        };
        if let Some(name) = &options.teacher {
            observer.task("evaluation: teacher's results", exam.right.len(), 0);
            let teacher = workshop.encoder(name)?;
            let reader = Reader::load(&workshop.checkpoint_folder(name)?)?;
            let answers = exam.said_by(&reader, None)?;
            observer.finished(&format!("{} queries and comparisons", answers.len()));
            exam.teacher = Some(Judged { teacher, reader, answers });
        }
        Ok(exam)
    }

    /// What a model finds, and how alike it finds texts.
    fn said_by(&self, reader: &Reader, aside: Option<&Aside>) -> Result<Vec<String>, RunError> {
        let mut all = self.collated.found_by(reader, aside)?;
        if self.compared.is_empty() {
            return Ok(all);
        }
        let side = |of: fn(&(String, String)) -> &str| {
            embedded(reader, &self.compared.iter().map(|own| of(&own.texts)).collect::<Vec<_>>())
        };
        let products = side(|texts| &texts.0)?.mul(&side(|texts| &texts.1)?);
        let cosines = products.and_then(|products| products.sum(1)?.to_vec1::<f32>());
        all.extend(cosines.map_err(ModelError::from)?.iter().map(ToString::to_string));
        Ok(all)
    }

    /// The pool and the place in it of a query, and whether it is a sentence and not a translation.
    fn query(&self, mut index: usize) -> Option<(&Pool<'a>, usize, bool)> {
        for pool in &self.collated.pools {
            let (left, others) = (pool.belonging.left(), pool.belonging.others());
            if index < left {
                return Some((pool, index, true));
            }
            if index < left + others {
                return Some((pool, index - left, false));
            }
            index -= left + others;
        }
        None
    }

    /// The texts that are compared at a place.
    fn comparison(&self, index: usize) -> Option<&Compared<'a>> {
        self.compared.get(index.checked_sub(self.collated.right().len())?)
    }
}

/// What the last stage trains on, and by which teacher.
fn taught<'a>(workshop: &'a Workshop<'_>) -> (Option<&'a ParallelData>, Option<&'a At<String>>) {
    let recipe = workshop.recipe;
    let last = recipe.stages.last().and_then(|last| recipe.stage.get(&last.value));
    (last.and_then(|last| last.data.parallel.iter().next()), last.and_then(|last| last.teacher.as_ref()))
}

/// The test pairs of a corpus that have numbers.
fn compared_in<'a>(workshop: &'a Workshop<'_>, name: &'a At<String>) -> Result<Vec<Compared<'a>>, RunError> {
    let texts = workshop.corpora.texts(std::slice::from_ref(name), Split::Test)?;
    let compared = |text: &alambic_data::Text| match (&text.second, &text.label) {
        (Some(second), Label::Number(number)) => {
            let texts = (text.first.clone(), second.clone());
            Some(Compared { corpus: &name.value, texts, number: *number })
        }
        _ => None,
    };
    Ok(texts.into_iter().filter_map(compared).collect())
}

impl Exam for ParallelExam<'_> {
    fn noun(&self) -> Noun {
        Noun { one: "query".into(), many: "queries".into() }
    }

    fn metrics(&self) -> Vec<&str> {
        let mut metrics = metrics(self.options);
        if !self.compared.is_empty() && !metrics.contains(&SIMILARITY) {
            metrics.push(SIMILARITY);
        }
        metrics
    }

    fn fidelity_metrics(&self) -> &'static [(&'static str, &'static str)] {
        &[AGREEMENT]
    }

    fn references(&self) -> &[String] {
        &self.right
    }

    fn references_of(&self, metric: &str) -> &[String] {
        if metric == SIMILARITY { &self.numbers } else { &self.right }
    }

    fn slices(&self) -> &[String] {
        &self.slices
    }

    fn teacher(&self) -> Option<&dyn Teacher> {
        self.teacher.as_ref().map(|judged| -> &dyn Teacher { judged.teacher.teacher() })
    }

    fn teacher_answers(&self) -> Option<&[String]> {
        self.teacher.as_ref().map(|judged| judged.answers.as_slice())
    }

    fn answers(&self, folder: &Path, progress: &mut dyn FnMut(usize)) -> Result<Vec<String>, RunError> {
        let answers = self.said_by(&Reader::load(folder)?, self.aside.as_ref())?;
        progress(answers.len());
        Ok(answers)
    }

    fn answers_beside(
        &self,
        folder: &Path,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<String>, RunError> {
        // It reads both sides: nobody taught it to agree with another model.
        let answers = self.said_by(&Reader::load(folder)?, None)?;
        progress(answers.len());
        Ok(answers)
    }

    /// The mean squared difference of the student's vectors of translations from the teacher's of the sentences, of length
    /// one.
    fn similarities(&self, student: &Path) -> Result<IndexMap<String, Option<f64>>, RunError> {
        let Some(judged) = &self.teacher else { return Ok(IndexMap::new()) };
        let student = Reader::load(student)?;
        let width =
            |reader: &Reader| reader.config().outline().streams.get("").and_then(|stream| stream.embedding);
        if width(&student) != width(&judged.reader) {
            return Ok(IndexMap::new());
        }
        let mut differences = IndexMap::new();
        for pool in &self.collated.pools {
            let (own, other) = (embedded(&student, &pool.targets)?, embedded(&judged.reader, &pool.sources)?);
            let owners: Vec<u32> = (0..pool.targets.len())
                .filter_map(|target| first(&pool.belonging.right()[pool.belonging.left() + target]))
                .map(|source| source as u32)
                .collect();
            for (suffix, shift) in [("", 0), ("-shuffled", owners.len() / 2)] {
                let rows: Vec<u32> = owners.iter().cycle().skip(shift).take(owners.len()).copied().collect();
                let difference = Tensor::new(rows, device::current())
                    .and_then(|rows| (&own - other.index_select(&rows, 0)?)?.sqr()?.mean_all())
                    .and_then(|mean| mean.to_scalar::<f32>())
                    .map_err(ModelError::from)?;
                differences.insert(format!("mse-{}{suffix}", pool.language), Some(f64::from(difference)));
            }
        }
        Ok(differences)
    }

    fn timings(
        &self,
        student: &Path,
        most: usize,
    ) -> Result<IndexMap<String, IndexMap<String, Latency>>, RunError> {
        let student = Reader::load(student)?;
        let sentences: Vec<&str> =
            self.collated.pools.iter().flat_map(|pool| &pool.sources).copied().collect();
        let read = |reader: &Reader, batch: &[usize]| -> Result<(), RunError> {
            Ok(reader.read(&batch.iter().map(|&index| (sentences[index], None)).collect::<Vec<_>>())?)
        };
        let by_student = |batch: &[usize]| read(&student, batch);
        match &self.teacher {
            None => measure(sentences.len(), most, &[(STUDENT, &by_student)]),
            Some(judged) => {
                let by_teacher = |batch: &[usize]| read(&judged.reader, batch);
                measure(sentences.len(), most, &[(TEACHER, &by_teacher), (STUDENT, &by_student)])
            }
        }
    }

    fn lengths(&self) -> Option<Vec<usize>> {
        None
    }

    fn source(&self, index: usize) -> Text {
        if let Some(Compared { texts, .. }) = self.comparison(index) {
            return Text::new(&format!("{} / {}", texts.0, texts.1), None);
        }
        match self.query(index) {
            Some((pool, place, true)) => Text::new(pool.sources[place], Some(self.source)),
            Some((pool, place, false)) => Text::new(pool.targets[place], Some(pool.language)),
            None => Text::new("", None),
        }
    }

    fn answer(&self, index: usize, answer: &str) -> Text {
        let found = |texts: &[&str]| {
            first(answer).and_then(|place| texts.get(place).copied()).unwrap_or_default().to_owned()
        };
        match self.query(index) {
            Some((pool, _, true)) => Text::new(&found(&pool.targets), Some(pool.language)),
            Some((pool, _, false)) => Text::new(&found(&pool.sources), Some(self.source)),
            None => {
                let number =
                    self.comparison(index).filter(|_| answer.is_empty()).map(|own| own.number.to_string());
                Text::new(number.as_deref().unwrap_or(answer), None)
            }
        }
    }

    fn kind(&self, _: Option<&String>) -> Kind {
        let sentence =
            self.collated.pools.first().and_then(|pool| pool.sources.first()).copied().unwrap_or_default();
        let languages = self.collated.pools.iter().map(|pool| pool.language.to_owned());
        Kind {
            task: "sentence-similarity",
            tags: if self.is_loaded_elsewhere { vec!["sentence-transformers"] } else { Vec::new() },
            languages: std::iter::once(self.source.to_owned()).chain(languages).collect(),
            usage: Usage {
                model_class: Some("AutoModel".into()),
                tokenizer_class: "AutoTokenizer".into(),
                command: format!("alambic predict student {}", shell_word(sentence)),
                input: sentence.to_owned(),
                generate: None,
                output: None,
            },
            limits: std::iter::once(
                "It was judged on sentences like those that it was trained on, and on no others.",
            )
            .chain((!self.is_loaded_elsewhere).then_some(
                "sentence-transformers has no module for its pooling; Alambic and its ONNX file have.",
            ))
            .map(str::to_owned)
            .collect(),
        }
    }
}
