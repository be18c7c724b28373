//! The options of `lab`, as a page has them: the words are those of `lab help`.

use anyhow::{Result, bail};
use clap::{Arg, Args as _, Command};
use lab::commands::{check, compare, shell, show, trace, wireshark};

/// A command of `lab` that has so many options that a page lists them.
fn command(name: &str) -> Result<Command> {
    let command = Command::new("lab");
    Ok(match name {
        "trace" => trace::Arguments::augment_args(command),
        "check" => check::Arguments::augment_args(command),
        "compare" => compare::Arguments::augment_args(command),
        "show" => show::Arguments::augment_args(command),
        "shell" => shell::Arguments::augment_args(command),
        "wireshark" => wireshark::Arguments::augment_args(command),
        _ => bail!("the options of lab {name} are on no page"),
    })
}

/// The options of a command that none of the others has, or that mean something else there.
///
/// # Errors
///
/// If there is no such command.
pub fn table(name: &str, others: &[&str]) -> Result<String> {
    let known: Vec<Command> = others.iter().map(|name| command(name)).collect::<Result<_>>()?;
    let is_known = |arg: &Arg| {
        let is_same = |own: &Arg| own.get_id() == arg.get_id() && meaning(own) == meaning(arg);
        known.iter().any(|other| other.get_arguments().any(is_same))
    };
    let mut table = "\n| option | what it does |\n|---|---|\n".to_owned();
    for arg in command(name)?
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !is_known(arg))
    {
        let Some(long) = arg.get_long() else { continue };
        let takes = arg.get_action().takes_values();
        let names = arg.get_value_names().unwrap_or_default().iter().filter(|_| takes);
        let values: String = names.map(|name| format!(" {name}")).collect();
        let short = arg.get_short().map(|short| format!("`-{short}`, ")).unwrap_or_default();
        table += &format!("| {short}`--{long}{values}` | {} |\n", meaning(arg));
    }
    Ok(table + "\n")
}

/// What it is for, what it may be, and what it is where nothing is said.
fn meaning(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let mut text = help.replace(['\n', '\r'], " ");
    for special in ["\\", "|", "<", "*"] {
        text = text.replace(special, &format!("\\{special}"));
    }
    let values = arg.get_possible_values();
    let takes = arg.get_action().takes_values();
    let values: Vec<String> = values
        .iter()
        .filter(|_| takes)
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    if !values.is_empty() {
        text += &format!(": {}", values.join(", "));
    }
    let given: Vec<_> = arg
        .get_default_values()
        .iter()
        .filter(|_| takes)
        .map(|value| value.to_string_lossy())
        .collect();
    if !given.is_empty() {
        text += &format!(". Without it: `{}`", given.join(" "));
    }
    text
}
