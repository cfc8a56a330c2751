//! Checks of the evaluation of images that are drawn.

use alambic_data::Split;
use alambic_models::Config;
use alambic_reports::metrics::PredictionKind;
use alambic_settings::{At, Diagnostic};

use crate::check::checker::{Checker, Depth};
use crate::check::counts::{Counts, Sort};
use crate::tasks::generation::entries::options::GenerationEntry;

/// Captions of which images are drawn, as they are counted.
const DRAWINGS: Sort = Sort { key: "drawings", name: "images to be drawn" };

impl GenerationEntry {
    /// Checks the evaluation by images that are drawn of captions, and counts these.
    pub(in crate::tasks::generation::entries) fn check_drawings(&self, checker: &mut Checker<'_>) {
        let evaluation = checker.evaluation;
        checker.check_metrics(&[PredictionKind::Drawing.into()]);
        let draws = |config: &Config| matches!(config, Config::ErnieVilg(_));
        check_judge(evaluation.teacher.as_ref(), "an `ernie-vilg`", draws, checker);
        let is_dual = |config: &Config| config.outline().pairs;
        let is_detector = |config: &Config| matches!(config, Config::Detector(_));
        check_judge(evaluation.scorer.as_ref(), "a model in CLIP's layout", is_dual, checker);
        check_judge(evaluation.detector.as_ref(), "a detector", is_detector, checker);
        if evaluation.data.is_empty() || !checker.check_captions(&evaluation.data, &evaluation.origin) {
            return;
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

/// Reports a model that is to draw, or to see what is drawn, and cannot, as far as its configuration is known.
fn check_judge(
    name: Option<&At<String>>,
    needed: &str,
    is_fit: impl Fn(&Config) -> bool,
    checker: &mut Checker<'_>,
) {
    let Some(name) = name.filter(|name| checker.check_checkpoint(name)) else { return };
    let Some(config) = checker.models.teacher(name).map(|info| info.config.clone()) else { return };
    if !is_fit(&config) {
        let message = format!("`{}` is a {}, and {needed} is needed here", name.value, config.model_type());
        checker.error("evaluation::drawings", message, &name.origin, "named here");
    }
}
