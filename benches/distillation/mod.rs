//! The training step of distillation that benches run.

use std::error::Error;

use alambic_losses::{
    AttentionScores, Comparison, Counted, HeadMatch, Hidden, Inputs, LayerMap, LossTerm, Padding, Pattern,
    Projections, Targets, Term, Weight,
};
use alambic_models::text_encoder::{TextEncoder, TextEncoderConfig, TextInput};
use alambic_models::{Config, Pass, TapSelection, Tokens, Trace};
use alambic_tensor::Streams;
use alambic_tensor::candle::Tensor;
use alambic_tensor::device;
use alambic_tensor::gradients::Gradients;
use alambic_tensor::ops::Dropout;
use alambic_tensor::optimiser::{AdamW, AdamWOptions};
use alambic_tensor::parameters::Parameters;
use alambic_tensor::precision::{self, MatmulPrecision};
use rand::Rng;

use crate::encoder::encoder;
use crate::timing::{Options, Timed};

/// TinyBERT's sizes, and a teacher of BERT's depth.
pub(crate) const DEFAULTS: [(&str, f64); 11] = [
    ("layers", 4.0),
    ("width", 312.0),
    ("heads", 12.0),
    ("ffn", 1200.0),
    ("vocabulary", 30522.0),
    ("batch", 32.0),
    ("length", 64.0),
    ("teacher-layers", 12.0),
    ("teacher-width", 384.0),
    ("dropout", 0.1),
    // 1 for products in bfloat16.
    ("bf16", 0.0),
];

/// A student in training, the batch that it sees over and over, and what the teacher made of it.
pub(crate) struct Distillation {
    config: TextEncoderConfig,
    parameters: Parameters,
    terms: Vec<Term>,
    input: TextInput,
    teacher: Trace,
    dropout: Dropout,
    optimiser: AdamW,
    products: MatmulPrecision,
}

impl Distillation {
    pub(crate) fn new(options: &Options) -> Result<Self, Box<dyn Error>> {
        let config = encoder(options, "layers", "width");
        let streams = Streams::new(1);
        let mut parameters = Parameters::from_weights(&TextEncoder::initial_weights(&config, &streams)?)?;
        let teachers = Config::from(encoder(options, "teacher-layers", "teacher-width")).outline();
        let outline = Config::from(config.clone()).outline();
        let map = LayerMap::Pattern(Pattern::Uniform);
        let hidden = Hidden {
            weight: Weight::from(1.0),
            stream: String::new(),
            map: map.clone(),
            embeddings: true,
            projection: Projections::Shared,
            comparison: Comparison::MeanSquaredError,
            count: Counted::Tokens,
        };
        let scores = AttentionScores {
            weight: Weight::from(1.0),
            stream: String::new(),
            map,
            heads: HeadMatch::OneToOne,
            padding: Padding::LeftOut,
        };
        let terms = vec![hidden.bind(&outline, Some(&teachers))?, scores.bind(&outline, Some(&teachers))?];
        let mut generator = streams.shuffling(0);
        let mut normal = |shape: &[usize], deviation: f32| {
            // Even numbers do: what they are makes no difference to the time.
            let count = shape.iter().product();
            let values = (0..count).map(|_| deviation * generator.random_range(-1.7..1.7)).collect();
            Tensor::from_vec(values, shape, device::current())
        };
        for projection in terms.iter().flat_map(|term| &term.projections) {
            let weight = normal(&[projection.outputs, projection.inputs], 0.02)?;
            parameters.insert(&format!("{}.weight", projection.name), &weight)?;
            parameters.insert(&format!("{}.bias", projection.name), &normal(&[projection.outputs], 0.0)?)?;
        }
        let (batch, length) = (options.size("batch"), options.size("length"));
        let mut teacher = Trace::new(TapSelection::All);
        for tap in terms.iter().flat_map(|term| &term.teacher_taps) {
            let shape = if tap.starts_with("scores") {
                vec![batch, config.heads, length, length]
            } else {
                vec![batch, length, options.size("teacher-width")]
            };
            teacher.record(tap, &normal(&shape, 1.0)?);
        }
        let mut generator = streams.shuffling(1);
        let texts: Vec<Vec<u32>> = (0..batch)
            .map(|_| (0..length).map(|_| generator.random_range(1..config.vocabulary as u32)).collect())
            .collect();
        let optimiser = AdamW::new(AdamWOptions {
            learning_rate: 5e-5,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.01,
            no_decay: Vec::new(),
        });
        let input = TextInput::new(Tokens::pad(&texts, config.padding));
        teacher.record_mask("", &input.tokens.mask);
        Ok(Self {
            config,
            parameters,
            terms,
            input,
            teacher,
            dropout: Dropout::new(&streams),
            optimiser,
            products: if options.size("bf16") == 1 { MatmulPrecision::Bf16 } else { MatmulPrecision::F32 },
        })
    }

    fn loss(&self) -> Result<Tensor, Box<dyn Error>> {
        let weights = self.parameters.tracked();
        let wanted =
            TapSelection::named(self.terms.iter().flat_map(|term| term.student_taps.iter().cloned()));
        let student = TextEncoder::new(&self.config, &weights)?.trace(
            &self.input,
            Pass::Train(&self.dropout),
            wanted,
        )?;
        let inputs = Inputs {
            student: &student,
            teacher: Some(&self.teacher),
            targets: &Targets::default(),
            projections: &weights,
            ranks: None,
            progress: 1.0,
            step: None,
        };
        let [hidden, scores] = [0, 1].map(|term| self.terms[term].loss(&inputs));
        Ok((hidden? + scores?)?)
    }
}

impl Timed for Distillation {
    fn parameters(&self) -> usize {
        self.parameters.count()
    }

    fn step(&mut self) -> Result<f32, Box<dyn Error>> {
        let (loss, gradients) = precision::with(self.products, || {
            let loss = self.loss()?;
            let gradients = Gradients::of(&loss, &self.parameters)?;
            Ok::<_, Box<dyn Error>>((loss, gradients))
        })?;
        self.optimiser.step(&self.parameters, &gradients, 1.0, (1.0 / gradients.norm()?).min(1.0))?;
        Ok(loss.to_scalar::<f32>()?)
    }
}
