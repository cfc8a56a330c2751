//! Shared parts of the benches of models: options, threads, figures.

use std::error::Error;
use std::io::Write;
use std::time::Instant;

use alambic_recipes::bench::peak_memory;
use alambic_settings::IndexMap;
use alambic_tensor::{device, threads};
use serde_json::{Map, Value, json};

use crate::process;

/// Options by name, with their defaults.
pub(crate) struct Options(IndexMap<String, f64>);

impl Options {
    /// The numbers that a command line gives, and the defaults of the others: of the bench, and of how often it is timed.
    fn parse(
        defaults: &[(&str, f64)],
        arguments: impl Iterator<Item = String>,
    ) -> Result<Self, Box<dyn Error>> {
        let often = [("steps", 20.0), ("warm-up", 5.0), ("threads", 2.0), ("cuda", 0.0)];
        let mut options: IndexMap<String, f64> =
            defaults.iter().chain(&often).map(|(name, value)| ((*name).to_owned(), *value)).collect();
        // `cargo bench` adds `--bench`.
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        while let Some(argument) = arguments.next() {
            let option = argument
                .strip_prefix("--")
                .and_then(|name| options.get_mut(name))
                .ok_or_else(|| format!("there is no option `{argument}`"))?;
            let value = arguments.next().ok_or_else(|| format!("`{argument}` needs a value"))?;
            *option = value.parse().map_err(|_| format!("`{argument}` needs a number, not `{value}`"))?;
        }
        Ok(Self(options))
    }

    /// The value of an option.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.0[name]
    }

    /// The value of an option that counts.
    pub(crate) fn size(&self, name: &str) -> usize {
        self.0[name] as usize
    }

    fn to_json(&self) -> Value {
        let number = |value: f64| if value.fract() == 0.0 { json!(value as u64) } else { json!(value) };
        self.0.iter().map(|(name, &value)| (name.clone(), number(value))).collect()
    }
}

/// What is done over and over.
pub(crate) trait Timed {
    /// The parameters of the model.
    fn parameters(&self) -> usize;

    /// Does it once, and gives a number that came out: of a training step the loss.
    fn step(&mut self) -> Result<f32, Box<dyn Error>>;
}

/// Reads the options out of a command line, prepares what is timed on the threads asked for, does it as often as asked for, and prints one JSON
/// object: the settings, the median, smallest and largest milliseconds a step, and the most memory that the process held.
pub(crate) fn time<T: Timed>(
    defaults: &[(&str, f64)],
    arguments: impl Iterator<Item = String>,
    prepare: impl FnOnce(&Options) -> Result<T, Box<dyn Error>> + Send,
) -> Result<(), Box<dyn Error>> {
    // SAFETY: there is no second thread yet.
    unsafe { process::set_up() };
    let options = Options::parse(defaults, arguments)?;
    if options.size("cuda") == 1 {
        device::choose(device::DeviceSpec::Cuda(0))?;
    }
    let result = threads::install(Some(options.size("threads")), || {
        // An error cannot leave the computing threads as it is.
        let mut timed = prepare(&options).map_err(|error| error.to_string())?;
        measure(&options, &mut timed).map_err(|error| error.to_string())
    })??;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&result)?)?;
    Ok(())
}

fn measure(options: &Options, timed: &mut impl Timed) -> Result<Value, Box<dyn Error>> {
    let (mut milliseconds, mut values) = (Vec::new(), Vec::new());
    for _ in 0..options.size("warm-up") + options.size("steps") {
        let started = Instant::now();
        values.push(timed.step()?);
        milliseconds.push(1e3 * started.elapsed().as_secs_f64());
    }
    let mut kept = milliseconds.split_off(options.size("warm-up"));
    kept.sort_unstable_by(f64::total_cmp);
    let rounded = |value: Option<&f64>| value.map(|value| (value * 100.0).round() / 100.0);
    let mut result = Map::new();
    result.insert("settings".into(), options.to_json());
    result.insert("parameters".into(), timed.parameters().into());
    result.insert("median-ms".into(), json!(rounded(kept.get(kept.len() / 2))));
    result.insert("min-ms".into(), json!(rounded(kept.first())));
    result.insert("max-ms".into(), json!(rounded(kept.last())));
    result.insert("peak-memory-bytes".into(), json!(peak_memory()));
    result.insert("first-value".into(), json!(values.first()));
    result.insert("last-value".into(), json!(values.last()));
    Ok(Value::Object(result))
}
