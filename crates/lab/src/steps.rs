//! The steps: what there is, by its folder, and the binary of each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

use crate::checkout::{self, Builds};

/// A learning step.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step {
    /// Its one name everywhere: the crate, the page and the capture are called `step1-two-writes`.
    pub slug: String,
    /// The checkout that it is in.
    checkout: PathBuf,
}

/// All steps in order.
///
/// # Errors
///
/// If there is no checkout, or its folder `crates` cannot be read.
pub fn all() -> Result<Vec<Step>> {
    let checkout = checkout::find()?;
    let folder = checkout.join("crates");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut steps: Vec<Step> = names
        .filter(|name| name.starts_with("step"))
        .map(|slug| Step {
            slug,
            checkout: checkout.clone(),
        })
        .collect();
    steps.sort();
    Ok(steps)
}

/// The step that somebody means by `step1`, `1` or `step1-two-writes`.
///
/// # Errors
///
/// If there is no such step, and the message lists those that there are; or no checkout.
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
        self.checkout.join("crates").join(&self.slug).join("src/main.rs")
    }

    /// Its committed capture.
    pub fn capture(&self) -> PathBuf {
        self.checkout.join("captures").join(&self.slug).with_extension("pcapng")
    }

    /// Builds it and gives the path of its binary.
    ///
    /// # Errors
    ///
    /// If cargo fails; it has said why.
    pub fn build(&self) -> Result<PathBuf> {
        build_target("--bin", self.binary())
    }
}

/// Builds an example of the workspace and gives its path.
///
/// # Errors
///
/// If cargo fails; it has said why.
pub fn build_example(example: &str) -> Result<PathBuf> {
    build_target("--example", example)
}

/// Builds a target as this program was built, the first time that it is asked for.
fn build_target(kind: &str, name: &str) -> Result<PathBuf> {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(name) {
        return Ok(path.clone());
    }
    let path = Builds::of(&checkout::find()?)?.build(kind, name)?;
    built.insert(name.to_owned(), path.clone());
    Ok(path)
}
