//! The list of all servers of all exercises, in the program that the tests run: `examples/exercises.rs`.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::exercise::{self, Exercise};
use crate::checkout;

/// The program, by its name among the examples.
pub const PROGRAM: &str = "exercises";

const BEGIN: &str = "// <!-- generated: exercises -->\n";
const END: &str = "// <!-- end -->\n";

/// The program's source: where it is, and what it has to say.
///
/// # Errors
///
/// If it cannot be read, or has no markers.
pub fn source() -> Result<(PathBuf, String)> {
    let path = checkout::find()?
        .join("crates/course/examples")
        .join(PROGRAM)
        .with_extension("rs");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let markers = || format!("{} has no markers {BEGIN}", path.display());
    let (before, rest) = text.split_once(BEGIN).with_context(markers)?;
    let (_, after) = rest.split_once(END).with_context(markers)?;
    let mut list = String::from("servers! {\n");
    for server in exercise::all()?.iter().flat_map(servers) {
        let module: String = server
            .trim_end_matches(".rs")
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
            .collect();
        list += &format!("    e{module} \"{server}\"\n");
    }
    list += "}\n";
    let made = format!("{before}{BEGIN}{list}{END}{after}");
    Ok((path, made))
}

/// The servers in an exercise's folder: given, solution, wrong turns.
pub fn servers(exercise: &Exercise) -> Vec<String> {
    let wrong = exercise
        .wrong_turns()
        .into_iter()
        .map(|name| format!("wrong/{name}.rs"));
    let all = ["main.rs".to_owned(), "solution.rs".to_owned()]
        .into_iter()
        .chain(wrong);
    let there = all.filter(|file| exercise.folder().join(file).is_file());
    there.map(|file| format!("{}/{file}", exercise.slug)).collect()
}
