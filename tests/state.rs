//! The state of a run: damage is named or gone round, one process works in it, and what is the user's stays the user's.
//!
//! CI does one damage to each file; `ALAMBIC_DAMAGE=all cargo test --release --test integration -- state::` every one.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test may fail wherever it is, and says what it tried"
)]
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::common::{Ended, REVIEWS, alambic, run};
use alambic_files::digests::{files_below, relative};
use alambic_files::write::is_partial;

/// Two stages with a teacher whose outputs are kept, and checkpoints close to one another.
const RECIPE: &str = r#"
schema = 1
name = "kept"
seed = 3
threads = 1
stages = ["teach", "learn"]
cache.mode = "required"

[model.large.encoder]
layers = 2
width = 16
heads = 2
feed-forward = 32
[model.small.encoder]
layers = 1
width = 16
heads = 2
feed-forward = 32

[teacher.large.checkpoint]
stage = "teach"

[stage.teach]
student = "large"
data.texts = { data = ["reviews"] }
loss.cross-entropy = {}

[stage.learn]
student = "small"
teacher = "large"
data.texts = { data = ["reviews"] }
loss.logits = {}

[train]
steps = 400
batch.size = 16
validate-every = 100
validation-examples = 8
checkpoint-every = 50
"#;

/// Enough steps that a run is still there when something is done to its folder.
const LONG: [&str; 2] = ["--set", "train.steps=2000"];

/// A folder with the recipe, a finished run of it, and one that was stopped in its second stage.
struct Runs {
    folder: tempfile::TempDir,
}

