//! A hub that answers wrongly in every way that could be thought of: nothing is written outside the cache, the token stays,
//! nothing panics or lasts beyond its limit, and a sound hub afterwards mends the cache.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use alambic_hub::{Hub, Limits};

use crate::answers::{Case, World};
use crate::server::{Repository, Server};

const TOKEN: &str = "hf_secret";

/// Bytes that the largest file may have here.
const LARGEST: u64 = 1 << 20;

fn limits() -> Limits {
    Limits {
        request_time: Duration::from_secs(20),
        read_time: Duration::from_secs(10),
        max_attempts: 2,
        pause: Duration::from_millis(5),
        max_redirects: 4,
        max_listing_bytes: 64 << 10,
        max_text_bytes: 64 << 10,
        max_file_bytes: LARGEST,
        max_files: 50,
        wait_time: Duration::from_secs(20),
        ..Limits::default()
    }
}

/// The same for answers that never end by themselves.
fn short_limits() -> Limits {
    Limits {
        connect_time: Duration::from_millis(500),
        request_time: Duration::from_millis(700),
        read_time: Duration::from_millis(400),
        min_bytes_per_second: 1 << 20,
        ..limits()
    }
}

/// A model with everything that makes further requests: modules, and weights that are stored elsewhere.
fn repository(elsewhere: &str) -> Repository {
    let modules = r#"[{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Dense"}]"#;
    let files = [
        ("config.json", "{\"model_type\": \"bert\"}"),
        ("modules.json", modules),
        ("1_Pooling/config.json", "{\"pooling_mode_mean_tokens\": true}"),
        ("2_Dense/config.json", "{}"),
        ("2_Dense/model.safetensors", "few weights"),
        ("README.md", "words"),
    ];
    Repository::new(elsewhere, &files).with("model.safetensors", vec![7; 100_000])
}

/// Every file below a folder with what it holds, links by where they lead.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            found.extend(tree(&path));
        } else if kind.is_symlink() {
            found.insert(path.clone(), fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes());
        } else {
            found.insert(path.clone(), fs::read(&path).unwrap());
        }
    }
    found
}

/// Asks a hub that answers as the case says, and then a sound one; gives what is wrong with what happened.
fn attempt(case: &Case) -> Result<(), String> {
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("canary"), "untouched").unwrap();
    let cache = outer.path().join("a/b/cache");
    fs::create_dir_all(&cache).unwrap();
    let outside = || -> Vec<PathBuf> {
        tree(outer.path()).into_keys().filter(|path| !path.starts_with(&cache)).collect()
    };
    let before = outside();

    let (hub, elsewhere) = (Server::start(), Server::start());
    let sound = repository(&elsewhere.address);
    let world =
        World { sound: sound.clone(), hub: hub.address.clone(), elsewhere: elsewhere.address.clone() };
    let trick = case.trick.clone();
    let (there, there_sound) = (world.clone(), sound.clone());
    elsewhere
        .says(move |request| trick(request, &there, true).unwrap_or_else(|| there_sound.stored(request)));
    let (trick, here_sound) = (case.trick.clone(), sound.clone());
    hub.says(move |request| trick(request, &world, false).unwrap_or_else(|| here_sound.answer(request)));

    let limits = if case.is_endless { short_limits() } else { limits() };
    let client = Hub::at(&hub.endpoint(), &cache).with_token(TOKEN).with_limits(limits);
    let since = Instant::now();
    // On a thread of its own: a panic is an error of the case, not of the test.
    let asked = client.clone();
    let answer = std::thread::spawn(move || asked.model("owner/small").map_err(|error| error.to_string()));
    let answer = answer.join().map_err(|_| "it panics".to_owned())?;
    let took = since.elapsed();
    // A few requests with two attempts each.
    if case.is_endless && took > Duration::from_secs(15) {
        return Err(format!("it lasts {took:?}"));
    }
    match &answer {
        _ if case.says == crate::answers::WHATEVER => {}
        Ok(_) if !case.says.is_empty() => return Err("it is taken".into()),
        Err(said) if case.says.is_empty() || !said.contains(case.says) => {
            return Err(format!("it says: {said}"));
        }
        _ => {}
    }
    match &answer {
        Err(said) if said.len() > 1000 || said.chars().any(char::is_control) => {
            return Err(format!("it repeats what it was sent: {said}"));
        }
        Err(said) if !said.contains("owner/small") => return Err(format!("it names no repository: {said}")),
        _ => {}
    }
    if outside() != before || Path::new("/tmp/evil-of-a-hub").exists() {
        return Err(format!("it writes outside the cache: {:?}", outside()));
    }
    let kept: u64 = tree(&cache).values().map(|bytes| bytes.len() as u64).sum();
    if kept > 3 * LARGEST {
        return Err(format!("{kept} bytes are left in the cache"));
    }
    let away = elsewhere.log();
    if away.iter().any(|request| request.says(TOKEN)) {
        return Err("the token goes elsewhere".into());
    }
    if !hub.log().iter().all(|request| request.header("authorization") == Some("Bearer hf_secret")) {
        return Err("the token does not reach the hub".into());
    }

    // Afterwards the hub is sound.
    let (here, there) = (sound.clone(), sound.clone());
    hub.says(move |request| here.answer(request));
    elsewhere.says(move |request| there.stored(request));
    let folder = client
        .with_limits(self::limits())
        .model("owner/small")
        .map_err(|error| format!("a sound hub does not mend it: {error}"))?;
    for (name, bytes) in &sound.files {
        if fs::read(folder.join(name)).ok().as_ref() != Some(bytes) {
            return Err(format!("`{name}` stays wrong"));
        }
    }
    let root = cache.canonicalize().unwrap();
    for path in tree(&cache).into_keys() {
        if path.extension().is_some_and(|extension| extension == "part") {
            return Err(format!("{} is left", path.display()));
        }
        if !path.canonicalize().is_ok_and(|real| real.starts_with(&root)) {
            return Err(format!("{} leads nowhere or elsewhere", path.display()));
        }
    }
    Ok(())
}

#[test]
fn hostile_answers_do_no_harm() {
    let cases = crate::answers::cases();
    assert!(cases.len() >= 60, "{} answers", cases.len());
    let next = Mutex::new(cases.iter());
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let Some(case) = next.lock().unwrap().next() else { break };
                    if let Err(fault) = attempt(case) {
                        faults.lock().unwrap().push(format!("{}: {fault}", case.name));
                    }
                }
            });
        }
    });
    let faults = faults.into_inner().unwrap();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), cases.len(), faults.join("\n"));
}
