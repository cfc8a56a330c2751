//! The vocabulary of a student.

use alambic_models::{ModelError, Tokenizer};
use alambic_students::{Student, StudentBuilder, TaskKind, VocabularyTransfer};
use indexmap::IndexSet;

use crate::corpora::Corpora;
use crate::error::RunError;
use crate::tasks::task::{Task, TransferTexts, VocabularySource};

/// Whether a student reads the same texts as its teacher, in its vocabulary: also the tags of the regions that it reads. One
/// that changes the vocabulary of the model whose layers it takes has its own.
pub(crate) fn shares_vocabulary(student: &Student, task: &dyn Task) -> bool {
    let student = student.inner();
    task.shares_texts_with_teacher() && student.tag_language().is_none() && keeps_vocabulary(student)
}

/// Whether a student has the vocabulary of the models whose layers it takes, or of its teacher, and reads the same texts in it.
pub(crate) fn keeps_vocabulary(student: &dyn StudentBuilder) -> bool {
    student.vocabulary_transfer() == VocabularyTransfer::Keep && student.unified_script().is_none()
}

/// Whether two vocabularies are the same.
pub(crate) fn are_same(one: &Tokenizer, other: &Tokenizer) -> bool {
    match (one.to_json(), other.to_json()) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// Whether a student takes the vocabulary of the models whose layers it takes. That of a student that writes texts of texts alone is
/// made of its data, and has their languages.
pub(crate) fn takes_vocabulary(student: &Student, task: &dyn Task) -> bool {
    let reads_images = matches!(
        student,
        Student::Pali(_)
            | Student::PaliLayers(_)
            | Student::Oscar(_)
            | Student::OscarLayers(_)
            | Student::Unimo(_)
            | Student::UnimoLayers(_)
    );
    let is_taken = reads_images || task.task_kind() != TaskKind::TextGeneration;
    is_taken && student.inner().vocabulary_source().is_some()
}

/// A vocabulary made of the training split of a task.
pub(crate) fn train_vocabulary(
    student: &Student,
    task: &dyn Task,
    corpora: &Corpora,
) -> Result<Tokenizer, RunError> {
    Ok(match task.vocabulary(corpora, student)? {
        VocabularySource::Characters(characters, languages) => {
            let characters: IndexSet<char> = characters.into_iter().collect();
            Tokenizer::from_characters(&characters, &languages)?
        }
        VocabularySource::Sentences(texts, languages) => {
            let size = student.inner().max_vocabulary().unwrap_or(usize::MAX);
            let texts = texts.iter().map(String::as_str);
            Tokenizer::train_with_languages(student.inner().tokenizer_model(), texts, &languages, size)?
        }
        VocabularySource::WithSentinels(texts, sentinels) => {
            let size = student.inner().max_vocabulary().unwrap_or(usize::MAX);
            let texts = texts.iter().map(String::as_str);
            Tokenizer::train_with_sentinels(student.inner().tokenizer_model(), texts, sentinels, size)?
        }
        VocabularySource::Texts(texts) => {
            let size = student.inner().max_vocabulary().unwrap_or(usize::MAX);
            let model = student.inner().tokenizer_model();
            match student.inner().unified_script() {
                None => Tokenizer::train(model, texts.iter().map(AsRef::as_ref), size)?,
                Some(script) => {
                    let unified: Vec<_> = texts.iter().map(|text| script.unify(text)).collect();
                    Tokenizer::train(model, unified.iter().map(AsRef::as_ref), size)?
                        .reading_unified(script)?
                }
            }
        }
    })
}

/// The vocabulary of a model whose weights a student takes, as the student has it: pruned to the texts of the training split,
/// retrained on them, extended, or whole.
pub(crate) fn transfer_vocabulary(
    whole: &Tokenizer,
    student: &Student,
    task: &dyn Task,
    corpora: &Corpora,
) -> Result<Tokenizer, RunError> {
    let taken = student.inner().vocabulary_transfer();
    let whole = match student.inner().unified_script() {
        None => whole.clone(),
        // What is trained anew or extended learns the letters of these texts.
        Some(script)
            if matches!(taken, VocabularyTransfer::Retrain(_) | VocabularyTransfer::Extend { .. }) =>
        {
            whole.reading_unified(script)?
        }
        Some(script) => whole.unified(script)?,
    };
    if taken == VocabularyTransfer::Keep {
        return Ok(whole);
    }
    let TransferTexts { all, sources, .. } = task.transfer_texts(corpora)?;
    let (all, sources) = (|| all.iter().copied(), || sources.iter().copied());
    Ok(match taken {
        VocabularyTransfer::Keep => whole,
        VocabularyTransfer::OwnTokens { removed, words } => whole.own_tokens(&removed, all(), words)?,
        VocabularyTransfer::Prune(most) => whole.prune(all(), most)?,
        VocabularyTransfer::Retrain(most) => whole.retrain(all(), most)?,
        VocabularyTransfer::Extend { kept, added } => {
            let kept = kept.map_or_else(|| Ok(whole.clone()), |most| whole.prune(sources(), most))?;
            kept.extend(all(), sources(), added)?
        }
    })
}

/// The vocabulary with the prompts that a student names.
pub(crate) fn prompted(tokenizer: Tokenizer, student: &Student) -> Result<Tokenizer, ModelError> {
    match student.inner().embedding() {
        Some(options) => options.prompted(tokenizer),
        None => Ok(tokenizer),
    }
}

#[cfg(test)]
mod tests {
    use alambic_data::normalise::normalise;
    use alambic_models::Tokenizer;
    use indexmap::IndexSet;

    /// Names as people and tables write them, by the code of their language.
    const NAMES: [(&str, &str); 16] = [
        ("en", "Delhi"),
        ("en", "  NEW\u{a0}Delhi\t"),
        ("en", "São Tomé and Príncipe"),
        ("en", "A’ana ʻEua `x´"),
        ("en", "Guinea‑Bissau – X−Y"),
        ("en", "Straße Łódź Ærø Þórr Đakovo Ħaż Ŋ ə Ə ǝ Ɖ"),
        ("en", "Adıyaman İzmir"),
        ("en", "s\u{ad}oft\u{200b} \u{feff}mark"),
        ("hi", "क्\u{200d}ष \u{958}"),
        ("hi", " नई\u{3000}\u{2009}दिल्ली "),
        ("ta", "\u{bc6}\u{bbe} கொருணா"),
        ("bn", "ড়\u{200c}া"),
        ("kn", "ಅ ಕೊರು\u{feff}ನ್ಯಾ"),
        ("ru", "Москва й ё"),
        ("el", "Αθήνα ΐ"),
        ("ur", "لاہور"),
    ];

    #[test]
    fn names_are_read_from_a_tokenizer_as_corpora_bring_them() {
        let forms: Vec<String> = NAMES.iter().map(|(code, name)| normalise(name, code)).collect();
        let characters: IndexSet<char> = forms.iter().flat_map(|form| form.chars()).collect();
        let tokenizer = Tokenizer::from_characters(&characters, &["en".into(), "hi".into()]).unwrap();
        for ((code, name), form) in NAMES.iter().zip(&forms) {
            assert_eq!(&tokenizer.normalise(name).unwrap(), form, "{code}: {name:?}");
            assert_eq!(&tokenizer.normalise(form).unwrap(), form, "{code}: {form:?}");
        }
    }
}
