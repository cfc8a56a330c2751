//! Checks of the evaluation of images that are drawn.

use alambic_data::Split;
use alambic_models::Config;
use alambic_reports::metrics::PredictionKind;
use alambic_settings::Diagnostic;

use crate::check::checker::{Checker, Depth};
use crate::check::counts::{Counts, Sort};
use crate::evaluation::evaluator::OF_REAL_TOKENS;
use crate::tasks::generation::entries::options::GenerationEntry;

/// Captions of which images are drawn, as they are counted.
const DRAWINGS: Sort = Sort { key: "drawings", name: "images to be drawn" };

impl GenerationEntry {
    /// Checks the evaluation by images that are drawn of captions, and counts these.
    pub(in crate::tasks::generation::entries) fn check_drawings(&self, checker: &mut Checker<'_>) {
        let evaluation = checker.evaluation;
        checker.check_metrics(&[PredictionKind::Drawing.into()]);
        if let Some(first) = evaluation.metrics.first().filter(|name| OF_REAL_TOKENS.contains(&name.as_str()))
        {
            let message = format!("models cannot be compared by `{}` alone", first.value);
            checker.report(
                Diagnostic::error("evaluation::metric", message)
                    .label(&first.origin, "known of images that are made of the tokens of real ones alone")
                    .help("name `frechet-distance`, `kernel-distance`, `drawn-objects` or another first"),
            );
        }
        let draws = |config: &Config| matches!(config, Config::ErnieVilg(_));
        checker.check_judge(evaluation.teacher.as_ref(), "an `ernie-vilg`", draws);
        let is_detector = |config: &Config| matches!(config, Config::Detector(_));
        checker.check_scorer();
        checker.check_judge(evaluation.detector.as_ref(), "a detector", is_detector);
        if evaluation.data.is_empty() || !checker.check_captions(&evaluation.data, &evaluation.origin) {
            return;
        }
        if let Some(Config::ErnieVilg(config)) = checker.student().map(|student| student.config.clone()) {
            let side = config.image_tokenizer.image_size;
            checker.check_image_sides(&evaluation.data, Split::Test, side, &evaluation.origin);
        }
        let asked = self.examples_of(&evaluation.data, &checker.corpora, Split::Test);
        let test = asked.map_or(0, |examples| examples.iter().map(|own| own.versions.len()).sum());
        if test == 0 && checker.depth == Depth::Whole {
            checker.report(
                Diagnostic::error(
                    "data::empty",
                    "the test splits of the evaluation hold no caption".to_owned(),
                )
                .label(&evaluation.origin, "nothing to be drawn")
                .help("name those of the test split, with `split.test-values` or `split.test-fraction`"),
            );
        }
        let images = evaluation.limit.map_or(test, |limit| test.min(limit));
        checker.counts.insert("evaluation".to_owned(), Counts::of(DRAWINGS, images, 0));
    }
}
