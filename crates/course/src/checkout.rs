//! The checkout that this program works on: the folder with the steps, the captures and the pages.
//!
//! It is looked for at run time. Nothing of where the program was built is compiled in, so a built tree can be
//! copied and moved, and works on itself.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use std::{env, io, thread};

use anyhow::{Context, Result, bail, ensure};

/// What tells a checkout from any other folder.
const MARKS: [&str; 4] = [
    "Cargo.toml",
    "crates/harness/Cargo.toml",
    "crates/lab/Cargo.toml",
    "captures",
];

/// The checkout that we stand in, or else the one that this program stands in.
///
/// # Errors
///
/// If there is neither, with what to do about it.
pub fn find() -> Result<PathBuf> {
    let here = env::current_dir().ok();
    let program = env::current_exe().ok();
    let found = [&here, &program].into_iter().flatten().find_map(|path| above(path));
    let named = |path: Option<PathBuf>| path.map_or_else(|| "?".to_owned(), |path| path.display().to_string());
    found.with_context(|| {
        format!(
            "this needs a checkout of the project, with its steps, captures and pages: \
             go to the folder that `git clone` made, and run it there (neither {} nor {} is in one)",
            named(here),
            named(program)
        )
    })
}

/// The checkout that a path lies in.
fn above(path: &Path) -> Option<PathBuf> {
    let is_checkout = |folder: &&Path| MARKS.iter().all(|mark| folder.join(mark).exists());
    path.ancestors().find(is_checkout).map(Path::to_owned)
}

