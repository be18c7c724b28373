//! The `lab` command as a user types it, right and wrong.

use std::process::{Command, Output};

use anyhow::{Context, Result};
use harness::suite::Needs::{Calls, Packets, Program, Sandbox};
use lab::steps;
use serde_json::Value;

/// The steps are built once for all tests, as cargo takes longer to find that it has nothing to do
/// than a step takes to be traced.
fn lab(arguments: &[&str]) -> Result<Output> {
    for step in steps::all()? {
        step.build()?;
    }
    Command::new(env!("CARGO_BIN_EXE_lab"))
        .args(arguments)
        .env("CARGO", "/none")
        .output()
        .context("cannot start lab")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The one line, or few, that tells what was wrong; no panic, no backtrace.
fn complaint(output: &Output) -> Result<String> {
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    anyhow::ensure!(
        !output.status.success() && output.stdout.is_empty(),
        "it did not fail: {output:?}"
    );
    anyhow::ensure!(!text.contains("panicked") && !text.contains("backtrace"), "{text}");
    Ok(text)
}

fn trace_shows_the_leak_and_says_why() -> Result<()> {
    let text = stdout(&lab(&["trace", "step1"])?);
    for expected in [
        "writes per reply      2, 2",
        "CLOSE_WAIT",
        "warning[split-reply]",
        "warning[close-wait-leak]",
        "cure:",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    assert!(
        text.lines()
            .take_while(|line| !line.is_empty())
            .all(|line| line.chars().count() <= 80),
        "{text}"
    );
    Ok(())
}

fn trace_writes_json_of_the_documented_shape() -> Result<()> {
    let value: Value = serde_json::from_slice(&lab(&["trace", "--format", "json", "step2"])?.stdout)?;
    assert_eq!(value["version"], 1);
    assert_eq!(value["level"], "sandbox");
    assert_eq!(value["summary"]["writes_per_reply"], serde_json::json!([1, 1]));
    assert_eq!(value["summary"]["packets_per_exchange"][0], 4);
    assert_eq!(value["summary"]["teardown"], "left-open");
    assert_eq!(value["summary"]["findings"][0]["id"], "close-wait-leak");
    assert!(value["events"].as_array().is_some_and(|events| events.len() > 20));
    Ok(())
}

/// A capture that trace writes is one that show reads.
fn trace_writes_files() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("lab-test-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (capture, page) = (folder.join("step3.pcapng"), folder.join("step3.md"));
    let (capture, page) = (capture.to_str().context("no text")?, page.to_str().context("no text")?);
    let traced = lab(&[
        "trace", "step3", "--pcapng", capture, "--format", "markdown", "-o", page,
    ])?;
    assert!(traced.status.success() && traced.stdout.is_empty(), "{traced:?}");
    // Frame 1 of the file is the call of listen.
    assert!(std::fs::read_to_string(page)?.contains("- **Frame 2**"));
    let shown = stdout(&lab(&["show", capture])?);
    assert!(shown.contains("clean: the client closed first"), "{shown}");
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

fn a_run_that_is_too_long_to_keep_goes_to_the_file() -> Result<()> {
    let path = std::env::temp_dir().join(format!("lab-test-{}-long.pcapng", std::process::id()));
    let capture = path.to_str().context("no text")?;
    let traced = lab(&["trace", "step2", "--keep", "8", "--pcapng", capture])?;
    assert!(traced.status.success(), "{traced:?}");
    let lanes = stdout(&traced);
    assert!(lanes.contains("later events are not here"), "{lanes}");
    assert!(lanes.contains("unknown, for want of evidence: split-reply"), "{lanes}");
    assert!(
        String::from_utf8_lossy(&traced.stderr).contains("has all of it"),
        "{traced:?}"
    );
    let shown = stdout(&lab(&["show", capture])?);
    assert!(shown.contains("writes per reply      1, 1"), "{shown}");
    assert!(shown.contains("left open"), "{shown}");
    std::fs::remove_file(path)?;
    Ok(())
}

fn check_tells_by_its_status() -> Result<()> {
    let cases: [(&[&str], i32); 7] = [
        (&["step3"], 0),
        (&["step2"], 1),
        (&["step2", "--allow", "close-wait-leak"], 0),
        (&["step2", "--deny", "nagle-stall"], 0),
        (&["step1", "--deny", "split-reply"], 1),
        (&["step1", "--deny", "no-such-rule"], 2),
        (&["--", "/bin/false"], 2),
    ];
    let run = |(arguments, status): (&[&str], i32)| -> Result<()> {
        let output = lab(&[&["check"], arguments].concat())?;
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
        Ok(())
    };
    harness::suite::at_once(cases, run)
}

fn check_writes_annotations() -> Result<()> {
    let output = lab(&["check", "step2", "--format", "github"])?;
    assert!(
        stdout(&output).starts_with("::error title=close-wait-leak::"),
        "{output:?}"
    );
    Ok(())
}

fn a_client_program_takes_the_place_of_ours() -> Result<()> {
    let client = r#"exec 3<>/dev/tcp/127.0.0.1/3000; echo hello >&3; read -r line <&3; test "$line" = hello"#;
    let output = lab(&["trace", "step3", "--client", &format!("bash -c '{client}'")])?;
    assert!(stdout(&output).contains("\"hello\\n\""), "{output:?}");
    assert!(output.stderr.is_empty(), "{output:?}");
    Ok(())
}

/// Its processes are killed in time, those that it left in the background too, and it is no success.
fn a_client_program_that_does_not_end_is_killed() -> Result<()> {
    let client = "sleep 31415926 & sleep 31415926";
    let run = |(command, status): (&str, i32)| -> Result<()> {
        let output = lab(&[command, "step3", "--timeout", "1", "--client", client])?;
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        let expected =
            format!("the client {client:?} had not ended after 1s and was killed; --timeout gives it longer");
        assert!(said.contains(&expected), "{output:?}");
        // What there is to tell is told.
        assert!(stdout(&output).contains("findings"), "{output:?}");
        Ok(())
    };
    harness::suite::at_once([("trace", 1), ("check", 2)], run)?;
    for entry in std::fs::read_dir("/proc")? {
        let line = std::fs::read_to_string(entry?.path().join("cmdline")).unwrap_or_default();
        assert!(!line.starts_with("sleep\x0031415926"), "it still sleeps");
    }
    Ok(())
}

fn another_language() -> Result<()> {
    let send = r"GET / HTTP/1.0\r\n\r\n";
    let output = lab(&[
        "trace",
        "--send",
        send,
        "--",
        "python3",
        "-m",
        "http.server",
        "--bind",
        "127.0.0.1",
        "8080",
    ])?;
    let text = stdout(&output);
    assert!(text.contains("→ server 127.0.0.1:8080"), "{output:?}");
    assert!(text.contains("the server closed first"), "{text}");
    Ok(())
}

fn a_shell_inside() -> Result<()> {
    let mut shell = Command::new(env!("CARGO_BIN_EXE_lab"));
    let mut shell = shell.args(["shell", "step3"]).env("SHELL", "/bin/sh");
    shell = shell
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null());
    let mut running = shell.spawn()?;
    let script = "cat /proc/self/net/tcp\n";
    std::io::Write::write_all(&mut running.stdin.take().context("no stdin")?, script.as_bytes())?;
    let text = stdout(&running.wait_with_output()?);
    // Port 3000 in state LISTEN, as proc_pid_net(5) writes it.
    assert!(text.contains("0100007F:0BB8 00000000:0000 0A"), "{text}");
    Ok(())
}

fn wrong_words_get_an_answer_that_helps() -> Result<()> {
    let cases: &[(&[&str], &str)] = &[
        (&["trace", "step9"], "step2  (step2-one-write)"),
        (&["show", "no-such-file"], "neither a step nor a file"),
        (&["show", "Cargo.toml"], "Cargo.toml"),
        (&["diff", "step1", "stepp2"], "there is no step \"stepp2\""),
        (&["capture", "4"], "there is no step \"4\""),
        (&["trace"], "required"),
        (&["trace", "--send", r"\q", "step1"], r"\n \r \t"),
        (&["trace", "--", "no-such-program"], "on the PATH"),
        (
            &["trace", "--", "/bin/true"],
            "ended (exit status 0) before it listened",
        ),
        (
            &["trace", "--port", "4", "step1"],
            "does not listen on port 4, but on 3000",
        ),
        (&["check", "--deny", "x", "step1"], "close-wait-leak"),
    ];
    for (arguments, expected) in cases {
        let complaint = complaint(&lab(arguments)?)?;
        assert!(complaint.contains(expected), "{arguments:?} gave\n{complaint}");
    }
    Ok(())
}

/// `lab show step1 | head -1`
fn a_reader_that_leaves_is_no_error() -> Result<()> {
    let script = r#""$0" show step1 2>&1 | head -n 1"#;
    let output = Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_lab")])
        .output()?;
    assert_eq!(stdout(&output).lines().count(), 1, "{output:?}");
    Ok(())
}

fn doctor_names_the_level() -> Result<()> {
    assert!(stdout(&lab(&["doctor"])?).contains("\nlevel "));
    Ok(())
}

harness::suite! {
    trace_shows_the_leak_and_says_why needs [Packets];
    trace_writes_json_of_the_documented_shape needs [Sandbox];
    a_run_that_is_too_long_to_keep_goes_to_the_file needs [Packets];
    trace_writes_files needs [Packets];
    check_tells_by_its_status needs [Packets];
    check_writes_annotations needs [Packets];
    a_client_program_takes_the_place_of_ours needs [Sandbox, Program("bash")];
    a_client_program_that_does_not_end_is_killed needs [Calls];
    another_language needs [Sandbox, Program("python3")];
    a_shell_inside needs [Sandbox];
    wrong_words_get_an_answer_that_helps needs [Sandbox];
    a_reader_that_leaves_is_no_error needs [];
    doctor_names_the_level needs [];
}
