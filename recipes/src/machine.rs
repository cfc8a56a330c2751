//! The machine that a run is on, and what else it does.

mod system;

use std::time::Instant;

use alambic_settings::IndexMap;
use alambic_tensor::{device, instruction_sets};

use system::{ProcessorTime, processor_name, processor_time};
pub(crate) use system::{memory_bytes, peak_memory, peak_memory_of};

/// Versions, processor, device and memory: label to value.
pub(crate) fn describe() -> IndexMap<String, String> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let sets = instruction_sets();
    [
        ("Alambic", env!("CARGO_PKG_VERSION").to_owned()),
        ("System", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("Processor", format!("{}, {cores} cores", processor_name().as_deref().unwrap_or("unknown"))),
        ("Instruction sets", if sets.is_empty() { "baseline".to_owned() } else { sets.join(", ") }),
        ("Device", device()),
        ("Threads", rayon::current_num_threads().to_string()),
        ("Memory", memory()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// Where the run computed.
fn device() -> String {
    let name = device::name();
    device::model().map_or_else(|| name.clone(), |model| format!("{name}, {model}"))
}

/// The machine's memory, for the report.
fn memory() -> String {
    memory_bytes().map_or_else(|| "unknown".to_owned(), |bytes| format!("{:.0} GiB", bytes as f64 / GIB))
}

/// Bytes of a gibibyte.
pub(crate) const GIB: f64 = (1_u64 << 30) as f64;

/// Seconds below which the system's counters of processor time tell too little.
const MIN_SECONDS: f64 = 0.2;

/// Cores that other processes may use besides ours before times are doubted.
const TOLERATED: f64 = 0.3;

/// Load of the machine by other processes since a moment.
pub(crate) struct OtherLoad {
    begin: Instant,
    before: Option<ProcessorTime>,
}

impl OtherLoad {
    pub(crate) fn start() -> Self {
        Self { begin: Instant::now(), before: processor_time() }
    }

    /// The warning that others used processor time which our threads wanted; none where they did not, or the system does not
    /// say. The system's load average would not do: it counts our own training of the minutes before.
    pub(crate) fn warning(&self) -> Option<String> {
        let seconds = self.begin.elapsed().as_secs_f64();
        let (before, now) = (self.before.as_ref()?, processor_time()?);
        let others = now.others_since(before) / seconds;
        of_load(seconds, others, now.cores, rayon::current_num_threads())
    }
}

fn of_load(seconds: f64, others: f64, cores: usize, threads: usize) -> Option<String> {
    let spare = cores.saturating_sub(threads) as f64;
    (seconds >= MIN_SECONDS && others > spare + TOLERATED).then(|| {
        format!(
            "other processes used {others:.1} of the machine's {cores} cores while times were measured with {threads} threads: \
             the times are too long, and the speed-up is uncertain; measure again on a machine at rest"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_is_described_on_this_system() {
        let machine = describe();
        assert!(!machine["Processor"].starts_with("unknown"), "{machine:?}");
        assert!(machine["Memory"].ends_with(" GiB") && memory_bytes() > Some(1 << 20), "{machine:?}");
    }

    #[test]
    fn load_is_warned_of_where_others_take_what_threads_want() {
        assert_eq!(of_load(1.0, 0.2, 2, 2), None);
        assert_eq!(of_load(0.1, 2.0, 2, 2), None, "too short to tell");
        assert_eq!(of_load(1.0, 5.0, 64, 8), None, "there are cores to spare");
        let said = of_load(1.0, 1.2, 2, 2).unwrap_or_default();
        assert!(said.contains("1.2 of the machine's 2 cores"), "{said}");
    }
}
