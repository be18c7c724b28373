//! `lab check --rough` and `lab trace --rough`, as somebody at a terminal and a program see them.

use std::collections::BTreeMap;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use course::checkout;
use harness::ordeals::{ORDEALS, Ordeal};
use harness::testing::Needs::{Ipv6, Sandbox, Wire};
use harness::testing::{at_once, built};
use serde_json::Value;

use crate::read_json;

fn lab(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(built("lab")).args(arguments).output()?)
}

fn text(output: &[u8]) -> String {
    String::from_utf8_lossy(output).into_owned()
}

/// The verdicts of what was written as JSON.
fn verdicts(report: &Value) -> BTreeMap<String, String> {
    let ordeals = report["ordeals"].as_array().into_iter().flatten();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ordeals
        .map(|ordeal| (text(&ordeal["name"]), text(&ordeal["verdict"])))
        .collect()
}

/// What `.ci/rough` measured of a server.
fn measured(server: &str) -> Result<BTreeMap<String, String>> {
    let file = std::fs::read_to_string(checkout::find()?.join("docs/ordeals.json"))?;
    let table: Value = serde_json::from_str(&file)?;
    let servers = table["servers"].as_array().into_iter().flatten();
    let of = servers
        .into_iter()
        .find(|one| one["name"] == server)
        .context("it is not in the table")?;
    Ok(serde_json::from_value(of["verdicts"].clone())?)
}

/// The quick ones: the others are measured by `.ci/rough`.
fn a_step_comes_through_as_its_table_says() -> Result<()> {
    let made = lab(&["check", "--rough", "--quick", "--format", "json", "step3"])?;
    let report = read_json(&made.stdout, "Rough")?;
    let (found, table) = (verdicts(&report), measured("step3")?);
    let quick = ORDEALS.into_iter().filter(|ordeal: &&Ordeal| ordeal.quick);
    ensure!(found.len() == quick.count(), "{report}");
    for (name, verdict) in &found {
        ensure!(table.get(name) == Some(verdict), "{name}: {report:#}");
    }
    ensure!(made.status.code() == Some(0), "{report:#}");
    Ok(())
}

/// Who will not wait for the rest gets the table of what has ended, and nothing is proved by it.
#[cfg(target_os = "linux")]
fn ctrl_c_ends_the_day_and_shows_its_table() -> Result<()> {
    use std::io::{BufRead as _, BufReader};
    let terminal = nix::pty::openpty(None, None)?;
    let mut lab = Command::new(built("lab"));
    // The second one takes many seconds.
    lab.args(["check", "--rough", "--only", "closes,silent", "step3"]);
    lab.stdout(std::process::Stdio::piped()).stderr(terminal.slave);
    let running = lab.spawn()?;
    drop(lab);
    let mut told = BufReader::new(std::fs::File::from(terminal.master)).lines();
    let ended = told.find_map(|line| line.ok().filter(|line| line.contains("lab: closes: ")));
    ensure!(ended.is_some(), "nothing has ended");
    let process = nix::unistd::Pid::from_raw(running.id().try_into()?);
    nix::sys::signal::kill(process, nix::sys::signal::Signal::SIGINT)?;
    let output = running.wait_with_output()?;
    let table = text(&output.stdout);
    ensure!(output.status.code() == Some(2), "{output:?}");
    ensure!(table.contains("closes           passed"), "{table}");
    ensure!(
        table.contains("not proved: interrupted: this is what there was"),
        "{table}"
    );
    Ok(())
}

fn a_failed_ordeal_says_what_shows_it() -> Result<()> {
    let made = lab(&["check", "--rough", "--only", "endless,closes", "step1"])?;
    let told = text(&made.stdout);
    ensure!(made.status.code() == Some(1), "{told}");
    for wanted in [
        "endless          failed     [unbounded-request] its memory grew by",
        "cure: give a message a limit",
        " trace --rough endless step1",
        "- process",
        "2 failed (closes, endless)",
    ] {
        ensure!(told.contains(wanted), "{wanted}: {told}");
    }
    let xml = text(&lab(&["check", "--rough", "--only", "closes", "--format", "junit", "step1"])?.stdout);
    let document = roxmltree::Document::parse(&xml).with_context(|| xml.clone())?;
    let suite = document.root_element();
    ensure!(
        (suite.attribute("tests"), suite.attribute("failures")) == (Some("1"), Some("1")),
        "{xml}"
    );
    Ok(())
}

