//! `lab check` tells the truth by its exit status, on servers that are wrong on purpose, and its client understands a
//! conversation.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use harness::testing::Needs::{Packets, Program};
use harness::testing::built;

use crate::read_json;

fn lab(arguments: &[&str]) -> Result<Output> {
    Ok(Command::new(built("lab")).args(arguments).output()?)
}

/// Options, then the mode of the server that is wrong in that way.
fn check(options: &[&str], mode: &str) -> Result<Output> {
    let server = ["--", built("wrong-server"), mode, "127.0.0.1:3000"];
    lab(&[&["check"], options, &server].concat())
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A status of 2 comes with its reason; where something is found it is 1.
fn the_status_is_2_where_nothing_is_proved() -> Result<()> {
    let quick: &[&str] = &["--timeout", "1"];
    let cases: [(&[&str], &str, i32, &str); 20] = [
        (
            &[],
            "crashes",
            2,
            "the server ended (killed by signal 6) before it was told to",
        ),
        (&[], "dies", 2, "the server ended (exit status 3) before it was told to"),
        (
            &["--client", "no-such-program"],
            "echo",
            2,
            "the shell found no such program",
        ),
        (&["--client", "exit 7"], "echo", 2, "exit status 7"),
        (&["--client", "true"], "echo", 2, "no client has connected"),
        (&["--client", "sleep 600", "--timeout", "1"], "echo", 2, "was killed"),
        (&["--client", "exec 3<>/dev/tcp/127.0.0.1/9"], "echo", 2, "exit status"),
        (quick, "never-answers", 1, "no-reply"),
        (quick, "answers-without-newline", 1, "no-reply"),
        (
            &["--timeout", "1", "--allow", "no-reply"],
            "never-answers",
            0,
            "no findings",
        ),
        (
            &["--timeout", "1", "--deny", "split-reply"],
            "never-answers",
            2,
            "nothing came within 1s",
        ),
        // What it says comes between requests and their replies, and is neither.
        (
            &["--allow", "nagle-stall"],
            "ticks",
            2,
            "has read nothing that a client sent",
        ),
        (
            &["--timeout", "1", "--until-quiet", "300", "--allow", "nagle-stall"],
            "ticks",
            2,
            "more was still coming",
        ),
        (
            &["--timeout", "1", "--send", "GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n"],
            "http-events",
            2,
            "more was still coming",
        ),
        (&[], "fork-fails", 2, "ended (exit status 1) before it was told to"),
        (&[], "dup2-unread", 1, "reset-on-close"),
        (&[], "corked-for-good", 1, "cork-stall"),
        (&[], "more-for-good", 1, "cork-stall"),
        // The server's own connection is refused, and its client is served.
        (&[], "asks-nobody", 0, "no findings"),
        (&[], "echo", 0, "no findings"),
    ];
    let run = |(options, mode, status, says): (&[&str], &str, i32, &str)| -> Result<()> {
        let output = check(options, mode)?;
        let text = stdout(&output);
        ensure!(output.status.code() == Some(status), "{mode} {options:?}: {output:?}");
        ensure!(text.contains(says), "{mode} {options:?}: {output:?}");
        Ok(())
    };
    harness::testing::at_once(cases, run)
}

/// Each format has the reason of a status of 2. What is said as annotations.
fn said_in_each_format(options: &[&str], server: &[&str], says: &str) -> Result<String> {
    let in_format = |format| lab(&[&["check", "--format", format], options, &["--"], server].concat());
    let json = in_format("json")?;
    ensure!(json.status.code() == Some(2), "{json:?}");
    let json = read_json(&json.stdout, "Check")?;
    let reason = json["unproved"][0].as_str().context("no reason")?;
    ensure!(json["status"] == 2 && reason.contains(says), "{json}");
    let github = stdout(&in_format("github")?);
    ensure!(
        github.contains("::error title=not proved::") && github.contains(says),
        "{github}"
    );
    Ok(github)
}

fn each_format_says_why_nothing_is_proved() -> Result<()> {
    let cases: [(&[&str], &str, &str); 2] = [
        (
            &[],
            "crashes",
            "the server ended (killed by signal 6) before it was told to",
        ),
        (&["--client", "true"], "echo", "no client has connected"),
    ];
    harness::testing::at_once(cases, |(options, mode, says)| {
        said_in_each_format(options, &[built("wrong-server"), mode, "127.0.0.1:3000"], says).map(drop)
    })
}

/// Whoever does not read what was found does not make it undone.
fn the_status_stands_where_nobody_reads() -> Result<()> {
    for (mode, status) in [("three-writes", 1), ("crashes", 2), ("echo", 0)] {
        let mut check = Command::new(built("lab"));
        check.args(["check", "--", built("wrong-server"), mode, "127.0.0.1:3000"]);
        let (reader, writer) = std::io::pipe()?;
        check.stdout(writer.try_clone()?).stderr(writer);
        drop(reader);
        assert_eq!(check.status()?.code(), Some(status), "{mode}");
    }
    Ok(())
}

/// What could not be run is said in the format that was asked for, too.
fn what_could_not_run_is_said_in_the_format() -> Result<()> {
    let github = said_in_each_format(&[], &["/bin/false"], "exit status 1")?;
    assert!(github.starts_with("::error title=not proved::"), "{github}");
    Ok(())
}

/// A client that is refused is no proof, and no reset by the server.
fn a_refused_connection_is_no_reset() -> Result<()> {
    let client =
        "bash -c 'exec 3<>/dev/tcp/127.0.0.1/3000; echo hi >&3; read -r line <&3; : 4<>/dev/tcp/127.0.0.1/3001; true'";
    let output = check(&["--client", client], "echo")?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(
        stdout(&output).contains("1 of 2 connections were refused"),
        "{output:?}"
    );
    let server = ["--", built("wrong-server"), "echo", "127.0.0.1:3000"];
    let traced = lab(&[&["trace", "--client", client], &server[..]].concat())?;
    let text = stdout(&traced);
    assert!(text.contains("none: the connection was refused"), "{text}");
    assert!(!text.contains("reset by the server"), "{text}");
    Ok(())
}

/// Without packets some rules are unknown: they are named, with the reason, and count where they are asked for.
fn a_rule_that_is_required_must_be_known() -> Result<()> {
    // A thread that is at work may yet close what its client has closed.
    let known = check(&["--settle", "0.05", "--require", "split-reply"], "works-on")?;
    assert_eq!(known.status.code(), Some(0), "{known:?}");
    let text = stdout(&known);
    assert!(
        text.contains("unknown, for want of evidence: close-wait-leak"),
        "{text}"
    );
    assert!(text.contains("still at work"), "{text}");
    let required = check(&["--settle", "0.05", "--require", "close-wait-leak"], "works-on")?;
    assert_eq!(required.status.code(), Some(2), "{required:?}");
    assert!(
        stdout(&required).contains("not proved: close-wait-leak is unknown"),
        "{required:?}"
    );
    Ok(())
}

/// Fifty connections with the same fault are one finding in the text, with their number.
fn findings_are_told_rule_by_rule() -> Result<()> {
    let output = check(&["--clients", "20"], "two-writes")?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = stdout(&output);
    assert_eq!(text.matches("[split-reply]").count(), 1, "{text}");
    assert!(
        text.contains("  20 of 20 connections; the first:\n  connection 1: "),
        "{text}"
    );
    assert!(text.lines().count() < 20, "{text}");
    let json = read_json(
        &check(&["--clients", "20", "--format", "json"], "two-writes")?.stdout,
        "Check",
    )?;
    assert_eq!(json["connections_by_finding"]["split-reply"], 20);
    Ok(())
}

/// A slow server is given time, and told how much; `--settle` gives it more, or less.
fn a_slow_server_is_no_leak() -> Result<()> {
    for mode in ["closes-late", "reads-late"] {
        let slow = check(&[], mode)?;
        assert_eq!(slow.status.code(), Some(0), "{slow:?}");
    }
    let hasty = check(&["--settle", "0.1"], "closes-late")?;
    assert_eq!(hasty.status.code(), Some(1), "{hasty:?}");
    let text = stdout(&hasty);
    assert!(
        text.contains("close-wait-leak") && text.contains("one of them until some moment"),
        "{text}"
    );
    Ok(())
}

/// With a run that was too long to keep there is nothing to go by.
fn a_run_of_which_every_rule_is_unknown_proves_nothing() -> Result<()> {
    let output = check(&["--keep", "4"], "echo")?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("not proved: nothing can be said of any rule"), "{text}");
    assert!(text.contains("the run was longer than what was kept of it"), "{text}");
    Ok(())
}

