//! `lab check` tells the truth by its exit status, on servers that are wrong on purpose, and its client understands a
//! conversation.

use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use harness::testing::Needs::{self, Packets, Program, Sandbox};
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
    let cases: [(&[&str], &str, i32, &str); 21] = [
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
        // Its client is reset after the first of two replies.
        (
            &[],
            "disconnects",
            2,
            "1 of 1 connections were reset by the server's host, and nothing",
        ),
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

/// Whoever forks a helper and closes the connection has closed it only where the helper has too.
fn who_holds_a_connection_is_named() -> Result<()> {
    let held = check(&["--send", "1\\n"], "helper-inherits")?;
    let text = stdout(&held);
    assert_eq!(held.status.code(), Some(1), "{held:?}");
    let says = [
        "close-wait-leak",
        "closed what accept had returned",
        "wrong-server helper-inherits",
        "by a fork",
    ];
    assert!(says.iter().all(|says| text.contains(says)), "{text}");
    assert!(!text.contains("unread-eof"), "{text}");
    let closed = check(&["--send", "1\\n"], "helper-closes")?;
    assert_eq!(closed.status.code(), Some(0), "{closed:?}");
    Ok(())
}

/// What keeps a program from being started, or from being looked at, is said with its cause and before any time is up.
fn what_keeps_a_server_from_being_observed_is_told() -> Result<()> {
    let said = |output: &Output| String::from_utf8_lossy(&output.stderr).into_owned();
    for (call, says) in [
        ("setns", "enter its private network"),
        ("seccomp", "be made to stop at its calls"),
    ] {
        let mut denied = Command::new(built("wrong-server"));
        denied.args([
            "denies",
            call,
            built("lab"),
            "check",
            "--",
            built("wrong-server"),
            "echo",
            "{listen}",
        ]);
        let text = said(&denied.output()?);
        ensure!(
            text.contains(&format!("could not {says}: {call}: EPERM")),
            "{call}: {text}"
        );
        ensure!(text.contains("something around lab denies this call"), "{call}: {text}");
    }
    // Its segments are longer than any memory, which the kernel finds when it has thrown the old program away.
    let broken = std::env::temp_dir().join(format!("lab-test-{}-broken", std::process::id()));
    let mut program = std::fs::read(built("wrong-server"))?;
    let number = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap_or_default());
    let (mut header, count) = (number(&program, 32) as usize, usize::from(program[56]));
    for _ in 0..count {
        // elf(5): p_type is PT_LOAD, and p_memsz stands 40 bytes into the header.
        if program[header..header + 4] == [1, 0, 0, 0] {
            program[header + 40..header + 48].copy_from_slice(&(1_u64 << 60).to_le_bytes());
        }
        header += 56;
    }
    std::fs::write(&broken, program)?;
    std::fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let killed = lab(&["check", "--", broken.to_str().context("no text")?])?;
    let text = said(&killed);
    ensure!(killed.status.code() == Some(2), "{killed:?}");
    ensure!(text.contains("the kernel ended it while it was executed"), "{text}");
    std::fs::remove_file(broken)?;
    Ok(())
}

