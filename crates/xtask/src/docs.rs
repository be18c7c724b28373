//! Writes anew all that is made of captures and sources, or tells what of it has drifted.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use course::learn::catalog;
use course::{checkout, experiments};

use crate::{frames, pages, pictures, schema};

/// Write the generated parts of the pages anew
#[derive(Args, Debug)]
pub struct Arguments {
    /// Change nothing; fail if a page has drifted
    #[arg(long)]
    check: bool,
}

impl Arguments {
    /// Does it. False if a sentence names another frame than it did, or a page has drifted that was only to be checked.
    ///
    /// # Errors
    ///
    /// If something of it cannot be read, made or written.
    pub fn run(&self) -> Result<bool> {
        // The captures first: all else is made of them.
        let captures = experiments::commented()?;
        let mut is_true = self.write_all(captures, "what is said of its packets today")?;
        for page in pages::all()? {
            let name = in_checkout(&page.path)?.display().to_string();
            let made = pages::generate(&page).with_context(|| format!("in {name}"))?;
            // A sentence that names a wrong frame can only be corrected by hand.
            for complaint in frames::check(&page.text).with_context(|| format!("in {name}"))? {
                is_true = false;
                writeln!(io::stdout(), "{name}: {complaint}")?;
            }
            let changes = pages::changes(&page.text, &made);
            let of = format!("its captures or sources:\n{changes}");
            is_true &= self.write(&page.path, made.as_bytes(), &of)?;
        }
        let (path, made) = catalog::source()?;
        is_true &= self.write(&path, made.as_bytes(), "the folders of the exercises")?;
        let (path, schema) = schema::file()?;
        is_true &= self.write(&path, schema.as_bytes(), "what is written as JSON")?;
        let drawn = pictures::all()?.into_iter();
        let drawn = drawn.map(|(path, text)| (path, text.into_bytes()));
        Ok(is_true & self.write_all(drawn, "its capture")?)
    }

    fn write_all(&self, made: impl IntoIterator<Item = (PathBuf, Vec<u8>)>, of: &str) -> Result<bool> {
        let mut is_true = true;
        for (path, file) in made {
            is_true &= self.write(&path, &file, of)?;
        }
        Ok(is_true)
    }

    /// Writes a file anew if it is another, or only says so. False if it has drifted and stays as it is.
    fn write(&self, path: &Path, file: &[u8], of: &str) -> Result<bool> {
        let name = in_checkout(path)?.display();
        if std::fs::read(path).is_ok_and(|old| old == file) {
            return Ok(true);
        }
        if self.check {
            writeln!(io::stdout(), "{name} has drifted from {of}")?;
            return Ok(false);
        }
        std::fs::write(path, file).with_context(|| format!("cannot write {name}"))?;
        writeln!(io::stdout(), "{name} written")?;
        Ok(true)
    }
}

/// A path as somebody in the checkout's folder writes it.
///
/// # Errors
///
/// Where there is no checkout.
pub fn in_checkout(path: &Path) -> Result<&Path> {
    Ok(path.strip_prefix(checkout::find()?).unwrap_or(path))
}
