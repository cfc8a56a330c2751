//! The inputs of `fuzz/corpus`, read again, and mutations of them where `ALAMBIC_FUZZ` says how many of each target.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]
#![expect(clippy::print_stderr, reason = "a run by hand reports its progress")]

#[path = "fuzzing/mutator.rs"]
mod mutator;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::fuzzing::{TARGETS, Target};
use mutator::Mutator;

/// Time that an input may take.
const MOST_TIME: Duration = Duration::from_secs(10);

/// Memory that an input may take, in KiB.
const MOST_MEMORY: u64 = 2 << 20;

/// The inputs of a target, by the names of their files.
fn corpus(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("corpus").join(target.name);
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), fs::read(file).unwrap())).collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// Reads an input; says whether it was refused, or else what is wrong with how it was read.
fn read(target: &Target, folder: &Path, bytes: &[u8]) -> Result<bool, String> {
    let begun = Instant::now();
    let refused = match catch_unwind(AssertUnwindSafe(|| target.run(folder, bytes))) {
        Ok(read) => read?,
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            return Err(format!("a panic: {}", text.unwrap_or_default()));
        }
    };
    let time = begun.elapsed();
    if time > MOST_TIME { Err(format!("it takes {time:?}")) } else { Ok(refused) }
}

#[test]
fn inputs_of_the_corpus_are_read_or_refused_by_name() {
    let mut faults = Vec::new();
    for target in &TARGETS {
        let folder = tempfile::tempdir().unwrap();
        target.prepare(folder.path());
        for (file, bytes) in corpus(target) {
            let read = read(target, folder.path(), &bytes);
            faults.extend(read.err().map(|fault| format!("{}: {fault}", file.display())));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// `ALAMBIC_FUZZ` is the number of mutations of each target, `ALAMBIC_FUZZ_TARGETS` names some, `ALAMBIC_FUZZ_SEED` is the
/// number that mutations are drawn with. Inputs that fail are written to `fuzz/artifacts`; where one ends the process, it
/// is the file in `fuzz/artifacts/TARGET.running`.
#[test]
fn mutations_of_the_corpus_are_read_or_refused_by_name() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().unwrap());
    let Some(count) = number("ALAMBIC_FUZZ") else { return };
    let seed = number("ALAMBIC_FUZZ_SEED").unwrap_or(1);
    let wanted = std::env::var("ALAMBIC_FUZZ_TARGETS").unwrap_or_default();
    let wanted: Vec<&str> = wanted.split(',').filter(|name| !name.is_empty()).collect();
    // Panics are reported with their inputs.
    std::panic::set_hook(Box::new(|_| {}));
    let mut failed = 0;
    for target in TARGETS.iter().filter(|target| wanted.is_empty() || wanted.contains(&target.name)) {
        failed += mutate(target, count, seed);
    }
    assert_eq!(failed, 0, "inputs that failed are in fuzz/artifacts");
}

/// Reads mutations of a target's inputs; gives how many kinds of fault there were.
fn mutate(target: &Target, count: u64, seed: u64) -> usize {
    let artifacts = root().join("artifacts");
    let folder = artifacts.join(format!("{}.running", target.name));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    target.prepare(&folder);
    let inputs: Vec<Vec<u8>> = corpus(target).into_iter().map(|(_, bytes)| bytes).collect();
    let mut mutator = Mutator::new(&inputs, seed);
    let (mut kinds, mut refused, mut slowest, mut most_memory) = (BTreeSet::new(), 0, Duration::ZERO, 0);
    watch(target.name);
    for index in 0..count {
        let bytes = mutator.input();
        reset_peak();
        BEGUN.store(now(), Ordering::Relaxed);
        let begun = Instant::now();
        let mut read = read(target, &folder, &bytes);
        slowest = slowest.max(begun.elapsed());
        let memory = peak().unwrap_or_default();
        most_memory = most_memory.max(memory);
        if memory > MOST_MEMORY {
            read = read.and_then(|_| Err(format!("it takes {} MiB", memory >> 10)));
        }
        refused += u64::from(read != Ok(false));
        if let Err(fault) = read {
            // One input of each kind: what differs is mostly numbers and quoted text.
            let kind: String = fault.chars().filter(|character| character.is_alphabetic()).take(60).collect();
            if kinds.insert(kind) {
                let file = artifacts.join(format!("{}-{seed}-{index}", target.name));
                fs::write(&file, &bytes).unwrap();
                eprintln!("{}: {fault}", file.display());
            }
        }
    }
    BEGUN.store(0, Ordering::Relaxed);
    fs::remove_dir_all(&folder).unwrap();
    eprintln!(
        "{}: {count} inputs, {refused} refused, {} kinds of fault, slowest {:.3} s, most memory {} MiB",
        target.name,
        kinds.len(),
        slowest.as_secs_f64(),
        most_memory >> 10
    );
    kinds.len()
}

/// When the present input began to be read, in seconds; 0 while there is none.
static BEGUN: AtomicU64 = AtomicU64::new(0);

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}

/// Ends the process when an input takes six times as long as it may.
fn watch(name: &'static str) {
    std::thread::spawn(move || {
        while BEGUN.load(Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        loop {
            std::thread::sleep(Duration::from_secs(1));
            match BEGUN.load(Ordering::Relaxed) {
                0 => return,
                begun if now().saturating_sub(begun) > 6 * MOST_TIME.as_secs() => {
                    eprintln!("{name}: an input hangs; it is in fuzz/artifacts/{name}.running");
                    std::process::abort();
                }
                _ => {}
            }
        }
    });
}

/// Largest memory of the process since [`reset_peak`], in KiB, where the system reports it.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn reset_peak() {
    // Where the system does not know it, there is no peak either.
    let _ = fs::write("/proc/self/clear_refs", "5");
}
