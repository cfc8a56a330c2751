//! Tells the program the commit that it is built from, and for which target.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=ALAMBIC_TARGET={}", env::var("TARGET").unwrap_or_default());
    let root = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rerun-if-env-changed=ALAMBIC_COMMIT");
    // Whoever builds without a checkout may say it.
    let given = env::var("ALAMBIC_COMMIT").ok().filter(|commit| is_digest(commit));
    let commit = given.or_else(|| of_package(Path::new(&root))).or_else(|| of_checkout(Path::new(&root)));
    println!("cargo::rustc-env=ALAMBIC_COMMIT={}", commit.unwrap_or_default());
}

/// The commit that a published package was made from: Cargo puts it there.
fn of_package(root: &Path) -> Option<String> {
    let path = root.join(".cargo_vcs_info.json");
    let text = fs::read_to_string(&path).ok()?;
    println!("cargo::rerun-if-changed={}", path.display());
    let (_, rest) = text.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?;
    is_digest(commit).then(|| commit.to_owned())
}

/// The commit of the checkout whose root this is; none within another project's, and where there is no git.
fn of_checkout(root: &Path) -> Option<String> {
    if Path::new(&git(root, &["rev-parse", "--show-toplevel"])?).canonicalize().ok()?
        != root.canonicalize().ok()?
    {
        return None;
    }
    // `logs/HEAD` grows with each commit and checkout.
    for name in ["HEAD", "logs/HEAD"] {
        let path = root.join(git(root, &["rev-parse", "--git-path", name])?);
        if path.is_file() {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    let commit = git(root, &["rev-parse", "HEAD"])?;
    is_digest(&commit).then_some(commit)
}

fn is_digest(text: &str) -> bool {
    text.len() >= 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
