//! The steps: each folder of `crates` that holds a lesson, and the binary of each.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail, ensure};
use similar::TextDiff;

use crate::checkout::{self, Builds};
use crate::lesson::{self, Lesson};

/// A learning step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The name of its crate and its capture: `step1-two-writes`.
    pub slug: String,
    /// What it teaches.
    pub lesson: Lesson,
    /// The checkout that it is in.
    checkout: PathBuf,
}

/// All steps in the order of their lessons.
///
/// # Errors
///
/// If there is no checkout, its folder `crates` cannot be read, or a lesson is not as it should be.
pub fn all() -> Result<Vec<Step>> {
    let checkout = checkout::find()?;
    let folder = checkout.join("crates");
    let steps = checkout::names_in(&folder)?
        .into_iter()
        .filter(|name| folder.join(name).join(lesson::FILE).is_file())
        .map(|slug| {
            Ok(Step {
                lesson: Lesson::read(&folder.join(&slug))?,
                slug,
                checkout: checkout.clone(),
            })
        });
    in_order(steps.collect::<Result<_>>()?)
}

/// Sorts steps by what their lessons say.
fn in_order(mut steps: Vec<Step>) -> Result<Vec<Step>> {
    steps.sort_by_key(|step| step.lesson.order);
    for (index, step) in steps.iter().enumerate() {
        for other in &steps[..index] {
            let both = format!("{} and {} both have", other.slug, step.slug);
            ensure!(
                other.lesson.order != step.lesson.order,
                "{both} the order {} in their {}: give each its own",
                step.lesson.order,
                lesson::FILE
            );
            ensure!(
                other.lesson.binary != step.lesson.binary,
                "{both} the binary {:?} in their {}: give each its own",
                step.lesson.binary,
                lesson::FILE
            );
        }
    }
    Ok(steps)
}

/// The step that somebody means by `step1`, `1` or `step1-two-writes`.
///
/// # Errors
///
/// If there is no such step, and the message lists those that there are; or no checkout.
pub fn find(name: &str) -> Result<Step> {
    let steps = all()?;
    let meant = |step: &&Step| name == step.slug || name == step.binary() || name == step.lesson.order.to_string();
    if let Some(step) = steps.iter().find(meant) {
        return Ok(step.clone());
    }
    let list: Vec<String> = steps
        .iter()
        .map(|step| format!("  {}  ({})", step.binary(), step.slug))
        .collect();
    let list = list.join("\n");
    let is_path = name.contains('/') || std::path::Path::new(name).is_file();
    ensure!(
        !is_path,
        "there is no step \"{name}\"; a program of yours stands behind --, as in: -- {name}. The steps are:\n{list}"
    );
    bail!("there is no step \"{name}\"; there are:\n{list}")
}

impl Step {
    /// The name of its binary: `step1`.
    pub fn binary(&self) -> &str {
        &self.lesson.binary
    }

    /// Its source.
    pub fn source(&self) -> PathBuf {
        self.checkout.join("crates").join(&self.slug).join("src/main.rs")
    }

    /// What its source says.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read_source(&self) -> Result<String> {
        let path = self.source();
        std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// What it is about: the first line of its source, behind `Step 3: `. Nothing if that says nothing of it.
    ///
    /// # Errors
    ///
    /// If its source cannot be read.
    pub fn about(&self) -> Result<String> {
        let source = self.read_source()?;
        let first = source.lines().next().unwrap_or_default();
        Ok(first
            .split_once(": ")
            .map(|(_, about)| about.to_owned())
            .unwrap_or_default())
    }

    /// Its page.
    pub fn page(&self) -> PathBuf {
        self.checkout.join(&self.lesson.page)
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
        build_program(self.binary())
    }
}

/// What differs between the sources of two steps, as a unified diff.
///
/// # Errors
///
/// If a source cannot be read.
pub fn diff(from: &Step, to: &Step) -> Result<String> {
    let (old, new) = (from.read_source()?, to.read_source()?);
    let name = |step: &Step| format!("crates/{}/src/main.rs", step.slug);
    Ok(TextDiff::from_lines(&old, &new)
        .unified_diff()
        .context_radius(2)
        .header(&name(from), &name(to))
        .to_string())
}

/// Builds a program of the workspace and gives its path.
///
/// # Errors
///
/// If cargo fails; it has said why.
pub fn build_program(name: &str) -> Result<PathBuf> {
    build_target("--bin", name)
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

#[cfg(test)]
#[path = "../tests/unit/steps.rs"]
mod tests;
