//! Times the embeddings of the texts of a file, with their true lengths, in batches of each kind that servers make.
//! `benches/peers/encode_corpus.py` times the same in onnxruntime and takes the same options.
//!
//! ```text
//! cargo bench --bench encode_corpus -- MODEL TEXTS.tsv [--batch 32] [--sorted 0] [--max-tokens 0] [--int8 0] [--steps 3] ...
//! ```
//!
//! Prints one JSON object: the settings, and what was measured of a pass over all texts.

mod process;
mod timing;

use std::error::Error;
use std::path::Path;

use alambic_inference::LoadedModel;
use alambic_models::architecture::Batch;
use alambic_models::text_encoder::TextInput;
use alambic_models::{EncodedText, Pass, TapSelection};
use alambic_tensor::candle::Tensor;
use alambic_tensor::precision::{self, MatmulPrecision};
use timing::{Options, Timed};

/// Batches of so many texts as they come.
const DEFAULTS: [(&str, f64); 5] = [
    ("batch", 32.0),
    // 1 for batches of texts of like length.
    ("sorted", 0.0),
    // Most tokens of a batch, in place of its texts; 0 for no limit.
    ("max-tokens", 0.0),
    // 1 to compute padding, too.
    ("padded", 0.0),
    // 1 for products in integers of 8 bits.
    ("int8", 0.0),
];

/// The column of a table that has the texts.
const COLUMN: &str = "sentence";

/// A model, and the batches that it reads over and over.
struct Corpus {
    model: LoadedModel,
    batches: Vec<Batch>,
    wanted: TapSelection,
    products: MatmulPrecision,
}

impl Corpus {
    fn new(model: &str, texts: &str, options: &Options) -> Result<Self, Box<dyn Error>> {
        let model = LoadedModel::load(Path::new(model))?;
        let table = std::fs::read_to_string(texts)?;
        let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        let header = lines.next().ok_or("the table is empty")?;
        let column = header.iter().position(|name| *name == COLUMN).ok_or("no column `sentence`")?;
        let tokenizer = model.tokenizer().with_max_length(model.config().max_length())?;
        let encode = |line: Vec<&str>| tokenizer.encode_text(line.get(column).unwrap_or(&""), None);
        let mut encoded: Vec<EncodedText> = lines.map(encode).collect::<Result<_, _>>()?;
        if options.size("sorted") == 1 {
            encoded.sort_by_key(|text| text.ids.len());
        }
        let (padding, wanted) = (model.config().padding(), TapSelection::named(["embedding"]));
        let batch = |texts: Vec<&EncodedText>| Batch {
            text: Some(TextInput::pad(&texts, padding)),
            ..Batch::default()
        };
        Ok(Self {
            batches: cut(&encoded, options).into_iter().map(batch).collect(),
            model,
            wanted: if options.size("padded") == 1 { wanted.with_padding() } else { wanted },
            products: if options.size("int8") == 1 { MatmulPrecision::Int8 } else { MatmulPrecision::F32 },
        })
    }
}

/// Batches of texts in their order.
fn cut<'t>(texts: &'t [EncodedText], options: &Options) -> Vec<Vec<&'t EncodedText>> {
    let (size, most) = (options.size("batch"), options.number("max-tokens"));
    let mut batches: Vec<Vec<&EncodedText>> = Vec::new();
    let mut tokens = 0;
    for text in texts {
        tokens += text.ids.len();
        match batches.last_mut() {
            Some(batch) if most == 0.0 && batch.len() < size => batch.push(text),
            Some(batch) if tokens as f64 <= most => batch.push(text),
            _ => {
                tokens = text.ids.len();
                batches.push(vec![text]);
            }
        }
    }
    batches
}

impl Timed for Corpus {
    fn parameters(&self) -> usize {
        self.model.word_embeddings().map_or(0, Tensor::elem_count)
    }

    fn step(&mut self) -> Result<f32, Box<dyn Error>> {
        let mut sum = 0.0;
        for batch in &self.batches {
            let trace = precision::with(self.products, || {
                self.model.network().forward(batch, Pass::Evaluate, self.wanted.clone())
            })?;
            let embeddings = trace.get("embedding").ok_or("the model pools no embedding")?;
            sum += embeddings.narrow(1, 0, 1)?.sum_all()?.to_scalar::<f32>()?;
        }
        Ok(sum)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let (Some(model), Some(texts)) = (arguments.next(), arguments.next()) else {
        return Err("a model and a table of texts are needed".into());
    };
    timing::time(&DEFAULTS, arguments, |options| Corpus::new(&model, &texts, options))
}
