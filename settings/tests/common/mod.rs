//! A small recipe to read, with one of everything that can be declared.
#![allow(unreachable_pub, reason = "a module of a test")]

use alambic_settings::{
    At, Diagnostics, Either, IndexMap, Location, Node, OneOrMany, RenamedKeys, Several, above, choices,
    kinds, read, settings,
};

choices! {
    /// What one entry is.
    pub enum Unit {
        /// One word.
        Word = "word",
        /// A whole name.
        Name = "name",
    }
}

settings! {
    /// A constant rate.
    pub struct Constant {}
}

settings! {
    /// A rate that falls in a line.
    pub struct Linear {
        /// Share of the steps in which the rate rises.
        #[range(0.0..=1.0)]
        pub warm_up: f32 = 0.1,
    }
}

settings! {
    /// A rate that falls in jumps.
    pub struct Jumps {
        /// Steps at which it falls.
        pub at: Vec<usize>,
    }
}

kinds! {
    /// How the rate changes.
    pub enum Schedule {
        Constant(Constant) = "constant",
        Linear(Linear) = "linear",
        Jumps(Jumps) = "jumps",
    }
}

settings! {
    /// What every term has.
    pub struct Term {
        /// Factor of the term, or how it changes.
        pub weight: Either<f64, Schedule> = Either::First(1.0),
    }
}

/// What the terms have in common.
pub trait Weighted {
    /// The shared options.
    fn term(&self) -> &Term;
}

settings! {
    /// Hidden states.
    pub struct Hidden {
        #[flatten]
        pub term: Term,
        /// Which layers.
        pub map: At<String> = At::unwritten("uniform".to_owned()),
    }
}

settings! {
    /// Logits.
    pub struct Logits {
        #[flatten]
        pub term: Term,
        /// Softens both distributions.
        #[range(above(0.0))]
        pub temperature: f32,
    }
}

impl Weighted for Hidden {
    fn term(&self) -> &Term {
        &self.term
    }
}

impl Weighted for Logits {
    fn term(&self) -> &Term {
        &self.term
    }
}

kinds! {
    /// A term of the loss.
    pub enum Loss: dyn Weighted {
        Hidden(Hidden) = "hidden",
        Logits(Logits) = "logits",
    }
}

settings! {
    /// How to train.
    pub struct Training {
        /// Examples in a step.
        #[range(1..)]
        pub batch: usize = 32,
        /// Step size at the peak of the schedule.
        #[range(0.0..1.0)]
        pub learning_rate: f64 = 1e-3,
        /// How the step size changes.
        pub schedule: Schedule = Schedule::Constant(Constant {}),
        /// Bounds the norm of the gradient.
        pub clip: Option<f32>,
    }
}

settings! {
    /// A phase of training.
    pub struct Stage {
        /// Times that the data is gone through.
        pub epochs: usize,
        /// How to train.
        pub train: Training,
        /// The terms.
        pub loss: Several<Loss>,
    }
}

settings! {
    /// A corpus.
    pub struct Corpus {
        /// Where it lies.
        pub path: Location,
        /// What an entry is.
        pub unit: Unit = Unit::Word,
    }
}

settings! {
    /// A recipe.
    ///
    /// More about recipes.
    pub struct Recipe {
        /// The name.
        pub name: String,
        /// The seed.
        pub seed: u64 = 42,
        /// The order of the stages.
        pub stages: Vec<At<String>>,
        /// The stages.
        pub stage: IndexMap<String, At<Stage>>,
        /// The data.
        pub data: OneOrMany<Corpus>,
        /// Whether to keep the record.
        pub r#final: bool = true,
    }
}

/// Former names of some of its keys.
pub const RENAMED: RenamedKeys = RenamedKeys(&[
    ("phase", &["stage"]),
    ("ramp", &["linear"]),
    ("rate", &["learning-rate", "weight"]),
    ("states", &["hidden"]),
]);

/// A recipe without a mistake.
pub const GOOD: &str = r#"name = "good"
stages = ["layers"]
data = { path = "names.tsv" }

[stage.layers]
epochs = 3
[stage.layers.train]
batch = 8
schedule = "linear"
[stage.layers.loss]
hidden = [{ weight = 2 }, { map = "last", weight = { linear = {} } }]
[stage.layers.loss.logits]
temperature = 2.0
"#;

/// Reads a text as a recipe.
pub fn recipe(text: &str) -> Result<Recipe, Diagnostics> {
    read(&Node::parse("recipe.toml", text)?)
}

/// Code, and place of the first label as `line:column`, of each mistake in a text.
pub fn mistakes(text: &str) -> Vec<(String, String)> {
    recipe(text).map_or_else(|diagnostics| places(&diagnostics), |_| Vec::new())
}

/// The same of diagnostics at hand.
pub fn places(diagnostics: &Diagnostics) -> Vec<(String, String)> {
    let place = |diagnostic: &alambic_settings::Diagnostic| {
        let place = diagnostic.labels.first().and_then(|label| label.origin.position());
        let place = place.map_or_else(|| "nowhere".to_owned(), |(line, column)| format!("{line}:{column}"));
        (diagnostic.code.trim_start_matches("recipe::").to_owned(), place)
    };
    diagnostics.list.iter().map(place).collect()
}
