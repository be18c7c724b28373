//! The learner's folder: `exercises/` at the top of the checkout, a package of its own.
//!
//! What a learner wrote is never overwritten. Files of ours are written beside their place and moved there, so a disk
//! that is full leaves what there was.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::call_off::CallOff;
use super::exercise::{self, Exercise, read};
use crate::checkout::{self, NotBuilt};

/// The environment variable that names another place for the folder.
pub const PLACE: &str = "LAB_EXERCISES";

/// The learner's folder.
#[derive(Clone, Debug)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    checkout: PathBuf,
}

/// What stands at the top of each file that is ours.
const OURS: &str = "# Made by `lab learn`.";

impl Folder {
    /// The folder at `place`, or where the environment says, or at the top of the checkout.
    ///
    /// # Errors
    ///
    /// If there is no checkout.
    pub fn find(place: Option<&Path>) -> Result<Folder> {
        let checkout = checkout::find()?;
        let told = env::var_os(PLACE).filter(|path| !path.is_empty()).map(PathBuf::from);
        let path = place
            .map(Path::to_owned)
            .or(told)
            .unwrap_or_else(|| checkout.join("exercises"));
        let path = std::path::absolute(&path).with_context(|| format!("cannot find {}", path.display()))?;
        Ok(Folder { path, checkout })
    }

    /// Makes what is missing of it.
    ///
    /// # Errors
    ///
    /// If something cannot be written: what, and what to do.
    pub fn make(&self, exercises: &[Exercise]) -> Result<()> {
        self.make_all(exercises).with_context(|| {
            format!(
                "cannot make the folder of your exercises, {}: name another one with --folder DIR, or with {PLACE}=DIR",
                self.path.display()
            )
        })
    }

    fn make_all(&self, exercises: &[Exercise]) -> Result<()> {
        fs::create_dir_all(&self.path).with_context(|| format!("cannot make {}", self.path.display()))?;
        for exercise in exercises {
            self.make_one(exercise)?;
        }
        self.write_ours("Cargo.toml", &self.manifest(exercises)?)?;
        self.write_ours(".cargo/config.toml", &self.cargo_config())?;
        let lock = self.path.join("Cargo.lock");
        if !lock.exists() {
            // Written once. From then on cargo keeps it, and removes the packages that these servers do not use.
            write_whole(&lock, &read(&self.checkout.join("Cargo.lock"))?)?;
        }
        Ok(())
    }

    /// Its server is put there once: one that was deleted since is the learner's affair, and `reset` brings it back.
    fn make_one(&self, exercise: &Exercise) -> Result<()> {
        let folder = self.path.join(&exercise.slug);
        let is_new = !folder.exists();
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        if is_new && let Some(server) = exercise.given()? {
            write_whole(&folder.join("main.rs"), &server)?;
        }
        let page = self.page(exercise);
        if !page.exists() {
            write_whole(&page, &exercise.page()?)?;
        }
        Ok(())
    }

    /// A learner's copy of a page.
    pub fn page(&self, exercise: &Exercise) -> PathBuf {
        self.path.join(&exercise.slug).join("page.md")
    }

    /// A learner's server.
    pub fn server(&self, exercise: &Exercise) -> PathBuf {
        self.path.join(&exercise.slug).join("main.rs")
    }

