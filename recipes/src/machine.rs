//! The machine that a run is on.

use alambic_settings::IndexMap;
use alambic_tensor::device;
use alambic_tensor::precision::has_bf16;

/// Versions, processor, device and memory: label to value.
pub(crate) fn describe() -> IndexMap<String, String> {
    [
        ("Alambic", env!("CARGO_PKG_VERSION").to_owned()),
        ("System", format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
        ("Processor", processor()),
        ("Device", device()),
        ("Threads", rayon::current_num_threads().to_string()),
        ("Tiles for bfloat16", if has_bf16() { "yes" } else { "no" }.to_owned()),
        ("Memory", memory()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The processor's name, where the system reports it.
fn processor() -> String {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name =
        info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ").map(|(_, name)| name));
    format!("{}, {cores} cores", name.unwrap_or("unknown").trim())
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

/// The machine's memory in bytes, where the system reports it.
pub(crate) fn memory_bytes() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes = info.lines().find_map(|line| {
        line.strip_prefix("MemTotal:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()
    });
    kibibytes.map(|kibibytes| kibibytes.saturating_mul(1024))
}
