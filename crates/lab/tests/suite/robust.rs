//! What `lab` does where there is little of something: memory, processes, descriptors, a place for a file.

use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
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

/// What is drawn takes the place of a file when it is whole, and never that of the capture it is drawn from.
fn a_capture_is_not_written_over_by_its_picture() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("lab-test-{}-new", std::process::id()));
    fs::create_dir_all(&folder)?;
    let path = |name: &str| folder.join(name);
    let capture = fs::read(steps::find("step3")?.capture())?;
    fs::write(path("a.pcapng"), &capture)?;
    fs::hard_link(path("a.pcapng"), path("hard"))?;
    std::os::unix::fs::symlink("a.pcapng", path("soft"))?;
    std::os::unix::fs::symlink("b.svg", path("dangling"))?;
    let show = |what: &str, output: &str| -> Result<Output> {
        let mut show = Command::new(built("lab"));
        show.args(["show", what, "--format", "svg", "-o", output]);
        Ok(show.current_dir(&folder).output()?)
    };
    for output in ["a.pcapng", "hard", "soft", "./a.pcapng"] {
        let shown = show("a.pcapng", output)?;
        ensure!(!shown.status.success(), "{output}: {shown:?}");
        ensure!(fs::read(path("a.pcapng"))? == capture, "{output}");
    }
    // Nor that of anything else that the command reads or runs.
    fs::write(path("script"), "send 1\\n\n")?;
    let of_script = ["trace", "--script", "script", "step3", "-o", "script"];
    let once_more = ["trace", "--script=script", "step3", "-o", "./script"];
    let of_server = ["trace", "-o", "script", "--", "./script"];
    let of_stdin = ["show", "-", "--format", "svg", "-o", "hard"];
    for arguments in [&of_script[..], &once_more, &of_server, &of_stdin] {
        let mut lab = Command::new(built("lab"));
        lab.current_dir(&folder).stdin(File::open(path("a.pcapng"))?);
        let ran = lab.args(arguments).output()?;
        let told = String::from_utf8_lossy(&ran.stderr);
        ensure!(
            told.contains("is read or run by this command"),
            "{arguments:?}: {ran:?}"
        );
        ensure!(fs::read(path("a.pcapng"))? == capture, "{arguments:?}");
        ensure!(fs::read(path("script"))? == b"send 1\\n\n", "{arguments:?}");
    }
    fs::remove_file(path("script"))?;
    // A link is written through, also to where nothing is yet; the other end has the picture.
    let shown = show("a.pcapng", "dangling")?;
    ensure!(shown.status.success(), "{shown:?}");
    ensure!(fs::read_to_string(path("b.svg"))?.starts_with("<svg"));
    ensure!(path("dangling").is_symlink());
    // What fails leaves what there was, or nothing.
    fs::write(path("no.pcapng"), "no capture")?;
    fs::write(path("old.svg"), "old")?;
    for output in ["old.svg", "new.svg"] {
        ensure!(!show("no.pcapng", output)?.status.success());
    }
    ensure!(fs::read_to_string(path("old.svg"))? == "old");
    let mut left: Vec<String> = Vec::new();
    for entry in fs::read_dir(&folder)? {
        left.push(entry?.file_name().to_string_lossy().into_owned());
    }
    left.sort();
    ensure!(
        left == ["a.pcapng", "b.svg", "dangling", "hard", "no.pcapng", "old.svg", "soft"],
        "{left:?}"
    );
    Ok(fs::remove_dir_all(folder)?)
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

/// A pipe has each packet once, and while the run goes on: the run ends only after the reader has what it waits for.
fn a_pipe_has_the_packets_as_they_come() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("lab-pipe-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let fifo = folder.join("fifo");
    ensure!(Command::new("mkfifo").arg(&fifo).status()?.success());
    let seen = folder.join("seen");
    // The client stays until it is told that its bytes were seen in the capture.
    let client = "exec 3<>/dev/tcp/127.0.0.1/3000; echo look >&3; read -r line <&3; \
                  until [ -e \"$SEEN\" ]; do read -r -t 0.05 -u 3 _; done";
    for to in ["-", fifo.to_str().context("a path that is text")?] {
        let _ = fs::remove_file(&seen);
        let mut lab = Command::new(built("lab"));
        lab.args(["trace", "--timeout", "60", "--pcapng", to, "--client"]);
        lab.arg(format!("bash -c '{client}'")).env("SEEN", &seen);
        lab.args(["--", built("wrong-server"), "echo", "127.0.0.1:3000"]);
        lab.stdout(Stdio::piped()).stderr(Stdio::null());
        let mut lab = lab.spawn()?;
        let mut pipe: Box<dyn Read> = match to {
            "-" => Box::new(lab.stdout.take().context("no pipe")?),
            _ => Box::new(fs::File::open(&fifo)?),
        };
        let (mut capture, mut part) = (Vec::new(), [0; 4096]);
        let count = |capture: &[u8]| capture.windows(5).filter(|bytes| bytes == b"look\n").count();
        loop {
            let length = pipe.read(&mut part)?;
            if length == 0 {
                break;
            }
            capture.extend_from_slice(&part[..length]);
            if count(&capture) > 0 {
                fs::write(&seen, "")?;
            }
        }
        ensure!(lab.wait()?.success());
        ensure!(seen.exists(), "{to}");
        let timeline = harness::format::pcapng::read(&capture[..])?.into_timeline();
        ensure!(timeline.only().packets_per_exchange() == [4], "{to}:\n{timeline}");
    }
    Ok(fs::remove_dir_all(folder)?)
}