impl Runs {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("kept.toml"), [RECIPE, REVIEWS].concat()).unwrap();
        let ended = run(folder.path(), &["run", "kept.toml", "--out", "whole"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn start(&self, out: &str) -> Child {
        self.start_with(out, &[])
    }

    fn start_with(&self, out: &str, more: &[&str]) -> Child {
        let mut command = alambic(self.folder.path());
        command
            .args(["run", "kept.toml", "--out", out])
            .args(more)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().unwrap()
    }

    /// A run that was killed behind two checkpoints of its second stage.
    fn stopped(&self) -> PathBuf {
        let out = self.path("stopped");
        loop {
            let mut child = self.start("stopped");
            let checkpoints = out.join("checkpoints/learn");
            // What is still being written does not count.
            while (!checkpoints.is_dir() || steps(&checkpoints).len() < 2)
                && child.try_wait().unwrap().is_none()
            {
                std::thread::sleep(Duration::from_micros(200));
            }
            child.kill().unwrap();
            child.wait().unwrap();
            let whole = |name: &str| checkpoints.join(name).is_dir();
            if !out.join("metrics.json").exists() && !whole("finished") && steps(&checkpoints).len() == 2 {
                return out;
            }
            std::fs::remove_dir_all(&out).unwrap();
        }
    }

    fn resume(&self, out: &str) -> Ended {
        run(self.folder.path(), &["run", "kept.toml", "--out", out, "--resume"])
    }

    fn student(&self, out: &str) -> Vec<u8> {
        crate::common::student(&self.path(out))
    }

    fn copy(&self, from: &Path, to: &str) -> PathBuf {
        let to = self.path(to);
        let _ = std::fs::remove_dir_all(&to);
        crate::common::copy(from, &to);
        to
    }
}

/// The names of the whole checkpoints of a folder.
fn steps(checkpoints: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(checkpoints).into_iter().flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> =
        names.filter(|name| name.starts_with("step-") && !is_partial(Path::new(name))).collect();
    names.sort();
    names
}

/// Every file of a run's state is damaged in turn: by a flipped bit, by being emptied, by being removed. Either the run names
/// the file and ends, or it names it and goes on from an older checkpoint, to the same bytes.
#[test]
fn damage_to_any_file_of_the_state_is_named() {
    let runs = Runs::new();
    let stopped = runs.stopped();
    let [older, newest] =
        [0, 1].map(|place| format!("checkpoints/learn/{}", steps(&stopped.join("checkpoints/learn"))[place]));
    let does_all = std::env::var_os("ALAMBIC_DAMAGE").is_some();
    let (mut flipped, mut emptied) = (0, 0);
    for (number, file) in files_below(&stopped).unwrap().into_iter().enumerate() {
        let name = relative(&stopped, &file);
        // The recipe as the user wrote it is only a copy; the lock says nothing.
        if name == "recipe.toml" || name.starts_with(".alambic") || name.contains(".part") {
            continue;
        }
        let sound = std::fs::read(&file).unwrap();
        let mut damages: Vec<Option<Vec<u8>>> = vec![Some(Vec::new()), None];
        for share in [2, 3, 5] {
            let mut bytes = sound.clone();
            let place = sound.len() / share;
            bytes[place] ^= 0x10;
            damages.push(Some(bytes));
        }
        if !does_all {
            damages = vec![damages.swap_remove(number % 3)];
        }
        for damage in damages {
            let copy = runs.copy(&stopped, "damaged");
            match &damage {
                Some(bytes) => std::fs::write(copy.join(&name), bytes).unwrap(),
                None => std::fs::remove_file(copy.join(&name)).unwrap(),
            }
            let ended = runs.resume("damaged");
            let what = match &damage {
                None => "removed",
                Some(bytes) if bytes.is_empty() => "emptied",
                Some(_) => "a bit flipped",
            };
            let context = format!("{name}, {what}: {:?} {}", ended.code, ended.stderr);
            assert!(!ended.stderr.contains("should not have happened"), "{context}");
            // Where the newest checkpoint is damaged, the older one serves.
            assert!(!name.starts_with(&newest) || ended.code == Some(0), "{context}");
            if ended.code == Some(0) {
                // A cache that lost a file is computed anew; behind the mark, the log is not believed anyway; of two
                // checkpoints, the older is not read where the newer is sound; and the page of a run that goes on is written
                // anew and never read.
                let others = ["cache/", "events.jsonl", "report.html", older.as_str(), newest.as_str()];
                assert!(others.iter().any(|other| name.starts_with(other)), "{context}");
                assert!(
                    !name.starts_with(&newest) || ended.stderr.contains("goes on from step"),
                    "{context}"
                );
                assert!(runs.student("damaged") == runs.student("whole"), "{context}");
            } else {
                let last = name.rsplit('/').next().unwrap();
                let run_is_gone = name == "digests.json" && damage.is_none();
                assert!(ended.stderr.contains(last) || run_is_gone, "{context}");
            }
            match what {
                "a bit flipped" => flipped += 1,
                _ => emptied += 1,
            }
        }
    }
    assert!(flipped + emptied > 20, "{flipped} {emptied}");
    println!("{flipped} flipped bits, {emptied} files emptied or removed");
}

#[test]
fn second_process_is_refused_with_the_first_one_named() {
    let runs = Runs::new();
    let mut first = runs.start("shared");
    while !runs.path("shared/events.jsonl").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    for mode in ["--resume", "--overwrite"] {
        let said = run(runs.folder.path(), &["run", "kept.toml", "--out", "shared", mode]).bad(2);
        assert!(said.contains(&format!("process {} (alambic run)", first.id())), "{said}");
    }
    assert!(first.wait().unwrap().success());
    assert!(runs.student("shared") == runs.student("whole"));
}

#[test]
fn what_is_the_users_stays_the_users() {
    let runs = Runs::new();
    for name in [
        "notes.md",
        "student/notes.md",
        "plots/mine.svg",
        "checkpoints/learn/notes.md",
        "checkpoints/learn/mine.part",
        "cache/mine.txt",
        "corpora/mine.jsonl",
        "teacher-outputs/notes.json",
    ] {
        let copy = runs.copy(&runs.path("whole"), "noted");
        std::fs::create_dir_all(copy.join(name).parent().unwrap()).unwrap();
        std::fs::write(copy.join(name), "mine").unwrap();
        let said = run(runs.folder.path(), &["run", "kept.toml", "--out", "noted", "--overwrite"]).bad(2);
        assert!(said.contains(name.rsplit('/').next().unwrap()), "{said}");
        // A finished run that is resumed prints its result, and touches nothing.
        let before = files_below(&copy).unwrap();
        let times: Vec<_> = before.iter().map(|path| path.metadata().unwrap().modified().unwrap()).collect();
        let ended = runs.resume("noted");
        assert!(ended.code == Some(0) && ended.stderr.contains("nothing is left to do"), "{}", ended.stderr);
        assert_eq!(files_below(&copy).unwrap(), before);
        let after: Vec<_> = before.iter().map(|path| path.metadata().unwrap().modified().unwrap()).collect();
        assert_eq!(times, after);
    }
    // A folder that only looks like a run is none.
    let precious = runs.path("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("recipe.resolved.toml"), "# a copy").unwrap();
    let said = run(runs.folder.path(), &["run", "kept.toml", "--out", "precious", "--overwrite"]).bad(2);
    assert!(said.contains("is no run"), "{said}");
    assert!(precious.join("recipe.resolved.toml").is_file());
}

#[test]
fn a_run_does_not_overwrite_the_teacher_that_it_reads() {
    let runs = Runs::new();
    let recipe = [RECIPE, REVIEWS].concat();
    let recipe = recipe
        .replace("stages = [\"teach\", \"learn\"]", "stages = [\"learn\"]")
        .replace("stage = \"teach\"", "model = \"whole/checkpoints/teach/finished\"");
    let recipe = recipe.replace("[stage.teach]\nstudent = \"large\"\ndata.texts = { data = [\"reviews\"] }\nloss.cross-entropy = {}\n", "");
    let recipe =
        recipe.replace("[model.large.encoder]\nlayers = 2\nwidth = 16\nheads = 2\nfeed-forward = 32\n", "");
    std::fs::write(runs.path("again.toml"), recipe).unwrap();
    let said = run(runs.folder.path(), &["run", "again.toml", "--out", "whole", "--overwrite"]).bad(2);
    assert!(said.contains("is to be overwritten, and the recipe reads"), "{said}");
    assert!(runs.path("whole/metrics.json").is_file());
}

#[test]
fn a_run_whose_teacher_reads_otherwise_now_is_not_resumed() {
    let runs = Runs::new();
    let teacher = runs.path("teacher");
    crate::common::copy(&runs.path("whole/student"), &teacher);
    // By it a changed file would be taken for a damaged one.
    std::fs::remove_file(teacher.join("digests.json")).unwrap();
    std::fs::create_dir(teacher.join("1_Pooling")).unwrap();
    std::fs::write(teacher.join("1_Pooling/config.json"), "{}").unwrap();
    let recipe =
        [RECIPE, REVIEWS].concat().replace("stages = [\"teach\", \"learn\"]", "stages = [\"learn\"]");
    let recipe = recipe.replace(
        "[teacher.large.checkpoint]\nstage = \"teach\"",
        "[teacher.large.checkpoint]\nmodel = \"teacher\"",
    );
    std::fs::write(runs.path("learn.toml"), recipe).unwrap();
    let start =
        |mode: &[&str]| run(runs.folder.path(), &[&["run", "learn.toml", "--out", "learnt"], mode].concat());
    let ended = start(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    std::fs::remove_file(runs.path("learnt/metrics.json")).unwrap();
    for name in ["tokenizer_config.json", "1_Pooling/config.json"] {
        let path = teacher.join(name);
        let before = std::fs::read(&path).unwrap();
        std::fs::write(&path, [before.as_slice(), b" "].concat()).unwrap();
        let ended = start(&["--resume"]);
        assert_eq!(ended.code, Some(2), "{name}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(name) && ended.stderr.contains("has changed since"),
            "{}",
            ended.stderr
        );
        std::fs::write(&path, before).unwrap();
    }
    assert_eq!(start(&["--resume"]).code, Some(0));
}

#[test]
fn a_pipe_in_the_place_of_a_file_is_refused() {
    let runs = Runs::new();
    for name in ["metrics.json", "events.jsonl", "recipe.resolved.toml", "digests.json"] {
        let copy = runs.copy(&runs.path("whole"), "copy");
        let path = copy.join(name);
        std::fs::remove_file(&path).unwrap();
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        for arguments in [
            &["compare", "whole", "copy", "--out", "compared"][..],
            &["run", "kept.toml", "--out", "copy", "--resume"],
        ] {
            // It ends, whatever it says.
            run(runs.folder.path(), arguments);
        }
    }
}

#[test]
fn finished_run_with_a_damaged_student_is_reported() {
    let runs = Runs::new();
    for name in ["student/model.safetensors", "student/config.json", "metrics.json", "report.html"] {
        let copy = runs.copy(&runs.path("whole"), "damaged");
        let mut bytes = std::fs::read(copy.join(name)).unwrap();
        let place = bytes.len() / 2;
        bytes[place] ^= 0x04;
        std::fs::write(copy.join(name), bytes).unwrap();
        let ended = runs.resume("damaged");
        let named = ended.stderr.contains(name.rsplit('/').next().unwrap());
        assert!(ended.code == Some(1) && named, "{}", ended.stderr);
    }
    // What is gone is made anew.
    let copy = runs.copy(&runs.path("whole"), "damaged");
    std::fs::remove_dir_all(copy.join("student")).unwrap();
    assert_eq!(runs.resume("damaged").code, Some(0));
    assert!(runs.student("damaged") == runs.student("whole"));
}

#[test]
fn a_run_whose_folder_is_another_runs_now_ends() {
    let runs = Runs::new();
    let mut first = runs.start_with("place", &LONG);
    let out = runs.path("place");
    while !out.join("checkpoints/teach").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &first.id().to_string()]).status().unwrap().success());
    };
    signal("-STOP");
    std::fs::rename(&out, runs.path("away")).unwrap();
    let ended = run(runs.folder.path(), &["run", "kept.toml", "--out", "place", "--set", "seed=9"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let second = runs.student("place");
    signal("-CONT");
    assert_eq!(first.wait().unwrap().code(), Some(1));
    assert!(runs.student("place") == second);
}

#[test]
fn a_comparison_replaces_no_figures_of_a_run() {
    let runs = Runs::new();
    let before = files_below(&runs.path("whole")).unwrap();
    let ended = run(runs.folder.path(), &["compare", "whole", "whole", "--out", "whole"]);
    assert!(
        ended.code == Some(1) && ended.stderr.contains("holds what no command wrote"),
        "{}",
        ended.stderr
    );
    assert_eq!(files_below(&runs.path("whole")).unwrap(), before);
    for _ in 0..2 {
        assert_eq!(run(runs.folder.path(), &["compare", "whole", "whole", "--out", "both"]).code, Some(0));
    }
}

#[test]
fn a_run_whose_folder_vanishes_ends_and_builds_no_other() {
    let runs = Runs::new();
    let mut child = runs.start_with("vanished", &LONG);
    let out = runs.path("vanished");
    while !out.join("checkpoints/teach").exists() {
        std::thread::sleep(Duration::from_millis(1));
    }
    let away = runs.path("away");
    std::fs::rename(&out, &away).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(!out.exists());
}

#[test]
fn a_run_goes_into_a_folder_whose_name_is_no_text() {
    use std::os::unix::ffi::OsStrExt;
    let runs = Runs::new();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9");
    for more in [&[][..], &["--resume"], &["--overwrite"]] {
        let mut command = alambic(runs.folder.path());
        let ended = command.args(["run", "kept.toml", "--out"]).arg(name).args(more).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }
    assert!(runs.folder.path().join(name).join("student/model.safetensors").is_file());
}
