//! Tags of images, which models read as texts.

use alambic_settings::At;
use alambic_students::Student;

use crate::corpora::Corpora;
use crate::error::RunError;

/// The tags that are read beside the texts about images: those that the student's detector gives, or that are `asked for`
/// anyway, and those of regions on record.
pub(crate) fn tags_read(
    corpora: &Corpora,
    names: &[At<String>],
    student: &Student,
    are_targets: bool,
) -> Result<Vec<String>, RunError> {
    let mut read = Vec::new();
    if are_targets || student.inner().detector().is_some() {
        let tags = corpora.tags(names)?;
        match student.inner().tag_language() {
            None => read.extend(tags),
            Some(language) => {
                let translated = corpora.translated_tags(language);
                read.extend(
                    tags.iter().filter_map(|tag| translated.get(tag.as_str())).map(ToString::to_string),
                );
            }
        }
    }
    read.extend(corpora.region_tags(names)?);
    Ok(read)
}