/// The command of `see:` shows the run: here the step keeps its clients' sockets.
fn a_run_of_an_ordeal_is_a_trace() -> Result<()> {
    let made = lab(&["trace", "--rough", "closes", "step1"])?;
    let (lanes, said) = (text(&made.stdout), text(&made.stderr));
    ensure!(made.status.success(), "{said}");
    ensure!(lanes.contains("socket: CLOSE_WAIT"), "{lanes}");
    ensure!(said.contains("closes: failed"), "{said}");
    // It is shown to its end: by then a step that closes has closed the last one too.
    let lanes = text(&lab(&["trace", "--rough", "silent", "step3"])?.stdout);
    ensure!(lanes.contains("no findings"), "{lanes}");
    // A shell that starts something in the background lets it ignore INT and QUIT.
    for (signal, number) in [("TERM", 15), ("USR1", 10)] {
        let stopped = lab(&["trace", "--rough", "stop", "--stop-signal", signal, "step3"])?;
        let said = text(&stopped.stderr);
        let wanted = format!("stop: policy: it does not handle signal {number}");
        ensure!(said.contains(&wanted), "{said}");
    }
    Ok(())
}

fn nothing_proved_is_a_2() -> Result<()> {
    let cases: [(&[&str], &str); 4] = [
        (&["--only", "body", "step3"], "no ordeal was judged"),
        (
            &["--only", "closes", "--require", "body", "step3"],
            "body was not asked",
        ),
        (
            &["--only", "closes", "--only", "body", "--require", "body", "step3"],
            "body was not judged",
        ),
        (
            &[
                "--timeout",
                "1",
                "--",
                built("wrong-server"),
                "never-answers",
                "127.0.0.1:3000",
            ],
            "on a gentle day",
        ),
    ];
    at_once(cases, |(options, says)| {
        let made = lab(&[&["check", "--rough"], options].concat())?;
        let told = text(&made.stdout);
        ensure!(made.status.code() == Some(2), "{options:?}: {told}");
        ensure!(told.contains(says), "{options:?}: {told}");
        Ok(())
    })
}

fn what_cannot_be_asked_is_told_with_its_reason() -> Result<()> {
    let cases: [(&[&str], &str); 7] = [
        // An ordeal where a server stands.
        (
            &["check", "--rough", "endless", "step3"],
            "trace --rough endless SERVER",
        ),
        (&["check", "--rough", "endless"], "check --rough --only endless SERVER"),
        (
            &["check", "--rough", "--client", "true", "step3"],
            "brings its own clients",
        ),
        (&["check", "--rough", "--delay", "5ms", "step3"], "brings its own wires"),
        (
            &["check", "--rough", "--only", "nonsense", "step3"],
            "there are closes, bytewise",
        ),
        (&["check", "--quick", "step3"], "--rough"),
        (&["check", "--rough", "--stop-signal", "LOUD", "step3"], "is no signal"),
    ];
    for (arguments, says) in cases {
        let made = lab(arguments)?;
        let told = text(&made.stderr);
        ensure!(made.status.code() == Some(2), "{arguments:?}: {told}");
        ensure!(told.contains(says), "{arguments:?}: {told}");
    }
    Ok(())
}

