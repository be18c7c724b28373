//! `lab compare`: its status, and what it says of captures that do not show the same.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use course::steps;
use harness::format::pcapng;
use harness::testing::Needs::Packets;
use harness::testing::built;
use harness::timeline::Timeline;

use crate::read_json;
use crate::wireshark::packets_alone;

fn compare(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(built("lab")).arg("compare").args(arguments).output()?)
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A file of our own in the system's folder for such.
fn written(name: &str, bytes: &[u8]) -> Result<String> {
    let path = std::env::temp_dir().join(format!("lab-compare-{}-{name}", std::process::id()));
    fs::write(&path, bytes)?;
    Ok(path.to_str().context("no text")?.to_owned())
}

fn capture(step: &str) -> Result<PathBuf> {
    Ok(steps::find(step)?.capture())
}

fn timeline(step: &str) -> Result<Timeline> {
    Ok(pcapng::read(fs::File::open(capture(step)?)?)?.into_timeline())
}

/// Runs it, and says what is worse, better and so on, figure by figure.
fn outcomes(arguments: &[&str], status: i32) -> Result<impl Fn(&str) -> Vec<String> + use<>> {
    let output = compare(&[&["--format", "json"], arguments].concat())?;
    assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
    let object = read_json(&output.stdout, "Compare")?;
    assert_eq!(object["status"], status);
    let figures = object["figures"].as_array().context("no list")?.clone();
    Ok(move |outcome: &str| {
        let such = figures.iter().filter(|figure| figure["outcome"] == outcome);
        such.map(|figure| figure["name"].as_str().unwrap_or_default().to_owned())
            .collect()
    })
}

fn the_second_is_better_or_worse() -> Result<()> {
    let differ = [
        "writes-per-reply",
        "packets-per-exchange",
        "stalls",
        "split-reply",
        "nagle-stall",
    ];
    let better = outcomes(&["step1", "step2"], 0)?;
    assert_eq!(better("better"), differ);
    assert_eq!(better("worse"), [""; 0]);
    // One run has no spread.
    assert_eq!(better("not-judged"), ["first-byte", "whole-exchange"]);
    let worse = outcomes(&["step2", "step1"], 1)?;
    assert_eq!(worse("worse"), differ);
    let ends = outcomes(&["step2", "step3"], 0)?;
    assert_eq!(ends("better"), ["unhappy-ends", "close-wait-leak"]);
    let same = outcomes(&["step2", "step2"], 0)?;
    assert_eq!([same("better"), same("worse"), same("unknown")].concat(), [""; 0]);
    // Each run of a side has the same times here, and their ratio is nine.
    let (fast, slow) = (["step2"; 5], ["step1"; 5]);
    let several = [&["--before"][..], &fast, &["--after"], &slow].concat();
    assert_eq!(outcomes(&several, 1)?("worse")[3], "whole-exchange");
    let patient = outcomes(&[&several[..], &["--slower", "10"]].concat(), 1)?;
    assert!(patient("same").contains(&"whole-exchange".to_owned()));
    Ok(())
}

fn what_one_side_does_not_show_is_unknown() -> Result<()> {
    let alone = written("alone", &packets_alone(&timeline("step1")?)?)?;
    let all = fs::read(capture("step1")?)?;
    let cut = written("cut", &all[..all.len() - 100])?;
    // Its calls would show the writes: the same packets are not the same run.
    let blind = outcomes(&["step1", &alone], 2)?;
    assert!(blind("unknown").contains(&"writes-per-reply".to_owned()));
    assert!(blind("unknown").contains(&"split-reply".to_owned()));
    assert!(blind("same").contains(&"packets-per-exchange".to_owned()));
    // What neither shows is judged by nobody, and the packets are alike.
    let both = outcomes(&[&alone, &alone], 0)?;
    assert!(both("not-judged").contains(&"split-reply".to_owned()));
    assert_eq!(both("unknown"), [""; 0]);
    let short = outcomes(&["step1", &cut], 2)?;
    assert_eq!([short("same"), short("better"), short("worse")].concat(), [""; 0]);
    let said = stdout(&compare(&["step1", &cut])?);
    assert!(said.contains("of the second: cannot read all of"), "{said}");
    assert!(said.ends_with("whether the second is worse cannot be told\n"), "{said}");
    // One request is less than two: what comes of the second was not seen.
    let fewer = outcomes(&["step1", "loss-early"], 2)?;
    assert!(fewer("unknown").contains(&"nagle-stall".to_owned()));
    assert_eq!([fewer("better"), fewer("worse"), fewer("same")].concat(), [""; 0]);
    for file in [alone, cut] {
        fs::remove_file(file)?;
    }
    Ok(())
}

fn what_cannot_be_read_is_told() -> Result<()> {
    for arguments in [&["step1", "no-such-file"][..], &["step1"], &["--before", "step1"], &[]] {
        let output = compare(arguments)?;
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{output:?}");
    }
    Ok(())
}

fn each_format_names_what_is_worse() -> Result<()> {
    for (format, says) in [
        ("text", "worse       stalls: 0 → 1\n"),
        ("github", "::error title=stalls::stalls: 0 → 1\n"),
        (
            "junit",
            "name=\"stalls\"><failure message=\"worse than before\">stalls: 0 → 1</failure>",
        ),
        ("sarif", "worse than before: stalls: 0 → 1"),
    ] {
        let output = compare(&["--format", format, "step2", "step1"])?;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(stdout(&output).contains(says), "{format}: {}", stdout(&output));
    }
    Ok(())
}

/// Captures of `lab trace` compare: a run of the same server is not worse, and one that stalls is.
fn what_lab_traced_is_compared() -> Result<()> {
    let traced = |step: &str, said: &[&str], name: &str| -> Result<String> {
        let file = written(name, &[])?;
        let run = Command::new(built("lab"))
            .args(["trace", step, "--pcapng", &file])
            .args(said)
            .output()?;
        assert!(run.status.success(), "{run:?}");
        Ok(file)
    };
    let (two, one) = (traced("step1", &[], "two")?, traced("step2", &[], "one")?);
    assert_eq!(outcomes(&[&two, &one], 0)?("better")[0], "writes-per-reply");
    assert_eq!(outcomes(&[&one, &two], 1)?("worse")[0], "writes-per-reply");
    // As many bytes, and other ones.
    let [this, other] = ["1\\n", "2\\n"].map(|said| traced("step2", &["--send", said], &said[..1]));
    let (this, other) = (this?, other?);
    assert_eq!(outcomes(&[&this, &other], 2)?("same"), [""; 0]);
    let said = stdout(&compare(&[&this, &other])?);
    assert!(said.contains("the clients did not send the same"), "{said}");
    for file in [one, two, this, other] {
        fs::remove_file(file)?;
    }
    Ok(())
}

harness::tests! {
    the_second_is_better_or_worse needs [];
    what_one_side_does_not_show_is_unknown needs [];
    what_cannot_be_read_is_told needs [];
    each_format_names_what_is_worse needs [];
    what_lab_traced_is_compared needs [Packets];
}
