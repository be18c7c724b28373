//! The steps: what there is, by its folder, and the binary of each.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};

/// A learning step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Its one name everywhere: the crate, the page and the capture are called `step1-two-writes`.
    pub slug: String,
}

/// The workspace that this program was built from.
pub fn workspace() -> PathBuf {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    // A member stands at crates/lab.
    package.ancestors().nth(2).unwrap_or(package).to_owned()
}

/// All steps in order.
///
/// # Errors
///
/// If the folder `crates` cannot be read.
pub fn all() -> Result<Vec<Step>> {
    let folder = workspace().join("crates");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut steps: Vec<Step> = names
        .filter(|name| name.starts_with("step"))
        .map(|slug| Step { slug })
        .collect();
    steps.sort();
    Ok(steps)
}

/// The step that somebody means by `step1`, `1` or `step1-two-writes`.
///
/// # Errors
///
/// If there is no such step. The message lists those that there are.
pub fn find(name: &str) -> Result<Step> {
    let steps = all()?;
    let meant = |step: &&Step| name == step.slug || name == step.binary() || format!("step{name}") == step.binary();
    if let Some(step) = steps.iter().find(meant) {
        return Ok(step.clone());
    }
    let list: Vec<String> = steps
        .iter()
        .map(|step| format!("  {}  ({})", step.binary(), step.slug))
        .collect();
    bail!("there is no step \"{name}\"; there are:\n{}", list.join("\n"))
}

impl Step {
    /// The name of its binary: `step1`.
    pub fn binary(&self) -> &str {
        self.slug.split('-').next().unwrap_or(&self.slug)
    }

    /// Its source.
    pub fn source(&self) -> PathBuf {
        workspace().join("crates").join(&self.slug).join("src/main.rs")
    }

    /// Its committed capture.
    pub fn capture(&self) -> PathBuf {
        workspace().join("captures").join(&self.slug).with_extension("pcapng")
    }

    /// Builds it and gives the path of its binary.
    ///
    /// # Errors
    ///
    /// If cargo fails; it has said why.
    pub fn build(&self) -> Result<PathBuf> {
        build_target(&self.slug, "--bin", self.binary(), "")
    }
}

/// Builds an example of the workspace and gives its path.
///
/// # Errors
///
/// If cargo fails; it has said why.
pub fn build_example(package: &str, example: &str) -> Result<PathBuf> {
    build_target(package, "--example", example, "examples")
}

/// Builds a target as this program was built, the first time that it is asked for.
fn build_target(package: &str, kind: &str, name: &str, subfolder: &str) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(name) {
        return Ok(path.clone());
    }
    let path = run_cargo(package, kind, name, subfolder)?;
    built.insert(name.to_owned(), path.clone());
    Ok(path)
}

fn run_cargo(package: &str, kind: &str, name: &str, subfolder: &str) -> Result<PathBuf> {
    let this = std::env::current_exe().context("cannot find the path of this program")?;
    // Tests of this program stand one folder deeper.
    let folder = this.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
    let folder = folder.context("this program stands in no folder")?;
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(profile) => profile,
    };
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace())
        .args(["build", "--quiet", "--profile", profile, "-p", package, kind, name]);
    command.arg("--target-dir").arg(folder.parent().unwrap_or(folder));
    let path = folder.join(subfolder).join(name);
    match command.status() {
        Ok(status) => ensure!(status.success(), "cargo could not build {name}"),
        // Somebody who cannot run cargo has what was built before.
        Err(_) if path.is_file() => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot run cargo, and {} is not there", path.display()));
        }
    }
    Ok(path)
}
