//! What `lab` does where there is little of something: memory, processes, descriptors, a place for a file.

use std::fs;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use course::steps;
use harness::testing::Needs::{self, Calls, Packets, Program, Request, Sandbox};
use harness::testing::built;
use serde_json::Value;

use crate::read_json;

/// Runs `lab` under limits that a shell sets, with a step's path as $STEP.
fn limited(limits: &str, arguments: &[&str]) -> Result<Output> {
    for step in steps::all()? {
        step.build()?;
    }
    let step = built("step3");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("{limits}; exec \"$@\""), "sh", built("lab")]);
    // The standard library takes a lock to print a backtrace, and for ever a second time where memory runs out meanwhile.
    shell.env_remove("RUST_BACKTRACE");
    let output = shell.args(arguments).env("STEP", step).env("CARGO", "/none").output();
    output.context("cannot start a shell")
}

/// A server's command line that does something first.
fn after(what: &str) -> [String; 4] {
    let command = format!("{what}; exec \"$STEP\" 127.0.0.1:3000");
    ["--".into(), "/bin/sh".into(), "-c".into(), command]
}

fn traced_after(limits: &str, what: &str) -> Result<Value> {
    read_json(traced_to_json(limits, what)?.as_bytes(), "Timeline")
}

fn traced_to_json(limits: &str, what: &str) -> Result<String> {
    let server = after(what);
    let arguments: Vec<&str> = ["trace", "--format", "json"]
        .into_iter()
        .chain(server.iter().map(String::as_str))
        .collect();
    let output = limited(limits, &arguments)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?)
}

fn lines(timeline: &Value) -> impl Iterator<Item = &Value> {
    let events = timeline["events"].as_array().into_iter().flatten();
    events.filter(|event| event["what"] == "wrote" || event["what"] == "output-not-kept")
}

/// It has less memory than the server writes.
fn output_without_a_newline_is_bounded() -> Result<()> {
    let timeline = traced_after(
        "export MALLOC_ARENA_MAX=1; ulimit -v 200000",
        "seq -s x 5000 | tr -d '\\n'; dd if=/dev/zero bs=1M count=260 status=none",
    )?;
    let first = lines(&timeline).next().context("no line")?["line"].as_str();
    let numbers: Vec<String> = (1..=5000).map(|number| number.to_string()).collect();
    let kept = format!("{} [the line goes on]", &numbers.join("x")[..4096]);
    assert!(first == Some(&kept), "{first:?}");
    // Of what it writes later all is there: the newline is missing, so this line is one with that.
    assert_eq!(timeline["summary"]["teardown"], "clean");
    Ok(())
}