    /// Puts the given server back, and gives the path of a copy of what was there, if it was another.
    ///
    /// # Errors
    ///
    /// If the copy or the server cannot be written. Then what was there is still there.
    pub fn reset(&self, exercise: &Exercise) -> Result<Option<PathBuf>> {
        let Some(given) = exercise.given()? else {
            bail!("{} has no server to put back", exercise.name);
        };
        let path = self.server(exercise);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let written = match fs::read(&path) {
            Ok(written) => Some(written).filter(|written| *written != given.as_bytes()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", path.display())),
        };
        let copy = written.map(|written| keep_copy(&path, &written)).transpose()?;
        write_whole(&path, &given)?;
        Ok(copy)
    }

    /// Writes a file of ours, if it is missing or another than it was. One that a learner has changed stays.
    fn write_ours(&self, name: &str, text: &str) -> Result<()> {
        let path = self.path.join(name);
        let ours = format!("{OURS} Yours to change: without this line it stays as it is.\n\n{text}");
        match fs::read_to_string(&path) {
            Ok(there) if there == ours || !there.starts_with(OURS) => Ok(()),
            Ok(_) => write_whole(&path, &ours),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
                }
                write_whole(&path, &ours)
            }
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
        }
    }

    /// One package with a program for each exercise. Its dependencies and profiles are those of the checkout, so that
    /// what was built for the steps is not built again.
    fn manifest(&self, exercises: &[Exercise]) -> Result<String> {
        let root = read(&self.checkout.join("Cargo.toml"))?;
        let mut text = format!(
            "[package]\nname = \"exercises\"\nversion = \"{}\"\nedition = \"2024\"\npublish = false\n\n[dependencies]\n",
            self.version()
        );
        for name in ["anyhow", "env_logger", "log", "signal-hook", "socket2", "tokio"] {
            let line = root.lines().find(|line| line.starts_with(&format!("{name} = ")));
            let line = line.with_context(|| format!("{name} is no dependency of the checkout"))?;
            text += &format!("{line}\n");
        }
        for exercise in exercises
            .iter()
            .filter(|exercise| !matches!(exercise.given(), Ok(None)))
        {
            text += &format!(
                "\n[[bin]]\nname = \"{}\"\npath = \"{}/main.rs\"\n",
                exercise.name, exercise.slug
            );
        }
        text += "\n[workspace]\nresolver = \"3\"\n";
        for profile in ["[profile.dev]", "[profile.dev.package.\"*\"]"] {
            let section = root.lines().skip_while(|line| *line != profile);
            let section: Vec<&str> = section
                .take_while(|line| !line.is_empty())
                .filter(|line| !line.starts_with('#'))
                .collect();
            text += &format!("\n{}\n", section.join("\n"));
        }
        Ok(text)
    }

    /// A version that no other folder has. Two folders may build in one target folder, and cargo would take the one's
    /// server for the other's, if that is newer: it looks at names, versions and times.
    fn version(&self) -> String {
        let bytes = self.path.as_os_str().as_encoded_bytes();
        // FNV-1a, which is the same in each version of the standard library.
        let hashed = |hash: u32, byte: &u8| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
        format!("0.0.{}", bytes.iter().fold(0x811c_9dc5, hashed))
    }

    /// Cargo builds where the checkout is built.
    fn cargo_config(&self) -> String {
        let target = match self.path.parent() == Some(&self.checkout) {
            true => "../target".to_owned(),
            false => self.checkout.join("target").display().to_string(),
        };
        format!("[build]\ntarget-dir = {target:?}\n\n[net]\noffline = true\n")
    }

    /// Builds a learner's server, and gives its program. What was never downloaded is downloaded, if there is a network.
    ///
    /// # Errors
    ///
    /// If cargo cannot be run, or files of ours that are missing cannot be made.
    pub fn build(&self, exercise: &Exercise, call_off: &CallOff) -> Result<Result<PathBuf, NotBuilt>> {
        self.make(&exercise::all()?)?;
        let builds = checkout::Builds::of(&self.checkout)?;
        let build = || builds.build_in(&self.path, &exercise.name, || call_off.is_so());
        match build()? {
            Err(not) if not.is_offline => match builds.fetch() {
                Ok(()) => build(),
                Err(error) => Ok(Err(NotBuilt {
                    words: format!(
                        "{}\n\nWhat the servers need was never downloaded, and cannot be now:\n{error:#}\nWith a network, \
                         once: cargo fetch --locked, in {}\n",
                        not.words.trim_end(),
                        self.checkout.display()
                    ),
                    ..not
                })),
            },
            built => Ok(built),
        }
    }
}

/// Keeps a copy beside a file under a name that is free.
fn keep_copy(path: &Path, bytes: &[u8]) -> Result<PathBuf> {
    for number in 1..=u32::MAX {
        let copy = path.with_extension(format!("{number}.rs"));
        match fs::OpenOptions::new().write(true).create_new(true).open(&copy) {
            Ok(mut file) => {
                let written = file.write_all(bytes).and_then(|()| file.sync_all());
                written.with_context(|| format!("cannot write {}; nothing is changed", copy.display()))?;
                return Ok(copy);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot write {}; nothing is changed", copy.display()));
            }
        }
    }
    bail!("no name is free for a copy of {}", path.display())
}

/// Writes a file beside its place, and moves it there: a reader sees the old one or the new one, and a disk that is
/// full leaves the old one.
///
/// # Errors
///
/// What the system says, with the path.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    let mut beside = OsString::from(path);
    beside.push(format!(".new-{}", std::process::id()));
    let written = fs::File::create(&beside).and_then(|mut file| {
        file.write_all(text.as_bytes())?;
        file.sync_all()
    });
    let moved = written.and_then(|()| fs::rename(&beside, path));
    if moved.is_err() {
        // It fails if the file was never created, and then there is nothing to remove.
        let _ = fs::remove_file(&beside);
    }
    moved.with_context(|| format!("cannot write {}; what was there before is still there", path.display()))
}

/// Builds a server as a check does, in a folder of its own beside what is built, and without a network: whether a room is ready.
/// `begins` hears when the build begins.
///
/// # Errors
///
/// What stands in the way, and what to do.
pub fn rehearse(begins: impl FnOnce()) -> Result<()> {
    let checkout = checkout::find()?;
    let builds = checkout::Builds::of(&checkout)?;
    let folder = Folder {
        path: builds.folder().join("rehearsal"),
        checkout,
    };
    let exercises = exercise::all()?;
    folder.make(&exercises)?;
    let first = exercises.iter().find(|exercise| exercise.about.kind.is_code());
    let first = first.context("the checkout has no exercise with a server")?;
    begins();
    let built = builds.build_in(&folder.path, &first.name, || false)?;
    built.map(|_| ()).map_err(|not| {
        let said: Vec<&str> = not.words.trim().lines().take(6).collect();
        let cure = match not.is_offline {
            true => "with a network, once, in the checkout: cargo fetch --locked",
            false => "cargo build --workspace --all-targets, in the checkout, says more",
        };
        anyhow::anyhow!("{}\ncure: {cure}", said.join("\n"))
    })
}

/// All exercises of the checkout, and the learner's folder with all of them in it.
///
/// # Errors
///
/// As [`exercise::all`] and [`Folder::make`].
pub fn open(place: Option<&Path>) -> Result<(Vec<Exercise>, Folder)> {
    let exercises = exercise::all()?;
    let folder = Folder::find(place)?;
    folder.make(&exercises)?;
    Ok((exercises, folder))
}

#[cfg(test)]
#[path = "../../tests/unit/learn_folder.rs"]
mod tests;
