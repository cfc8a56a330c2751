//! The list of the loss terms, and a term of any of them.

use std::any::type_name;
use std::sync::Arc;

use alambic_settings::types::{KindsDescription, KindsType, NamedTable, TableType};
use alambic_settings::{
    AddedKinds, Diagnostic, Diagnostics, Kind, KindEntry, Member, Members, Node, Origin, Reader, Setting,
    Table, Type, Value,
};

use crate::{
    Affinity, Answers, Attention, AttentionScores, BinaryCrossEntropy, CaptionWords, CodebookLoss,
    Commitment, Contrastive, Cosent, CosineSimilarity, CrossAttention, CrossEntropy, CrossModalContrast,
    Decoupled, Detection, Embedding, EncoderMatch, Energy, Hidden, ImageReconstruction, ImageTextContrast,
    InfoNce, KernelAlignment, LabelPrior, ListCrossEntropy, ListKl, Logits, LossTerm, MarginMse, MaskedWords,
    Matching, MultipleNegatives, PairwiseLogistic, Patient, RegionAttributes, RegionClasses, RegionFeatures,
    RegionObjects, RegionRegression, RelationalAngle, RelationalDistance, Relations, Representation,
    Sequence, SimilarityPreserving, SpanGeneration, SquaredError, SupervisedContrast, Targeted, UniformPrior,
    WordLevel,
};

/// The loss terms of this crate, in the order in which they are listed.
const BUILT_IN: &[LossKind] = &[
    loss_kind::<CrossEntropy>("cross-entropy"),
    loss_kind::<BinaryCrossEntropy>("binary-cross-entropy"),
    loss_kind::<LabelPrior>("label-prior"),
    loss_kind::<Matching>("matching"),
    loss_kind::<MaskedWords>("masked-words"),
    loss_kind::<CaptionWords>("caption-words"),
    loss_kind::<RegionObjects>("region-objects"),
    loss_kind::<RegionAttributes>("region-attributes"),
    loss_kind::<RegionFeatures>("region-features"),
    loss_kind::<RegionRegression>("region-regression"),
    loss_kind::<RegionClasses>("region-classes"),
    loss_kind::<SpanGeneration>("span-generation"),
    loss_kind::<Answers>("answers"),
    loss_kind::<ImageTextContrast>("image-text-contrast"),
    loss_kind::<CrossModalContrast>("cross-modal-contrast"),
    loss_kind::<InfoNce>("info-nce"),
    loss_kind::<Detection>("detection"),
    loss_kind::<ImageReconstruction>("image-reconstruction"),
    loss_kind::<Commitment>("commitment"),
    loss_kind::<CodebookLoss>("codebook"),
    loss_kind::<UniformPrior>("uniform-prior"),
    loss_kind::<SquaredError>("squared-error"),
    loss_kind::<Logits>("logits"),
    loss_kind::<Decoupled>("decoupled"),
    loss_kind::<Embedding>("embedding"),
    loss_kind::<Hidden>("hidden"),
    loss_kind::<Patient>("patient"),
    loss_kind::<AttentionScores>("attention-scores"),
    loss_kind::<Attention>("attention"),
    loss_kind::<CrossAttention>("cross-attention"),
    loss_kind::<Relations>("relations"),
    loss_kind::<Energy>("energy"),
    loss_kind::<RelationalDistance>("relational-distance"),
    loss_kind::<RelationalAngle>("relational-angle"),
    loss_kind::<SimilarityPreserving>("similarity-preserving"),
    loss_kind::<KernelAlignment>("kernel-alignment"),
    loss_kind::<Representation>("representation"),
    loss_kind::<Affinity>("affinity"),
    loss_kind::<Targeted>("targeted"),
    loss_kind::<Contrastive>("contrastive"),
    loss_kind::<SupervisedContrast>("supervised-contrast"),
    loss_kind::<MultipleNegatives>("multiple-negatives"),
    loss_kind::<CosineSimilarity>("cosine-similarity"),
    loss_kind::<Cosent>("cosent"),
    loss_kind::<ListCrossEntropy>("list-cross-entropy"),
    loss_kind::<MarginMse>("margin-mse"),
    loss_kind::<ListKl>("list-kl"),
    loss_kind::<PairwiseLogistic>("pairwise-logistic"),
    loss_kind::<Sequence>("sequence"),
    loss_kind::<WordLevel>("word-level"),
    loss_kind::<EncoderMatch>("encoder-match"),
];

/// A line of a list of loss terms: [`loss_kind`] makes it of a table of options.
pub type LossKind = KindEntry<Loss>;