/// Encrypted bytes are said to be.
fn tls_is_told_by_its_records() -> Result<()> {
    let server = ["--", built("wrong-server"), "echo", "127.0.0.1:3000"];
    let said =
        |send: &str| -> Result<String> { Ok(stdout(&lab(&[&["trace", "--send", send], &server[..]].concat())?)) };
    assert!(said(r"\x16\x03\x01\x00\x05hell\n")?.contains("TLS: encrypted"));
    assert!(!said(r"\x16\x04\x01\x00\x05hell\n")?.contains("TLS"));
    Ok(())
}

/// Whoever answers once and closes: the client stops, says so, and the server has no blame.
fn the_client_stops_at_the_end_of_file() -> Result<()> {
    let default = check(&[], "closes-first")?;
    assert_eq!(default.status.code(), Some(0), "{default:?}");
    let said = String::from_utf8_lossy(&default.stderr);
    assert!(
        said.contains("the server closed first: the last of 2 messages was not sent"),
        "{said}"
    );
    // What was asked for was not done.
    let asked = check(&["--send", "a\\n", "--send", "b\\n", "--send", "c\\n"], "closes-first")?;
    assert_eq!(asked.status.code(), Some(2), "{asked:?}");
    assert!(
        stdout(&asked).contains("the last 2 of 3 messages were not sent"),
        "{asked:?}"
    );
    Ok(())
}