/// RLIMIT_FSIZE is an error with the file's name, where the kernel would end `lab` without a word.
fn a_file_that_may_not_grow_is_an_error() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("lab-limit-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("a.pcapng");
    let output = limited(
        "ulimit -f 1",
        &["trace", "step3", "--pcapng", &file.display().to_string()],
    )?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.code() == Some(1), "{output:?}");
    ensure!(said.contains("a.pcapng") && said.contains("File too large"), "{said}");
    Ok(fs::remove_dir_all(folder)?)
}

/// What `lab` has started is gone when it ends, also where the first process waits for nobody: this test plays it.
fn nothing_is_left_to_whoever_adopts() -> Result<()> {
    let script = r#"
import ctypes, os, subprocess, sys
ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER
lab = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
try:
    print("left:", os.waitpid(-1, 0))
except ChildProcessError:
    print("none is left", lab.returncode)
"#;
    let step = built("step3");
    let mut python = Command::new("python3");
    python.args(["-c", script, built("lab"), "check", "--", step, "127.0.0.1:3000"]);
    let output = String::from_utf8(python.output()?.stdout)?;
    ensure!(output == "none is left 0\n", "{output}");
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
        text.contains("teardown              none: neither side has sent a FIN"),
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

/// All formats show the connection that is asked for, or those that have something.
fn each_format_shows_a_part() -> Result<()> {
    let path = std::env::temp_dir().join(format!("lab-test-{}-part.pcapng", std::process::id()));
    let capture = path.to_str().context("no text")?;
    limited("true", &["trace", "step1", "--clients", "3", "--pcapng", capture])?;
    let show = |arguments: &[&str]| limited("true", &[&["show", capture], arguments].concat());
    let json = |arguments: &[&str]| -> Result<serde_json::Value> {
        Ok(serde_json::from_slice(
            &show(&[&["--format", "json"], arguments].concat())?.stdout,
        )?)
    };
    let all = json(&[])?;
    let clients = |value: &serde_json::Value| -> Vec<String> {
        let connections = value["connections"].as_array().into_iter().flatten();
        connections.map(|connection| connection["client"].to_string()).collect()
    };
    ensure!(clients(&all).len() == 3, "{all}");
    let second = json(&["--connection", "2"])?;
    assert_eq!(clients(&second), clients(&all)[1..2]);
    let port = clients(&all)[1].trim_matches('"').rsplit(':').next().map(str::to_owned);
    let port = port.context("an address has a port")?;
    assert_eq!(json(&["--filter", &port])?["connections"], second["connections"]);
    for (filter, count) in [("3000", 3), ("nagle-stall", 3), ("delayed-ack", 3)] {
        assert_eq!(clients(&json(&["--filter", filter])?).len(), count, "{filter}");
    }
    assert_eq!(clients(&json(&["--odd", "--filter", &port])?).len(), 1);
    for (filter, numbers) in [
        ("connection=2", 1..2),
        ("connection=2-3", 1..3),
        ("connection=2-", 1..3),
        ("connection=-2", 0..2),
        ("time=0", 0..1),
        ("time=0-600", 0..3),
        ("time=0.0-", 0..3),
        ("time=-600", 0..3),
    ] {
        let some = clients(&json(&["--filter", filter])?);
        assert_eq!(some, clients(&all)[numbers], "{filter}");
    }
    for wrong in [
        "connection=",
        "connection=-",
        "connection=3-2",
        "time=nan",
        "time=2-1",
        "time=--1",
        "time=1e99",
    ] {
        let output = show(&["--filter", wrong])?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains("no time=1.5-3, in seconds"),
            "{wrong}: {said}"
        );
    }
    for format in ["markdown", "html", "svg", "jsonl", "text"] {
        let (part, all) = (
            show(&["--format", format, "--connection", "2"])?,
            show(&["--format", format])?,
        );
        assert!(
            part.status.success() && part.stdout.len() < all.stdout.len(),
            "{format}: {part:?}"
        );
    }
    for nothing in [
        ["--filter", "9"],
        ["--filter", "mtu-black-hole"],
        ["--filter", "time=601-"],
    ] {
        let output = show(&nothing)?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && said.contains("none of 3 connections fits"),
            "{said}"
        );
    }
    std::fs::remove_file(path)?;
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
    a_capture_is_not_written_over_by_its_picture needs [];
    without_proc_that_is_what_is_said needs [Sandbox, Program("unshare")];
    a_capture_that_cannot_be_written_leaves_the_lanes needs [Packets];
    two_results_do_not_go_into_one_file needs [Calls];
    a_pipe_has_the_packets_as_they_come needs [Sandbox, Program("bash")];
    a_file_that_may_not_grow_is_an_error needs [Calls];
    nothing_is_left_to_whoever_adopts needs [Sandbox, Program("python3")];
}

/// Of many clients, or much output, or little memory.
pub mod large {
    use super::*;

    const LARGE: Needs = Request("takes seconds of a processor: run with --ignored");

    harness::tests! {
        many_connections_have_a_row_each_and_one_is_drawn needs [LARGE, Sandbox];
        each_format_shows_a_part needs [LARGE, Sandbox];
        of_more_connections_the_worst_are_drawn needs [LARGE, Sandbox];
        output_without_a_newline_is_bounded needs [LARGE, Packets];
        of_many_lines_a_bounded_number_is_kept_and_it_is_said needs [LARGE, Packets];
        little_memory_is_enough_or_an_error needs [LARGE, Calls];
        clients_that_find_no_descriptor_say_so_at_once needs [LARGE, Sandbox];
    }
}
