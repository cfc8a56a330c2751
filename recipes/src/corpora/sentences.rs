//! Parallel sentences of several corpora.

use alambic_data::Split;
use alambic_data::parallel::Translation;
use alambic_settings::At;

use super::collection::Corpora;
use crate::error::RunError;

impl Corpora {
    /// The sentences of one split of several corpora, one after another.
    pub(crate) fn sentences(
        &self,
        names: &[At<String>],
        split: Split,
    ) -> Result<Vec<&Translation>, RunError> {
        let corpora = self.datasets::<Translation>(names)?;
        Ok(corpora.into_iter().flat_map(|corpus| corpus.splits.get(split)).collect())
    }
}
