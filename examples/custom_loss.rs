//! A loss of one's own in a recipe: the command line of Alambic with one more loss, which every command knows.
//!
//! ```text
//! cargo run --release --example custom_loss -- list losses
//! cargo run --release --example custom_loss -- explain 'stage.*.loss.total-variation'
//! cargo run --release --example custom_loss -- check examples/custom_loss.toml
//! cargo run --release --example custom_loss -- run examples/custom_loss.toml --out runs/custom-loss
//! ```
//!
//! In a package of one's own this is `src/main.rs`, and the package depends on `alambic` and on the crates named below.

use std::process::ExitCode;

use alambic_losses::{Inputs, LossError, LossKind, LossTerm, Temperature, Term, Weight, loss_kind};
use alambic_models::Outline;
use alambic_settings::{above, settings};
use alambic_tensor::candle::{D, Tensor};
use alambic_tensor::ops;

settings! {
    /// The total variation distance between the student's probabilities and the teacher's.
    ///
    /// `L = 1/b Σ_i ½ Σ_c |p_S,ic - p_T,ic|` over the b texts of a batch, with `p = softmax(z / T)` of logits `z`
    /// `[b, classes]`. It lies between 0 and 1.
    pub(crate) struct TotalVariation {
        /// Factor in the sum of loss terms.
        #[range(0.0..)]
        pub(crate) weight: Weight = Weight::from(1.0),
        /// `T`, by which the logits are divided.
        #[range(above(0.0))]
        pub(crate) temperature: Temperature = Temperature::from(1.0),
    }
}

/// The name in recipes, and in messages.
const NAME: &str = "total-variation";

impl LossTerm for TotalVariation {
    // Called once, with what student and teacher have; what does not fit is an error of `check`, with its place in the recipe.
    fn bind(&self, student: &Outline, teacher: Option<&Outline>) -> Result<Term, LossError> {
        let teacher = teacher.ok_or(LossError::NoTeacher(NAME))?;
        if student.classes == 0 || student.classes != teacher.classes {
            let reason = format!(
                "the student's logits are of {} classes and the teacher's of {}",
                student.classes, teacher.classes
            );
            return Err(LossError::Incompatible { term: NAME, reason });
        }
        let temperature = self.temperature;
        // Called for every batch, with the taps that are named below.
        let compute = move |inputs: &Inputs<'_>| {
            // A recipe may have it change over the steps.
            let temperature = temperature.at(inputs.progress);
            let probabilities = |logits: &Tensor| ops::softmax(&(logits / temperature)?, None);
            let own = probabilities(inputs.student("logits")?)?;
            let other = probabilities(&inputs.teacher("logits")?.detach())?;
            Ok(((own - other)?.abs()?.sum(D::Minus1)? * 0.5)?.mean_all()?)
        };
        let taps = || vec!["logits".to_owned()];
        Ok(Term::new(NAME, self.weight, taps(), taps(), Box::new(compute))
            .scheduling("temperature", temperature))
    }

    // Then the teacher's logits can be those of a file, and nothing else of it has to run.
    fn reads_only_logits(&self) -> bool {
        true
    }
}

/// The losses of this program, one a line.
pub(crate) const LOSSES: &[LossKind] = &[loss_kind::<TotalVariation>(NAME)];

fn main() -> ExitCode {
    alambic::command_line(std::env::args_os(), LOSSES)
}