/// The line of a loss term: its table of options, declared by `settings!`, and its name in recipes.
///
/// ```
/// use alambic_losses::{Inputs, LossError, LossKind, LossTerm, Term, loss_kind};
/// use alambic_models::Outline;
/// use alambic_settings::settings;
///
/// settings! {
///     /// Mean absolute difference of the logits.
///     pub struct AbsoluteDifference {
///         /// Factor in the sum of loss terms.
///         #[range(0.0..)]
///         pub weight: f64 = 1.0,
///     }
/// }
///
/// impl LossTerm for AbsoluteDifference {
///     fn bind(&self, _: &Outline, _: Option<&Outline>) -> Result<Term, LossError> {
///         let taps = || vec!["logits".to_owned()];
///         let compute = |inputs: &Inputs<'_>| {
///             Ok((inputs.student("logits")? - inputs.teacher("logits")?)?.abs()?.mean_all()?)
///         };
///         Ok(Term::new("absolute-difference", self.weight, taps(), taps(), Box::new(compute)))
///     }
/// }
///
/// /// What `alambic_recipes::load_with` takes.
/// const OWN: &[LossKind] = &[loss_kind::<AbsoluteDifference>("absolute-difference")];
/// assert_eq!((OWN[0].table)().fields[0].key, "weight");
/// ```
#[must_use]
pub const fn loss_kind<T: Table + LossTerm + 'static>(name: &'static str) -> LossKind {
    LossKind {
        name,
        table: T::description,
        read: |name, node, reader| T::read(node, reader).map(|options| Loss::new(name, options)),
        default: |name| T::when_absent().map(|options| Loss::new(name, options)),
    }
}

/// The losses of a program, beside those of this crate, for a reader, a type or the loading of a recipe.
///
/// # Errors
/// Every name that two losses have.
pub fn added_losses(own: &'static [LossKind]) -> Result<AddedKinds, Diagnostics> {
    let mut twice = Diagnostics::default();
    for (index, entry) in own.iter().enumerate() {
        if BUILT_IN.iter().chain(&own[..index]).any(|other| other.name == entry.name) {
            let message = format!("two losses are called `{}`", entry.name);
            twice.push(
                Diagnostic::error("program::loss", message).help("give the program's own another name"),
            );
        }
    }
    twice.into_result()?;
    Ok(AddedKinds::new(own))
}

/// A loss term, by its method: one of the list of this crate, or of that of a program.
#[derive(Debug, Clone)]
pub struct Loss {
    name: &'static str,
    /// What was read, complete with defaults.
    options: Value,
    term: Arc<dyn LossTerm>,
}

impl Loss {
    fn new<T: Table + LossTerm + 'static>(name: &'static str, options: T) -> Self {
        let mut members = Members::new();
        options.write_members(&mut members);
        Self { name, options: Value::Table(members), term: Arc::new(options) }
    }

    /// The name in recipes.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The options, which bind the term.
    #[must_use]
    pub fn inner(&self) -> &dyn LossTerm {
        &*self.term
    }

    fn entry(name: &str) -> Option<&'static LossKind> {
        BUILT_IN.iter().find(|entry| entry.name == name)
    }

    fn description() -> KindsDescription {
        KindsDescription {
            name: type_name::<Self>(),
            doc: "A loss term, by its method.".into(),
            kinds: BUILT_IN.iter().map(|entry| (entry.name, TableType::new(entry.table))).collect(),
        }
    }
}

impl PartialEq for Loss {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.options == other.options
    }
}

impl Setting for Loss {
    fn describe() -> Type {
        Type::Kinds(KindsType::new(Self::description))
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        alambic_settings::read::read_one_kind(node, reader)
    }

    fn to_value(&self) -> Option<Value> {
        let node = Node::unwritten(self.options.clone());
        let member = Member { key_origin: Origin::Default, node };
        Some(Value::Table(Members::from_iter([(self.name.to_owned(), member)])))
    }
}

impl Kind for Loss {
    fn list() -> Vec<NamedTable> {
        BUILT_IN.iter().map(|entry| (entry.name, entry.table)).collect()
    }

    fn name(&self) -> &'static str {
        self.name
    }

    fn options(&self) -> Value {
        self.options.clone()
    }

    fn read_kind(name: &str, node: &Node, reader: &mut Reader) -> Option<Self> {
        let entry = Self::entry(name)?;
        (entry.read)(entry.name, node, reader)
    }

    fn default_kind(name: &str) -> Option<Self> {
        let entry = Self::entry(name)?;
        (entry.default)(entry.name)
    }
}