/// The server's own way of speaking, told by options or by a file.
fn a_conversation_is_understood() -> Result<()> {
    let script = std::env::temp_dir().join(format!("lab-test-{}-talk", std::process::id()));
    let text = "# SMTP\nexpect 220\nsend EHLO x\\r\\n\nexpect 250 \nsend QUIT\\r\\n\nexpect /^221 /\nend\n";
    std::fs::write(&script, text)?;
    let path = script.to_str().context("no text")?;
    let wrong = std::env::temp_dir().join(format!("lab-test-{}-wrong", std::process::id()));
    std::fs::write(&wrong, "expect 220\nsend EHLO x\\r\\n\nexpect 354 \n")?;
    let wrong_path = wrong.to_str().context("no text")?;
    let ehlo: &[&str] = &["--send", "EHLO x\\r\\n", "--send", "QUIT\\r\\n"];
    let cases: [(Vec<&str>, i32, &str); 8] = [
        (vec!["--script", path], 0, "no findings"),
        ([&["--greeting"], ehlo].concat(), 0, "no findings"),
        // It is found out that the server speaks first, and where its reply of several lines ends.
        (ehlo.to_vec(), 0, "no findings"),
        (
            [
                ehlo,
                &["--greeting", "--expect", "220", "--expect", "250 ", "--expect", "221"],
            ]
            .concat(),
            0,
            "no findings",
        ),
        (
            [ehlo, &["--greeting", "--until-quiet", "100"]].concat(),
            0,
            "no findings",
        ),
        (
            [ehlo, &["--greeting", "--timeout", "1", "--expect", "/^[0-9]{4} /"]].concat(),
            1,
            "waited 1s for /^[0-9]{4} /, and",
        ),
        (vec!["--script", wrong_path, "--timeout", "1"], 1, "250 HELP"),
        (vec!["--script", "/no/such/file"], 2, ""),
    ];
    let run = |(options, status, says): (Vec<&str>, i32, &str)| -> Result<()> {
        let output = check(&options, "smtp")?;
        ensure!(output.status.code() == Some(status), "{options:?}: {output:?}");
        ensure!(stdout(&output).contains(says), "{options:?}: {output:?}");
        Ok(())
    };
    harness::testing::at_once(cases, run)?;
    std::fs::remove_file(script)?;
    std::fs::remove_file(wrong)?;
    Ok(())
}

