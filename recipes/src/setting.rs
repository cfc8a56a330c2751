//! How a recipe's student comes to its task in the languages that it is evaluated in.

use std::collections::BTreeSet;

use alambic_data::{ContentKind, PassageQuestion, Split};

use crate::corpora::Corpora;
use crate::error::RunError;
use crate::schema::Recipe;
use crate::stage_order::{stage_options, student_of};

/// The student has seen labels of the source language alone.
pub(crate) const ZERO_SHOT: &str = "zero-shot";
/// It has seen labels of the language that it is asked in.
pub(crate) const SUPERVISED: &str = "supervised";

/// Values of the axis `setting`: `zero-shot` where languages are evaluated of which the student has seen no label, `supervised`
/// where others than the source are of which it has. None where one language alone is evaluated and trained on, the language of an
/// example is not known, or nothing is labelled.
///
/// # Errors
/// When a stage or a corpus is not declared.
pub(crate) fn settings(recipe: &Recipe, corpora: &Corpora) -> Result<Vec<&'static str>, RunError> {
    let Some(last) = recipe.stages.last() else { return Ok(Vec::new()) };
    let student = student_of(recipe, last)?;
    let mut trained: BTreeSet<&str> = BTreeSet::new();
    for stage in recipe.stages.iter() {
        if student_of(recipe, stage)? != student {
            continue;
        }
        let labelled = stage_options(recipe, stage)?.data.task().labelled_languages(corpora)?;
        let Some(labelled) = labelled.into_iter().collect::<Option<BTreeSet<&str>>>() else {
            return Ok(Vec::new());
        };
        trained.extend(labelled);
    }
    let Some(evaluated) = evaluated(recipe, corpora)?.filter(|_| !trained.is_empty()) else {
        return Ok(Vec::new());
    };
    let only = trained.first().copied().filter(|_| trained.len() == 1);
    let source = recipe.evaluation.source_language.as_ref().map(|own| own.value.as_str()).or(only);
    let mut others = evaluated.into_iter().filter(|language| Some(*language) != source);
    let (supervised, unseen): (Vec<&str>, Vec<&str>) = others.by_ref().partition(|own| trained.contains(own));
    let found = [(ZERO_SHOT, !unseen.is_empty()), (SUPERVISED, !supervised.is_empty())];
    Ok(found.into_iter().filter(|(_, is_so)| *is_so).map(|(name, _)| name).collect())
}

/// The languages of the test splits; none where that of an example is not known.
fn evaluated<'c>(recipe: &Recipe, corpora: &'c Corpora) -> Result<Option<BTreeSet<&'c str>>, RunError> {
    let data = &recipe.evaluation.data;
    let languages: Vec<Option<&str>> = match corpora.kind(data) {
        Some(ContentKind::Texts) => {
            corpora.texts(data, Split::Test)?.into_iter().map(|text| text.language.as_deref()).collect()
        }
        Some(ContentKind::Passages) => corpora
            .datasets::<PassageQuestion>(data)?
            .into_iter()
            .flat_map(|corpus| corpus.splits.get(Split::Test))
            .map(|question| question.language.as_deref())
            .collect(),
        _ => return Ok(None),
    };
    Ok(languages.into_iter().collect())
}