/// The options by themselves: what a poorer host does is on the timeline.
fn a_poorer_host_and_a_signal_can_be_asked_for() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("lab-rough-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let script = folder.join("stop");
    std::fs::write(&script, "send 1\\n\nreply\nsignal TERM\nend\n")?;
    let script = script.to_string_lossy().into_owned();
    let made = lab(&["trace", "--script", &script, "step3"])?;
    let lanes = text(&made.stdout);
    ensure!(lanes.contains(" ended"), "{lanes}");
    let long = "x".repeat(20_000) + "\\n";
    let made = lab(&["trace", "--buffers", "4096", "--send", &long, "--width", "120", "step3"])?;
    let lanes = text(&made.stdout);
    // What the kernel takes at once is a part of it.
    ensure!(
        lanes.contains("writes per reply ") && !lanes.contains("writes per reply      1\n"),
        "{lanes}"
    );
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// What the wire was told and did not do proves nothing, however clean the rest is.
fn a_wire_that_did_not_do_what_it_was_told_proves_nothing() -> Result<()> {
    let cases: [(&[&str], i32, &str); 3] = [
        (
            &["--lose", "server data 99"],
            2,
            "the wire was told \"lose server data 99\"",
        ),
        (
            &["--cut", "after reply 9"],
            2,
            "the wire was told \"cut after reply 9\"",
        ),
        (&["--lose", "server data 1"], 0, "no findings"),
    ];
    at_once(cases, |(options, status, says)| {
        let made = lab(&[&["check"], options, &["step3"]].concat())?;
        let told = text(&made.stdout);
        ensure!(made.status.code() == Some(status), "{options:?}: {told}");
        ensure!(told.contains(says), "{options:?}: {told}");
        Ok(())
    })
}

/// A server that listens on 127.0.0.1 alone, as most do on a developer's machine.
fn a_loopback_address_is_reached_over_the_wire() -> Result<()> {
    let server = ["--", built("wrong-server"), "echo", "127.0.0.1:3000"];
    let made = lab(&[&["trace", "--delay", "5ms"][..], &server].concat())?;
    let lanes = text(&made.stdout);
    ensure!(
        lanes.contains("client 10.0.0.1:") && lanes.contains("server 127.0.0.1:3000"),
        "{lanes}"
    );
    ensure!(lanes.contains("writes per reply      1, 1\n"), "{lanes}");
    let alone = ["--", built("wrong-server"), "echo", "[::1]:3000"];
    let made = lab(&[&["trace", "--delay", "5ms"][..], &alone].concat())?;
    ensure!(
        text(&made.stderr).contains("carries no packet to ::1"),
        "{}",
        text(&made.stderr)
    );
    Ok(())
}

/// What comes through a pipe can be read once.
fn a_script_may_come_through_a_pipe() -> Result<()> {
    let script = r#"printf 'send 1\\n\nreply\n' | "$0" trace --script /dev/stdin step3"#;
    let made = Command::new("sh")
        .args(["-c", script, built("lab")])
        .current_dir(checkout::find()?)
        .output()?;
    ensure!(made.status.success(), "{}", text(&made.stderr));
    ensure!(text(&made.stdout).contains("writes per reply      1\n"), "{made:?}");
    Ok(())
}

/// Nobody has to wait for it to see that nothing will come.
fn a_server_that_waits_for_ever_is_told_so() -> Result<()> {
    let made = lab(&["trace", "--cut", "after reply 1", "--timeout", "1", "step3"])?;
    let told = text(&made.stderr);
    ensure!(told.contains("the server keeps 10.0.0.1:"), "{told}");
    ensure!(told.contains("it waits for ever"), "{told}");
    // Whose cable is whole waits for a client that may still say something.
    let made = lab(&["trace", "--delay", "1ms", "--close", "none", "step3"])?;
    let told = text(&made.stderr);
    ensure!(!told.contains("for ever"), "{told}");
    Ok(())
}

/// Of an ordeal's wire too: one end of it, or both. Where there is none, a file that is there stays as it was.
fn the_capture_of_an_ordeal_heeds_the_vantage() -> Result<()> {
    let file = std::env::temp_dir().join(format!("lab-test-{}-ends.pcapng", std::process::id()));
    let path = file.to_str().context("no text")?;
    let captured = |ordeal: &str, vantage: &str| {
        lab(&[
            "trace",
            "--rough",
            ordeal,
            "--vantage",
            vantage,
            "--pcapng",
            path,
            "step3",
        ])
    };
    // As an interface of a pcapng file is named.
    let is_named = |bytes: &[u8], name: &[u8]| bytes.windows(name.len()).take(400).any(|part| part == name);
    for (vantage, ends) in [
        ("client", (true, false)),
        ("server", (false, true)),
        ("both", (true, true)),
    ] {
        let made = captured("lossy", vantage)?;
        ensure!(made.status.success(), "{vantage}: {made:?}");
        let bytes = std::fs::read(&file)?;
        let named = (
            is_named(&bytes, b"\x02\0\x06\0client"),
            is_named(&bytes, b"\x02\0\x06\0server"),
        );
        ensure!(named == ends, "{vantage}: {named:?}");
    }
    std::fs::write(&file, "mine")?;
    let refused = captured("closes", "client")?;
    let told = text(&refused.stderr);
    ensure!(
        refused.status.code() == Some(1) && told.contains("no wire: leave --vantage away"),
        "{told}"
    );
    ensure!(!refused.stdout.is_empty(), "the run is shown all the same: {refused:?}");
    ensure!(std::fs::read(&file)? == b"mine", "{told}");
    std::fs::remove_file(file)?;
    Ok(())
}

harness::tests! {
    the_capture_of_an_ordeal_heeds_the_vantage needs [Wire];
    a_wire_that_did_not_do_what_it_was_told_proves_nothing needs [Wire];
    a_loopback_address_is_reached_over_the_wire needs [Wire, Ipv6];
    a_step_comes_through_as_its_table_says needs [Sandbox];
    a_failed_ordeal_says_what_shows_it needs [Sandbox];
    #[cfg(target_os = "linux")]
    ctrl_c_ends_the_day_and_shows_its_table needs [Wire];
    a_run_of_an_ordeal_is_a_trace needs [Sandbox];
    nothing_proved_is_a_2 needs [Wire];
    what_cannot_be_asked_is_told_with_its_reason needs [];
    a_poorer_host_and_a_signal_can_be_asked_for needs [Sandbox];
    a_script_may_come_through_a_pipe needs [Sandbox];
    a_server_that_waits_for_ever_is_told_so needs [Wire];
}
