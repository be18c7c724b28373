//! `cargo xtask` as somebody types it who is wrong, or has not all that it takes.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use harness::testing::built;

/// What it says, in a few words, when it cannot do what it was told to.
fn complaint(output: &Output) -> Result<String> {
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    ensure!(!told.contains("panicked") && !told.contains("backtrace"), "{told}");
    Ok(told)
}

fn xtask(program: &Path, arguments: &[&str]) -> Result<String> {
    let output = Command::new(program).args(arguments).env("PATH", "/none").output();
    complaint(&output.context("cannot start xtask")?)
}

fn wrong_words_get_an_answer_that_helps() -> Result<()> {
    let told = xtask(Path::new(built("xtask")), &["capture", "99"])?;
    ensure!(told.contains("there is no step \"99\""), "{told}");
    Ok(())
}

/// The book takes a program that a reader may lack, and its parts are run by that program alone.
fn a_book_without_its_maker_says_how_to_get_it() -> Result<()> {
    let program = Path::new(built("xtask"));
    let missing = xtask(program, &["book"])?;
    ensure!(
        missing.contains("cargo install mdbook --locked --version 0."),
        "{missing}"
    );
    for part in ["chapters", "files"] {
        let by_hand = xtask(program, &["book", part])?;
        ensure!(by_hand.contains("mdBook runs this by itself"), "{by_hand}");
    }
    Ok(())
}

fn outside_of_a_checkout_it_says_what_it_needs() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("xtask-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    // In a process of its own: while we hold a program open to write it, nobody can be started from it.
    let copied = Command::new("cp").arg(built("xtask")).arg(&folder).status()?;
    ensure!(copied.success(), "{copied}");
    let output = Command::new(folder.join("xtask"))
        .args(["docs", "--check"])
        .current_dir(&folder)
        .output()?;
    std::fs::remove_dir_all(&folder)?;
    let told = complaint(&output)?;
    ensure!(told.contains("git clone"), "{told}");
    Ok(())
}

harness::tests! {
    wrong_words_get_an_answer_that_helps needs [];
    a_book_without_its_maker_says_how_to_get_it needs [];
    outside_of_a_checkout_it_says_what_it_needs needs [];
}