/// A reply of HTTP ends where its head says, so that a server which keeps the connection is not waited for.
fn http_and_redis_end_where_they_say() -> Result<()> {
    let get = r"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    for (mode, send, length) in [("http", get, 44), ("redis", r"*1\r\n$4\r\nPING\r\n", 21)] {
        let output = check(&["--send", send, "--send", send, "--format", "json"], mode)?;
        assert_eq!(output.status.code(), Some(0), "{mode}: {output:?}");
        let server = ["--", built("wrong-server"), mode, "127.0.0.1:3000"];
        let traced = lab(&[
            &["trace", "--format", "json", "--send", send, "--send", send],
            &server[..],
        ]
        .concat())?;
        let timeline = read_json(&traced.stdout, "Timeline")?;
        // All of the first reply came before the second request was sent.
        let events = timeline["events"].as_array().context("no events")?;
        let client = events.iter().filter(|event| event["kind"] == "client");
        let between = client.skip_while(|event| event["what"] != "sent").skip(1);
        let received = between.take_while(|event| event["what"] != "sent");
        let came: u64 = received.filter_map(|event| event["len"].as_u64()).sum();
        assert_eq!(came, length, "{mode}");
    }
    Ok(())
}

/// What a client program prints is not ours: it goes to standard error.
fn a_client_program_has_its_own_output() -> Result<()> {
    let client = "bash -c 'exec 3<>/dev/tcp/127.0.0.1/3000; echo hi >&3; read -r line <&3; echo \"got $line\"'";
    let server = ["--", built("wrong-server"), "echo", "127.0.0.1:3000"];
    let json = lab(&[&["trace", "--format", "json", "--client", client], &server[..]].concat())?;
    let value = read_json(&json.stdout, "Timeline")?;
    assert_eq!(value["summary"]["totals"]["connections"], 1);
    assert!(String::from_utf8_lossy(&json.stderr).contains("got hi"), "{json:?}");
    let capture = lab(&[&["trace", "--pcapng", "-", "--client", client], &server[..]].concat())?;
    assert!(capture.stdout.starts_with(&[0x0a, 0x0d, 0x0d, 0x0a]), "{capture:?}");
    Ok(())
}

/// A port that is asked for is waited for; without that, the first is taken and the others are named.
fn a_port_is_waited_for() -> Result<()> {
    let late = check(&["--port", "3002"], "opens-late")?;
    assert_eq!(late.status.code(), Some(0), "{late:?}");
    let first = check(&[], "opens-late")?;
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let never = check(&["--port", "4000", "--timeout", "1"], "opens-late")?;
    assert_eq!(never.status.code(), Some(2), "{never:?}");
    let said = String::from_utf8_lossy(&never.stderr).into_owned();
    assert!(said.contains("does not listen on port 4000, but on 3000"), "{said}");
    let several = check(&[], "two-doors")?;
    let said = String::from_utf8_lossy(&several.stderr).into_owned();
    assert!(
        said.contains("listens on the ports 3000, ") && said.contains("talking to 3000"),
        "{said}"
    );
    // A server that never listens is waited for as long as was said.
    let nowhere = check(&["--timeout", "1"], "never-listens")?;
    let said = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(said.contains("within 1s"), "{said}");
    Ok(())
}

harness::tests! {
    the_status_is_2_where_nothing_is_proved needs [Packets, Program("bash")];
    http_and_redis_end_where_they_say needs [Packets];
    a_port_is_waited_for needs [Packets];
    each_format_says_why_nothing_is_proved needs [Packets];
    findings_are_told_rule_by_rule needs [Packets];
    a_slow_server_is_no_leak needs [Packets];
    the_status_stands_where_nobody_reads needs [Packets];
    what_could_not_run_is_said_in_the_format needs [Packets];
    a_refused_connection_is_no_reset needs [Packets, Program("bash")];
    a_rule_that_is_required_must_be_known needs [Packets];
    a_run_of_which_every_rule_is_unknown_proves_nothing needs [Packets];
    tls_is_told_by_its_records needs [Packets];
    the_client_stops_at_the_end_of_file needs [Packets];
    a_conversation_is_understood needs [Packets];
    a_client_program_has_its_own_output needs [Packets, Program("bash")];
}
