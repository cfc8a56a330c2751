//! Ranks under the launchers that this machine has. Where it has none, the tests say so and show nothing.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests")]

use std::process::{Command, Output};
use std::time::{Duration, Instant};

use alambic_ranks::{RankError, Ranks, join};

/// Environment variable that tells the program below what to do.
const TASK: &str = "ALAMBIC_TEST_TASK";

/// The launchers of this machine with what lets them start several processes wherever the test runs.
fn launchers() -> Vec<(&'static str, &'static [&'static str])> {
    let mut found: Vec<(&str, &[&str])> = Vec::new();
    for name in ["mpirun.openmpi", "mpirun.mpich", "mpirun"] {
        let Ok(said) = Command::new(name).arg("--version").output() else { continue };
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        let is_open_mpi = ["Open MPI", "OpenRTE"].iter().any(|own| said.contains(own));
        let options: &[&str] = if is_open_mpi { &["--allow-run-as-root", "--oversubscribe"] } else { &[] };
        if name != "mpirun" || found.is_empty() {
            found.push((name, options));
        }
    }
    if found.is_empty() {
        eprintln!("left out: there is no mpirun");
    }
    found
}

/// Runs the program below in so many processes.
fn start((launcher, options): (&str, &[&str]), count: usize, task: &str) -> Output {
    Command::new(launcher)
        .args(options)
        .args(["-n", &count.to_string()])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "program", "--ignored", "--nocapture", "--test-threads", "1"])
        .env(TASK, task)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What the processes do that the tests start.
#[test]
#[ignore = "is started by the other tests"]
fn program() {
    let Ok(task) = std::env::var(TASK) else { return };
    let ranks = join(|message| eprintln!("lost: {message}")).unwrap();
    match task.as_str() {
        "exchange" => exchange(&ranks).unwrap(),
        "fail" => {
            if ranks.rank() == 1 {
                ranks.fail(3, "the cause");
            } else {
                eprintln!("rank {} was told: {}", ranks.rank(), ranks.barrier().unwrap_err());
            }
        }
        "kill" => {
            if ranks.rank() == 1 {
                std::process::abort();
            }
            ranks.barrier().unwrap();
        }
        "stop" => {
            if ranks.rank() == 1 {
                Command::new("kill").args(["-STOP", &std::process::id().to_string()]).status().unwrap();
                // The signal may take a moment.
                std::thread::sleep(Duration::from_secs(2));
            }
            ranks.barrier().unwrap();
        }
        other => panic!("no task is called {other}"),
    }
    ranks.done().unwrap();
    ranks.finish().unwrap();
}

/// Messages of all sizes, those that MPI splits or hands over without a copy included.
fn exchange(ranks: &Ranks) -> Result<(), RankError> {
    let (rank, count) = (ranks.rank(), ranks.count());
    for size in [0, 1, 1000, 3_000_001] {
        let own: Vec<Vec<u32>> = (0..count)
            .map(|to| (0..size + to).map(|index| (index * count + rank) as u32).collect())
            .collect();
        let received = ranks.exchange(&own.iter().map(Vec::as_slice).collect::<Vec<_>>())?;
        for (from, values) in received.iter().enumerate().filter(|(from, _)| *from != rank) {
            assert!(values.iter().copied().eq((0..size + rank).map(|index| (index * count + from) as u32)));
        }
    }
    let gathered = ranks.gather(&[rank as u64])?.concat();
    assert_eq!(gathered, (0..count as u64).collect::<Vec<_>>());
    assert_eq!(ranks.broadcast(vec![rank as f32 + 0.5])?, [0.5]);
    assert!(ranks.any(rank + 1 == count)?);
    assert!(!ranks.any(false)?);
    ranks.first(|| Ok::<(), RankError>(()))
}

#[test]
fn ranks_exchange_under_every_launcher() {
    for launcher in launchers() {
        for count in [2, 3] {
            let output = start(launcher, count, "exchange");
            assert!(output.status.success(), "{launcher:?}, {count} ranks: {}", text(&output));
        }
    }
}

#[test]
fn failure_of_a_rank_is_told_to_the_others() {
    for launcher in launchers() {
        let said = text(&start(launcher, 2, "fail"));
        assert!(said.contains("rank 0 was told: rank 1: the cause"), "{launcher:?}: {said}");
    }
}

#[test]
fn killed_rank_ends_the_others_within_ten_seconds() {
    for launcher in launchers() {
        let begin = Instant::now();
        let output = start(launcher, 2, "kill");
        assert!(!output.status.success(), "{launcher:?}: {}", text(&output));
        assert!(begin.elapsed() < Duration::from_secs(10), "{launcher:?}: {:?}", begin.elapsed());
    }
}

#[test]
fn stopped_rank_ends_the_others_within_a_minute_with_a_message() {
    for launcher in launchers() {
        let begin = Instant::now();
        let output = start(launcher, 2, "stop");
        let said = text(&output);
        assert!(!output.status.success(), "{launcher:?}: {said}");
        assert!(said.contains("rank 1 has given no sign of life for 30 seconds"), "{launcher:?}: {said}");
        assert!(begin.elapsed() < Duration::from_mins(1), "{launcher:?}: {:?}", begin.elapsed());
        eprintln!("{}: all ended {:.1} s after one was stopped", launcher.0, begin.elapsed().as_secs_f64());
    }
}

#[test]
fn library_of_another_mpi_is_an_error_that_names_it() {
    for launcher in launchers() {
        let output = Command::new(launcher.0)
            .args(launcher.1)
            .args(["-n", "2"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "program", "--ignored", "--nocapture"])
            .env(TASK, "exchange")
            .env("ALAMBIC_MPI", "/nowhere/libmpi.so")
            .output()
            .unwrap();
        let said = text(&output);
        assert!(!output.status.success(), "{launcher:?}: {said}");
        assert!(said.contains("started 2 processes") && said.contains("/nowhere/libmpi.so"), "{said}");
    }
}