/// Root sees into a server that says that nobody may. Who is not root is told why nothing is seen.
fn a_server_that_nobody_may_look_into_is_told() -> Result<()> {
    let mut check = Command::new(built("lab"));
    check.args(["check", "--", built("wrong-server"), "undumpable", "{listen}"]);
    check.current_dir("/").env("HOME", std::env::temp_dir());
    if nix::unistd::geteuid().is_root() {
        let seen = check.output()?;
        ensure!(seen.status.code() == Some(0), "{seen:?}");
        std::os::unix::process::CommandExt::uid(&mut check, 65534);
        std::os::unix::process::CommandExt::gid(&mut check, 65534);
    }
    let output = check.output()?;
    ensure!(output.status.code() == Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(said.contains("PR_SET_DUMPABLE"), "{said}");
    Ok(())
}

/// A verdict says what it is about, and what it is not.
fn what_was_tried_is_told() -> Result<()> {
    let output = check(&[], "two-doors")?;
    let text = stdout(&output);
    let tried = r#"tried: 127.0.0.1:3000, 1 connection, 2 requests; a client sent "1\n", "2\n""#;
    assert!(text.contains(tried), "{text}");
    assert!(text.contains("not tried: 127.0.0.1:"), "{text}");
    // What begins as TLS does is no request: its handshake is an exchange too.
    let text = stdout(&check(&["--send", r"\x16\x03\x01\0\x01\x01\n"], "echo")?);
    assert!(text.contains("1 connection, 1 exchange; a client sent"), "{text}");
    let json = read_json(&check(&["--format", "json"], "echo")?.stdout, "Check")?;
    assert_eq!(json["tried"][0]["answered"], 2, "{json}");
    assert_eq!(json["not_tried"].as_array().map(Vec::len), Some(0), "{json}");
    Ok(())
}

/// What the wire lost is not asked of the server, and proves nothing.
fn a_server_is_not_blamed_for_the_wire() -> Result<()> {
    let wire = ["check", "--timeout", "1", "--cut", "client after server read 2 bytes"];
    let server = ["--", built("wrong-server"), "echo", "{listen}"];
    let output = lab(&[&wire[..], &server].concat())?;
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let says = "bytes that had left one host had not come to the other";
    assert!(stdout(&output).contains(says), "{output:?}");
    let allowed = lab(&[&wire[..], &["--allow", "no-reply"], &server].concat())?;
    assert_eq!(allowed.status.code(), Some(0), "{allowed:?}");
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

/// Where `localhost` is `::1` first, as in the hosts file of a stock Debian, a client is refused there and gets through at
/// 127.0.0.1. Whoever then asks where nobody listens is refused all the same.
fn a_client_that_gets_through_was_not_refused() -> Result<()> {
    let hosts = std::env::temp_dir().join(format!("lab-test-{}-hosts", std::process::id()));
    std::fs::write(&hosts, "127.0.0.1 localhost\n::1 localhost ip6-localhost\n")?;
    let talk = "exec 3<>/dev/tcp/localhost/3000; echo hi >&3; read -r line <&3";
    let elsewhere = format!("{talk}; : 4<>/dev/tcp/localhost/3001; true");
    // A mount of its own, which root may have, and whoever may have a user namespace.
    let script = "[ $(id -u) = 0 ] && own=-m || own=-Urm\n\
        exec unshare $own sh -c 'mount --bind \"$0\" /etc/hosts && exec \"$@\"' \"$@\"";
    for (client, status, says) in [
        (talk, 0, "no findings"),
        (&elsewhere, 2, "2 of 4 connections were refused"),
    ] {
        let mut check = Command::new("sh");
        check.args(["-c", script, "sh"]).arg(&hosts);
        check.args([built("lab"), "check", "--client", &format!("bash -c '{client}'")]);
        let output = check
            .args(["--", built("wrong-server"), "echo", "127.0.0.1:3000"])
            .output()?;
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        assert!(stdout(&output).contains(says), "{output:?}");
    }
    std::fs::remove_file(hosts)?;
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

/// A rule whose fault could not have come to light is unknown, where it was asked for: for each a run in which it could
/// not, and one in which it could.
fn a_rule_that_could_not_have_seen_its_fault_is_unknown() -> Result<()> {
    let closes = format!("'{}' closes-as-client 127.0.0.1:3000", built("wrong-server"));
    let silent: &[&str] = &["--no-reply"];
    let cases: [(&str, &str, &[&str], i32); 24] = [
        ("sent-again", "echo", &[], 2),
        ("blocked-write", "never-answers", silent, 2),
        ("blocked-write", "echo", &[], 0),
        ("cork-stall", "never-answers", silent, 2),
        ("write-after-close", "echo", &["--close", "none"], 2),
        ("write-after-close", "echo", &[], 0),
        ("nagle-stall", "closes-first", &[], 2),
        ("nagle-stall", "echo", &[], 0),
        ("split-reply", "never-answers", silent, 2),
        ("split-reply", "closes-first", &[], 0),
        ("truncated-reply", "never-answers", silent, 2),
        ("truncated-reply", "echo", &[], 0),
        ("no-reply", "never-answers", silent, 2),
        ("no-reply", "echo", &[], 0),
        ("close-wait-leak", "echo", &["--close", "none"], 2),
        ("close-wait-leak", "echo", &[], 0),
        ("unread-eof", "echo", &["--close", "none"], 2),
        ("unread-eof", "echo", &[], 0),
        ("queue-overflow", "echo", &["--clients", "3"], 2),
        ("queue-overflow", "echo", &["--clients", "140"], 0),
        ("client-leak", "closes-first", &[], 2),
        ("client-leak", "closes-first", &["--client", &closes], 0),
        ("one-at-a-time", "echo", &["--clients", "2"], 2),
        ("request-lost", "closes-first", &[], 2),
    ];
    let run = |(rule, mode, options, status): (&str, &str, &[&str], i32)| -> Result<()> {
        let output = check(&[&["--require", rule], options].concat(), mode)?;
        ensure!(output.status.code() == Some(status), "{rule} {mode}: {output:?}");
        let says = stdout(&output).contains(&format!("not proved: {rule} is unknown: "));
        ensure!(says == (status == 2), "{rule} {mode}: {output:?}");
        Ok(())
    };
    harness::testing::at_once(cases, run)
}

/// A connect that nobody answers ends in time, and those behind it do not wait as long each.
fn a_connect_ends_in_time() -> Result<()> {
    let output = check(&["--timeout", "1", "--clients", "6"], "never-accepts")?;
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text.matches("no answer to its SYN: the queue").count(), 1, "{text}");
    assert!(text.contains("3 more were to connect, and did not try"), "{text}");
    Ok(())
}

/// What is not there is not called what it would be.
fn what_is_said_fits_what_was_seen() -> Result<()> {
    let cases: [(&str, &[&str], &str); 4] = [
        ("deaf", &["--no-reply"], "has read nothing that a client sent\n"),
        (
            "ticks",
            &["--allow", "nagle-stall"],
            "sent, so what it wrote was no reply",
        ),
        (
            "never-answers",
            &["--no-reply", "--max-exchange", "9"],
            "nothing could be measured: there was none",
        ),
        // What it read at last is the client's end.
        ("never-answers", &["--half-close", "--timeout", "1"], ", \"\", "),
    ];
    harness::testing::at_once(cases, |(mode, options, says)| {
        let output = check(options, mode)?;
        ensure!(stdout(&output).contains(says), "{mode}: {output:?}");
        Ok(())
    })
}

/// A client that asks whether to go on makes one request, in two parts.
fn a_body_behind_100_continue_is_no_request() -> Result<()> {
    let script = std::env::temp_dir().join(format!("lab-gate-continue-{}", std::process::id()));
    std::fs::write(
        &script,
        r"send POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n
          receive HTTP/1.1 100 Continue\r\n\r\n
          send 12345
          receive HTTP/1.1 204 No Content\r\n\r\n
         ",
    )?;
    let output = check(&["--script", script.to_str().context("no text")?], "continues")?;
    std::fs::remove_file(script)?;
    assert!(stdout(&output).contains("1 connection, 1 request;"), "{output:?}");
    Ok(())
}

/// What fails only because it is traced says so, before the server listens and after. Whoever is confined already does
/// not get the strict mode untraced either.
fn a_server_that_confines_itself_is_told() -> Result<()> {
    let untraced = Command::new(built("wrong-server"))
        .args(["strict-call", "-"])
        .output()?;
    if untraced.status.success() {
        for mode in ["strict-call", "strict-or-not"] {
            let output = check(&[], mode)?;
            assert_eq!(output.status.code(), Some(2), "{output:?}");
            let said = stdout(&output) + &String::from_utf8_lossy(&output.stderr);
            assert!(
                said.contains("strict mode of seccomp, which it would have got untraced"),
                "{said}"
            );
        }
    }
    Ok(())
}

/// What does not cross the wire is not on its capture: no packet was seen, and none is not said of what packets show.
fn what_does_not_cross_the_wire_is_unknown() -> Result<()> {
    for (wire, status) in [(&["--delay", "0ms"][..], 2), (&[], 0)] {
        let output = check(
            &[&["--port", "3000", "--require", "nagle-stall"], wire].concat(),
            "proxies",
        )?;
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let says = stdout(&output).contains("nagle-stall is unknown: no packet of connection 2 was captured");
        assert_eq!(says, status == 2, "{output:?}");
    }
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

/// Clients that talk at the same time, that have said all before they listen, and that are told nothing on purpose.
fn other_ways_to_talk_are_understood() -> Result<()> {
    let cases: [(&[&str], &str, i32, &str); 10] = [
        (
            &["--clients", "3", "--at-once"],
            "together",
            0,
            "3 connections, 6 requests;",
        ),
        (&["--clients", "3", "--at-once"], "echo", 0, "no findings"),
        (
            &["--clients", "3", "--at-once", "--close", "none"],
            "echo",
            0,
            "no findings",
        ),
        (&["--clients", "3", "--at-once"], "two-writes", 1, "split-reply"),
        // One after the other: the first waits for the others, who wait for it.
        (&["--clients", "3", "--timeout", "1"], "together", 1, "no-reply"),
        (&["--half-close"], "reads-all", 0, "1 connection, 1 request;"),
        (&["--timeout", "1"], "reads-all", 1, "no-reply"),
        (&["--no-reply"], "never-answers", 0, "no findings"),
        (&["--no-reply"], "deaf", 1, "unread-eof"),
        (
            &["--no-reply", "--allow", "unread-eof"],
            "deaf",
            2,
            "has read nothing that a client sent",
        ),
    ];
    let run = |(options, mode, status, says): (&[&str], &str, i32, &str)| -> Result<()> {
        let output = check(options, mode)?;
        ensure!(output.status.code() == Some(status), "{options:?} {mode}: {output:?}");
        ensure!(stdout(&output).contains(says), "{options:?} {mode}: {output:?}");
        Ok(())
    };
    harness::testing::at_once(cases, run)?;
    // It may also have written to a client that had left.
    let answered = check(&["--no-reply"], "echo")?;
    assert_ne!(answered.status.code(), Some(0), "{answered:?}");
    assert!(stdout(&answered).contains("the server answered"), "{answered:?}");
    let script = std::env::temp_dir().join(format!("lab-test-{}-several", std::process::id()));
    std::fs::write(&script, "client 2 send 1\\n\n")?;
    let several = check(&["--at-once", "--script", script.to_str().context("no text")?], "echo")?;
    assert_eq!(several.status.code(), Some(2), "{several:?}");
    std::fs::remove_file(script)?;
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

/// A server that is right and slow fails by its budget alone, in each form.
fn a_budget_that_is_not_kept_fails() -> Result<()> {
    let cases: [(&[&str], i32, &str); 5] = [
        (
            &["--max-exchange", "300"],
            1,
            "error[max-exchange]: 2 of 2 took longer than they may",
        ),
        (&["--max-first-byte", "300"], 1, "the first byte of reply"),
        (
            &["--max-exchange", "60000", "--max-first-byte", "60000"],
            0,
            "no findings",
        ),
        (&["--max-connect", "60000"], 0, "no findings"),
        (&["--max-exchange", "-1"], 2, ""),
    ];
    for (options, status, said) in cases {
        let checked = check(options, "answers-late")?;
        ensure!(checked.status.code() == Some(status), "{options:?}: {checked:?}");
        ensure!(stdout(&checked).contains(said), "{options:?}: {checked:?}");
    }
    let json = check(&["--max-exchange", "300", "--format", "json"], "answers-late")?;
    let over = &read_json(&json.stdout, "Check")?["over_budget"]["max-exchange"];
    ensure!(
        over.as_str().is_some_and(|over| over.contains("and may take 300 ms")),
        "{over}"
    );
    let junit = stdout(&check(&["--max-exchange", "300", "--format", "junit"], "answers-late")?);
    ensure!(junit.contains("name=\"max-exchange\"><failure"), "{junit}");
    // Nobody may take a rule that was allowed for one that was kept.
    let options = ["--max-exchange", "300", "--allow", "split-reply", "--format", "junit"];
    let allowed = stdout(&check(&options, "answers-late")?);
    ensure!(
        junit.contains("split-reply") && !allowed.contains("split-reply"),
        "{allowed}"
    );
    Ok(())
}

/// A connect takes a round trip of the wire.
fn a_connect_has_a_budget() -> Result<()> {
    for (most, status) in [("100", 1), ("60000", 0)] {
        let server = ["--", built("wrong-server"), "echo", "{listen}"];
        let options = ["check", "--delay", "100ms", "--max-connect", most];
        let checked = lab(&[&options[..], &server].concat())?;
        ensure!(checked.status.code() == Some(status), "{checked:?}");
    }
    Ok(())
}

/// Each result names a rule of the log, by its place too; what is not a failure has no level but `none` or `note`.
fn sarif_has_the_findings() -> Result<()> {
    let checked = check(&["--format", "sarif"], "two-writes")?;
    ensure!(checked.status.code() == Some(1), "{checked:?}");
    let log: serde_json::Value = serde_json::from_slice(&checked.stdout)?;
    ensure!(log["version"] == "2.1.0", "{log}");
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().context("no rules")?;
    // Those for what was recorded: rules of packets alone have no say where there are calls.
    ensure!(rules.iter().any(|rule| rule["id"] == "cork-stall"), "{log}");
    ensure!(rules.iter().all(|rule| rule["id"] != "late-ack"), "{log}");
    let results = run["results"].as_array().context("no results")?;
    for result in results {
        let place = result["ruleIndex"].as_u64().context("no place")?;
        ensure!(rules[usize::try_from(place)?]["id"] == result["ruleId"], "{result}");
    }
    let failed = results.iter().filter(|result| result["level"] == "error");
    let failed: Vec<_> = failed.map(|result| result["ruleId"].as_str()).collect();
    ensure!(failed == [Some("split-reply"), Some("nagle-stall")], "{log}");
    ensure!(run["invocations"][0]["executionSuccessful"] == true, "{log}");
    let died = check(&["--format", "sarif"], "dies")?;
    let log: serde_json::Value = serde_json::from_slice(&died.stdout)?;
    let told = &log["runs"][0]["invocations"][0];
    ensure!(
        told["executionSuccessful"] == false && told.to_string().contains("exit status 3"),
        "{log}"
    );
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
    a_budget_that_is_not_kept_fails needs [Packets];
    a_connect_has_a_budget needs [Needs::Wire];
    sarif_has_the_findings needs [Packets];
    the_status_is_2_where_nothing_is_proved needs [Packets, Program("bash")];
    http_and_redis_end_where_they_say needs [Packets];
    a_port_is_waited_for needs [Packets];
    each_format_says_why_nothing_is_proved needs [Packets];
    findings_are_told_rule_by_rule needs [Packets];
    a_slow_server_is_no_leak needs [Packets];
    the_status_stands_where_nobody_reads needs [Packets];
    what_could_not_run_is_said_in_the_format needs [Packets];
    who_holds_a_connection_is_named needs [Packets];
    what_was_tried_is_told needs [Packets];
    what_keeps_a_server_from_being_observed_is_told needs [Sandbox];
    a_server_that_nobody_may_look_into_is_told needs [Packets];
    a_server_is_not_blamed_for_the_wire needs [Packets];
    a_refused_connection_is_no_reset needs [Packets, Program("bash")];
    a_client_that_gets_through_was_not_refused needs [Sandbox, Program("bash"), Program("unshare")];
    a_rule_that_is_required_must_be_known needs [Packets];
    what_does_not_cross_the_wire_is_unknown needs [Needs::Wire];
    a_connect_ends_in_time needs [Sandbox];
    what_is_said_fits_what_was_seen needs [Packets];
    a_body_behind_100_continue_is_no_request needs [Packets];
    a_server_that_confines_itself_is_told needs [Packets];
    a_rule_that_could_not_have_seen_its_fault_is_unknown needs [Packets];
    a_run_of_which_every_rule_is_unknown_proves_nothing needs [Packets];
    tls_is_told_by_its_records needs [Packets];
    the_client_stops_at_the_end_of_file needs [Packets];
    a_conversation_is_understood needs [Packets];
    other_ways_to_talk_are_understood needs [Packets];
    a_client_program_has_its_own_output needs [Packets, Program("bash")];
}
