//! `cargo xtask` as somebody types it who is wrong.

use std::process::Command;

use anyhow::{Result, ensure};
use harness::testing::built;

fn wrong_words_get_an_answer_that_helps() -> Result<()> {
    let output = Command::new(built("xtask")).args(["capture", "99"]).output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    ensure!(
        told.contains("there is no step \"99\"") && !told.contains("panicked"),
        "{told}"
    );
    Ok(())
}

harness::tests! {
    wrong_words_get_an_answer_that_helps needs [];
}