fn of_many_lines_a_bounded_number_is_kept_and_it_is_said() -> Result<()> {
    let json = traced_to_json("true", "yes 'a line' | head -n 60000")?;
    // To parse all of it takes longer than to write it.
    assert_eq!(json.matches(r#""line":"a line""#).count(), 50_000);
    assert_eq!(json.matches(r#""what":"output-not-kept""#).count(), 1);
    // What is left out of the output leaves no rule in doubt.
    assert_eq!(json.matches(r#""not_kept": 0,"#).count(), 1);
    assert_eq!(json.matches(r#""unknown":[]"#).count(), 1);
    Ok(())
}

/// As many threads as there are, each number fails at another place. `sh` is the server, as a step panics itself.
fn few_processes_are_an_error_and_no_panic() -> Result<()> {
    let limit = |number: u32| -> Result<()> {
        let mut shell = Command::new("/bin/sh");
        let command = format!("ulimit -u {number} && exec \"$0\" trace -- /bin/sh -c 'exit 3'");
        shell.args(["-c", &command, built("lab")]);
        // Root is not limited.
        #[cfg(unix)]
        if nix::unistd::geteuid().is_root() {
            std::os::unix::process::CommandExt::uid(&mut shell, 65534);
        }
        let output = shell.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && !said.contains("panicked"),
            "{number}: {said}"
        );
        Ok(())
    };
    harness::testing::at_once(1..=12, limit)
}

fn little_memory_is_enough_or_an_error() -> Result<()> {
    let limit = |kilobytes: u32| -> Result<String> {
        let limits = format!("ulimit -v {kilobytes}");
        let output = limited(&limits, &["trace", "--", "/bin/sh", "-c", "exit 3"])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // The standard library itself panics where a thread's second stack finds no room.
        ensure!(!said.contains("panicked at crates/"), "{kilobytes}: {said}");
        Ok(said)
    };
    for kilobytes in [20_000, 26_000, 32_000] {
        limit(kilobytes)?;
    }
    // A thread's heap takes 64 MB of addresses where it gets them.
    let said = limit(130_000)?;
    ensure!(
        said.contains("ended (exit status 3)"),
        "130 MB are enough for a program that does nothing: {said}"
    );
    Ok(())
}

fn clients_that_find_no_descriptor_say_so_at_once() -> Result<()> {
    let output = limited("ulimit -n 32", &["trace", "step3", "--clients", "50"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Too many open files"), "{said}");
    assert!(said.contains("ulimit -n"), "{said}");
    assert!(
        said.starts_with("lab: ") && said.contains(" times: cannot connect"),
        "{said}"
    );
    assert_eq!(said.matches("cannot connect").count(), 1, "{said}");
    Ok(())
}

/// It is root in a user namespace of its own where it has to be, to mount.
const MOUNTS: &str = "unshare --mount true 2>/dev/null && as=--mount || as='--user --map-root-user --mount'";

fn without_proc_that_is_what_is_said() -> Result<()> {
    let inside = format!("{MOUNTS}; set -- unshare $as sh -c 'mount -t tmpfs none /proc; exec \"$@\"' sh \"$@\"");
    let output = limited(&inside, &["trace", "--", "/bin/sh", "-c", "exit 3"])?;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("there is no /proc/self") && said.contains("mount -t proc"),
        "{said}"
    );
    let output = limited(&inside, &["doctor"])?;
    assert!(
        String::from_utf8_lossy(&output.stdout).contains("there is no /proc/self"),
        "{output:?}"
    );
    Ok(())
}

fn a_capture_that_cannot_be_written_leaves_the_lanes() -> Result<()> {
    let output = limited("true", &["trace", "step3", "--pcapng", "/dev/full"])?;
    let lanes = String::from_utf8_lossy(&output.stdout);
    assert!(lanes.contains("clean: the client closed first"), "{output:?}");
    assert!(lanes.contains("no findings"), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("cannot write /dev/full: No space left"), "{said}");
    assert_eq!(output.status.code(), Some(1));
    Ok(())
}

fn two_results_do_not_go_into_one_file() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("lab-same-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("result");
    fs::write(&file, "what was there")?;
    std::os::unix::fs::symlink("result", folder.join("link"))?;
    let path = |name: &str| folder.join(name).display().to_string();
    for (one, other) in [("result", "result"), ("result", "link"), ("new", "./new")] {
        let output = limited("true", &["trace", "step3", "-o", &path(one), "--pcapng", &path(other)])?;
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            !output.status.success() && said.contains("name the same file"),
            "{output:?}"
        );
    }
    assert_eq!(fs::read_to_string(&file)?, "what was there");
    let nowhere = path("no/such/file");
    let output = limited("true", &["trace", "step3", "-o", &nowhere])?;
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("cannot create"),
        "{output:?}"
    );
    fs::remove_dir_all(folder)?;
    Ok(())
}

/// Runs `lab trace`, interrupts it when its output has a line with some text, and gives all of its output.
fn interrupted(arguments: &[&str], when: &str, input: &str) -> Result<(String, std::process::ExitStatus)> {
    use std::io::{BufRead, BufReader, Read, Write};
    steps::find("step3")?.build()?;
    let mut lab = Command::new(built("lab"));
    lab.arg("trace").args(arguments).env("CARGO", "/none");
    let piped = std::process::Stdio::piped;
    let mut lab = lab.stdin(piped()).stdout(piped()).spawn()?;
    let mut typed = lab.stdin.take().context("no input")?;
    typed.write_all(input.as_bytes())?;
    let mut output = BufReader::new(lab.stdout.take().context("no output")?);
    let mut text = String::new();
    while !text.contains(when) {
        ensure!(output.read_line(&mut text)? > 0, "{when} is missing in {text}");
    }
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(lab.id().cast_signed()),
        nix::sys::signal::Signal::SIGINT,
    )?;
    output.read_to_string(&mut text)?;
    let status = lab.wait()?;
    drop(typed);
    Ok((text, status))
}

/// Its lines come while it goes on, and the last one when it is interrupted.
fn lines_come_while_a_run_goes_on() -> Result<()> {
    let options = ["step3", "--stdin", "--format", "jsonl"];
    let (text, status) = interrupted(&options, r#""what":"received""#, "one\n")?;
    ensure!(status.success(), "{status}");
    let lines: Vec<Value> = text
        .lines()
        .map(|line| read_json(line.as_bytes(), "Line"))
        .collect::<Result<_>>()?;
    let kinds: Vec<&str> = lines.iter().filter_map(|line| line["kind"].as_str()).collect();
    assert_eq!((kinds[0], kinds[kinds.len() - 1]), ("begin", "end"), "{text}");
    assert!(kinds.contains(&"call") && kinds.contains(&"connection"), "{text}");
    let packet = lines
        .iter()
        .find(|line| line["kind"] == "packet")
        .context("no packet")?;
    assert_eq!((&packet["flags"], packet.get("facts")), (&"SYN".into(), None));
    assert_eq!(lines[lines.len() - 1]["summary"]["totals"]["connections"], 1);
    Ok(())
}

/// Its standard input is still open, and it has answered a line.
fn ctrl_c_ends_a_conversation_and_shows_it() -> Result<()> {
    let (text, status) = interrupted(&["step3", "--stdin"], "\"one\\n\"", "one\n")?;
    assert!(status.success(), "{text}");
    assert!(text.contains("writes per reply      1\n"), "{text}");
    assert!(
        text.contains("teardown              none: neither side has closed"),
        "{text}"
    );
    assert!(text.contains("findings"), "{text}");
    Ok(())
}

fn many_connections_have_a_row_each_and_one_is_drawn() -> Result<()> {
    let output = limited("true", &["trace", "step1", "--clients", "5", "--connection", "4"])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("connection 4 of 5") && !text.contains("connection 1 of 5"),
        "{text}"
    );
    let rows: Vec<Vec<&str>> = text
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("#  port"))
        .skip(1)
        .take(5)
        .map(|line| line.split_whitespace().collect())
        .collect();
    for (number, row) in rows.iter().enumerate() {
        assert_eq!(row[0], (number + 1).to_string(), "{text}");
        // Two requests of two bytes each, two replies, and a stall.
        assert_eq!(row[2..5], ["2", "4", "4"], "{text}");
        assert_eq!(row[8..], ["1", "CLOSE_WAIT", "3", "found"], "{text}");
    }
    assert!(text.contains("requests              10\n"), "{text}");
    assert!(text.contains("time to first byte    median"), "{text}");
    assert!(text.contains("CLOSE_WAIT"), "{text}");
    assert!(
        text.lines()
            .take_while(|line| !line.starts_with("warning["))
            .all(|line| line.chars().count() <= 80),
        "{text}"
    );
    let output = limited("true", &["trace", "step1", "--connection", "2"])?;
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("there is no connection 2"),
        "{output:?}"
    );
    Ok(())
}

fn of_more_connections_the_worst_are_drawn() -> Result<()> {
    let output = limited("true", &["trace", "step3", "--clients", "9"])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(text.matches(" of 9: client").count(), 3, "{text}");
    assert!(text.contains("6 connections are left out"), "{text}");
    assert!(
        text.contains("ends                  9 clean, the client closed first"),
        "{text}"
    );
    Ok(())
}

fn json_has_a_row_for_each_connection() -> Result<()> {
    let output = limited("true", &["trace", "step1", "--clients", "3", "--format", "json"])?;
    let timeline = read_json(&output.stdout, "Timeline")?;
    let rows = timeline["summary"]["connections"].as_array().context("no list")?;
    assert_eq!(rows.len(), 3);
    for row in rows {
        assert_eq!((&row["requests"], &row["answered"]), (&2.into(), &2.into()), "{row}");
        let slowest = &row["slowest"];
        let parts = slowest["parts_ns"].as_object().context("no parts")?;
        let sum: u64 = parts.values().filter_map(Value::as_u64).sum();
        assert_eq!(slowest["whole_ns"], sum, "{row}");
        assert_eq!(slowest["certainty"], "seen");
        // The tracer stopped the server in each call.
        assert!(slowest["tracer_at_least_ns"].as_u64() > Some(0), "{row}");
        assert!(
            slowest["tracer_at_least_ns"].as_u64() < slowest["whole_ns"].as_u64(),
            "{row}"
        );
    }
    assert_eq!(timeline["summary"]["totals"]["whole"]["count"], 6);
    Ok(())
}

harness::tests! {
    ctrl_c_ends_a_conversation_and_shows_it needs [Sandbox];
    json_has_a_row_for_each_connection needs [Sandbox];
    lines_come_while_a_run_goes_on needs [Sandbox];
    few_processes_are_an_error_and_no_panic needs [Calls];
    without_proc_that_is_what_is_said needs [Sandbox, Program("unshare")];
    a_capture_that_cannot_be_written_leaves_the_lanes needs [Packets];
    two_results_do_not_go_into_one_file needs [Calls];
}

/// Of many clients, or much output, or little memory.
pub mod large {
    use super::*;

    const LARGE: Needs = Request("takes seconds of a processor: run with --ignored");

    harness::tests! {
        many_connections_have_a_row_each_and_one_is_drawn needs [LARGE, Sandbox];
        of_more_connections_the_worst_are_drawn needs [LARGE, Sandbox];
        output_without_a_newline_is_bounded needs [LARGE, Packets];
        of_many_lines_a_bounded_number_is_kept_and_it_is_said needs [LARGE, Packets];
        little_memory_is_enough_or_an_error needs [LARGE, Calls];
        clients_that_find_no_descriptor_say_so_at_once needs [LARGE, Sandbox];
    }
}