/// The names of what is in a folder of the checkout, in order.
///
/// # Errors
///
/// If it cannot be listed.
pub fn names_in(folder: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(folder)
        .with_context(|| format!("cannot list {}: is the checkout whole?", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    Ok(names)
}

/// Where cargo puts what it builds of a checkout, and how it builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Builds {
    checkout: PathBuf,
    /// The target folder, if it is certain: this program was built there.
    target: Option<PathBuf>,
    /// As in `cargo build --profile`.
    profile: String,
    /// `target/debug`.
    folder: PathBuf,
}

impl Builds {
    /// As this program was built, if it was built in that checkout. An installed program, and one from a target
    /// folder elsewhere, builds where cargo does by itself.
    ///
    /// # Errors
    ///
    /// If the path of this program cannot be found.
    pub fn of(checkout: &Path) -> Result<Builds> {
        let this = env::current_exe().context("cannot find the path of this program")?;
        let target = env::var_os("CARGO_TARGET_DIR").filter(|path| !path.is_empty());
        Ok(Builds::by(checkout, &this, target))
    }

    fn by(checkout: &Path, this: &Path, target: Option<OsString>) -> Builds {
        // Tests of this program stand one folder deeper.
        let folder = this.ancestors().skip(1).find(|folder| !folder.ends_with("deps"));
        let ours = folder.filter(|_| above(this).is_some_and(|found| same(&found, checkout)));
        if let Some((folder, target)) = ours.and_then(|folder| Some((folder, folder.parent()?))) {
            let profile = folder.file_name().map(|name| name.to_string_lossy().into_owned());
            return Builds {
                checkout: checkout.to_owned(),
                target: Some(target.to_owned()),
                profile: profile
                    .filter(|name| name != "debug")
                    .unwrap_or_else(|| "dev".to_owned()),
                folder: folder.to_owned(),
            };
        }
        let (profile, folder) = match cfg!(debug_assertions) {
            true => ("dev", "debug"),
            false => ("release", "release"),
        };
        Builds {
            checkout: checkout.to_owned(),
            target: None,
            profile: profile.to_owned(),
            folder: checkout.join(target.unwrap_or_else(|| "target".into())).join(folder),
        }
    }

    /// The folder of the programs: `target/debug`.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Lets cargo build a target, and gives the path of the program. Cargo says on standard error what it builds.
    ///
    /// # Errors
    ///
    /// If cargo fails; it has said why. If cargo cannot be run, and the program was not built before.
    pub fn build(&self, kind: &str, name: &str) -> Result<PathBuf> {
        let before = match kind {
            "--example" => self.folder.join("examples").join(name),
            _ => self.folder.join(name),
        };
        let mut command = self.cargo_build();
        // With the features that the whole workspace asks for, or cargo would build tokio twice.
        command.args(["--workspace", kind, name]);
        let cargo = match command.spawn() {
            Ok(cargo) => cargo,
            // Somebody who cannot run cargo has what was built before.
            Err(_) if before.is_file() => return Ok(before),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot run cargo, and {} is not there", before.display()));
            }
        };
        let pass_on = |words: &str| {
            if !words.contains("Finished `") {
                // A standard error that is closed leaves nobody to tell.
                let _ = writeln!(io::stderr(), "{words}");
            }
        };
        let program = follow(cargo, name, pass_on, || false)?;
        program.with_context(|| format!("cargo could not build {name}"))
    }

    /// Cargo, about to build as this program was built, into the same target folder. It stands in the checkout, whose
    /// settings, and those of the folders above, hold for the servers of an exercise too, wherever these are.
    fn cargo_build(&self) -> Command {
        let mut command = cargo();
        command
            .current_dir(&self.checkout)
            .args(["build", "--profile", &self.profile]);
        command.args(["--message-format", "json-render-diagnostics"]);
        if let Some(target) = &self.target {
            command.arg("--target-dir").arg(target);
        }
        if io::stderr().is_terminal() {
            command.env("CARGO_TERM_COLOR", "always");
        }
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// The program, or why there is none.
type Built = Result<Result<PathBuf, NotBuilt>>;

/// Why cargo built nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotBuilt {
    /// What cargo said.
    pub words: String,
    /// True if it did not come to look at the source: nothing downloaded, a disk that is full.
    pub is_not_the_source: bool,
    /// True if something was never downloaded.
    pub is_offline: bool,
}

/// How often to ask whether a build is still wanted.
const ASK_AGAIN: Duration = Duration::from_millis(50);

impl Builds {
    /// Lets cargo build a program of another package, that of a folder, into the same target folder and
    /// without a network, until `is_off` says that nobody waits for it. The inner error is what cargo said.
    ///
    /// # Errors
    ///
    /// If cargo cannot be run.
    pub fn build_in(&self, folder: &Path, name: &str, is_off: impl Fn() -> bool) -> Built {
        let mut command = self.cargo_build();
        command.args(["--offline", "--quiet", "--bin", name]);
        // Without the path of the manifest, cargo would take that of a folder above if this one has none.
        command.arg("--manifest-path").arg(folder.join("Cargo.toml"));
        let child = command.spawn().with_context(|| {
            format!(
                "cannot run {}: is a Rust toolchain installed, and on the PATH? https://rustup.rs",
                command.get_program().display()
            )
        })?;
        let mut words = String::new();
        let program = follow(child, name, |line| words += &format!("{line}\n"), is_off)?;
        Ok(program.ok_or_else(|| NotBuilt::of(words)))
    }

    /// Lets cargo download what the checkout's lock file names.
    ///
    /// # Errors
    ///
    /// If there is no network, or it cannot be written; with cargo's words.
    pub fn fetch(&self) -> Result<()> {
        let mut command = cargo();
        command.current_dir(&self.checkout).stdin(Stdio::null());
        let output = command.args(["fetch", "--locked", "--quiet"]).output();
        let output = output.with_context(|| format!("cannot run {}", command.get_program().display()))?;
        ensure!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
        Ok(())
    }
}

impl NotBuilt {
    fn of(words: String) -> NotBuilt {
        let full = words.contains("No space left on device");
        NotBuilt {
            is_not_the_source: full || !words.contains("could not compile"),
            is_offline: words.contains("offline mode") || words.contains("--offline was specified"),
            words,
        }
    }
}

/// Hears what cargo says line by line, until it has ended or `is_off` says that nobody waits for it. Gives the path of
/// the program that it built; `None` if it failed.
fn follow(
    mut cargo: Child,
    name: &str,
    mut hear: impl FnMut(&str),
    is_off: impl Fn() -> bool,
) -> Result<Option<PathBuf>> {
    let (Some(messages), Some(words)) = (cargo.stdout.take(), cargo.stderr.take()) else {
        bail!("cargo has no output");
    };
    let (sender, said) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(words).split(b'\n').map_while(Result::ok);
        // If nobody hears it any more, the build was called off.
        lines
            .map(|line| sender.send(line))
            .take_while(Result::is_ok)
            .for_each(drop);
    });
    let named = name.to_owned();
    let program = thread::spawn(move || {
        let lines = BufReader::new(messages).lines().map_while(Result::ok);
        lines.filter_map(|line| executable(&line, &named)).last()
    });
    loop {
        match said.recv_timeout(ASK_AGAIN) {
            Ok(line) => hear(&String::from_utf8_lossy(&line)),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if is_off() => {
                // Both fail if cargo has just ended by itself.
                let _ = cargo.kill();
                let _ = cargo.wait();
                bail!("the build was called off");
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    if !cargo.wait().context("cannot wait for cargo")?.success() {
        return Ok(None);
    }
    let program = program.join().ok().flatten();
    program
        .map(Some)
        .with_context(|| format!("cargo built {name}, and did not say where"))
}

/// The program that a message of cargo's tells of: "Artifact messages" in the Cargo book.
fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let named = message["target"]["name"] == name;
    message["executable"].as_str().filter(|_| named).map(PathBuf::from)
}

/// Two paths of one folder, as links and `..` may make two of it.
fn same(one: &Path, other: &Path) -> bool {
    match (one.canonicalize(), other.canonicalize()) {
        (Ok(one), Ok(other)) => one == other,
        _ => one == other,
    }
}

#[cfg(test)]
#[path = "../tests/unit/checkout.rs"]
mod tests;
