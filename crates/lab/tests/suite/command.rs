//! The `lab` command as a user types it, right and wrong.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result};
use course::{checkout, steps};
use harness::testing::Needs::{self, Calls, Packets, Program, Request, Sandbox, Wire};
use harness::testing::built;
use harness::timeline::width::columns;
use serde_json::Value;

use crate::read_json;

/// The steps are built once for all tests, as cargo takes longer to find that it has nothing to do
/// than a step takes to be traced.
fn lab(arguments: &[&str]) -> Result<Output> {
    for step in steps::all()? {
        step.build()?;
    }
    Command::new(built("lab"))
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
    let value = read_json(&lab(&["trace", "--format", "json", "step2"])?.stdout, "Timeline")?;
    assert_eq!(value["version"], 3);
    assert_eq!(value["level"], "sandbox");
    assert_eq!(value["summary"]["writes_per_reply"], serde_json::json!([1, 1]));
    assert_eq!(value["summary"]["packets_per_exchange"][0], 4);
    assert_eq!(value["summary"]["teardown"], "left-open");
    assert_eq!(value["summary"]["findings"][0]["id"], "close-wait-leak");
    assert!(value["events"].as_array().is_some_and(|events| events.len() > 20));
    Ok(())
}

/// A line for each event, with all that is known of it, and the rest around them.
fn show_writes_lines_of_the_documented_shape() -> Result<()> {
    let whole = read_json(&lab(&["show", "step2", "--format", "json"])?.stdout, "Timeline")?;
    let text = stdout(&lab(&["show", "step2", "--format", "jsonl"])?);
    let lines: Vec<Value> = text
        .lines()
        .map(|line| read_json(line.as_bytes(), "Line"))
        .collect::<Result<_>>()?;
    let (begin, end) = (&lines[0], &lines[lines.len() - 1]);
    assert_eq!(
        (&begin["kind"], &begin["version"]),
        (&"begin".into(), &whole["version"])
    );
    assert_eq!((&end["kind"], &end["summary"]), (&"end".into(), &whole["summary"]));
    let events = lines.iter().filter(|line| line.get("at").is_some());
    assert!(events.eq(whole["events"].as_array().context("no events")?));
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
    harness::testing::at_once(cases, run)
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
    let sleep = format!("sleep 31{}", std::process::id());
    let client = &format!("{sleep} & {sleep}");
    let run = |(command, status): (&str, i32)| -> Result<()> {
        let output = lab(&[command, "step3", "--timeout", "1", "--client", client])?;
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        let expected =
            format!("the client {client:?} had not ended after 1s and was killed; --timeout gives it longer");
        assert_eq!(said.matches(&expected).count(), 1, "{output:?}");
        // What there is to tell is told.
        assert!(stdout(&output).contains("findings"), "{output:?}");
        Ok(())
    };
    harness::testing::at_once([("trace", 1), ("check", 2)], run)?;
    for entry in std::fs::read_dir("/proc")? {
        let line = std::fs::read_to_string(entry?.path().join("cmdline")).unwrap_or_default();
        assert_ne!(line.trim_end_matches('\0').replace('\0', " "), sleep, "it still sleeps");
    }
    Ok(())
}

/// Ctrl-C goes to all that is in the foreground, the client and `lab` alike, and gives the timeline of what there was.
fn an_interrupted_client_leaves_its_timeline() -> Result<()> {
    let client = "exec 3<>/dev/tcp/127.0.0.1/3000; echo hello >&3; read -r line <&3; kill -INT 0; sleep 600";
    steps::find("step3")?.build()?;
    let mut lab = Command::new(built("lab"));
    lab.args(["trace", "step3", "--client", &format!("bash -c '{client}'")]);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut lab, 0);
    let output = lab.env("CARGO", "/none").output()?;
    assert!(output.status.success(), "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("writes per reply      1\n"), "{output:?}");
    assert!(text.contains("clean: the client closed first"), "{output:?}");
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

/// What is told in prose fits into a terminal of the usual width.
fn lines_are_no_longer_than_a_terminal_is_wide() -> Result<()> {
    let shell = |command: &str| {
        let mut lab = Command::new(built("lab"));
        lab.args([command, "step3"]).env("SHELL", "/bin/true").output()
    };
    let (steps, shell, live) = (lab(&["steps"])?, shell("shell")?, shell("live")?);
    for (what, told) in [("steps", steps.stdout), ("shell", shell.stderr), ("live", live.stderr)] {
        let told = String::from_utf8_lossy(&told).into_owned();
        let mut lines = told.lines().filter(|line| !line.contains("http://"));
        assert!(lines.clone().count() > 1, "{what}: {told}");
        assert!(lines.all(|line| columns(line) <= 80), "{what}: {told}");
    }
    Ok(())
}

fn a_shell_inside() -> Result<()> {
    let mut shell = Command::new(built("lab"));
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

/// A run that somebody watched is kept: its page, its packets, and in the terminal what the rules find.
fn a_watched_run_is_kept() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("lab-live-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (page, capture) = (folder.join("run.html"), folder.join("run.pcapng"));
    let [page_name, capture_name] = [&page, &capture].map(|path| path.to_string_lossy().into_owned());
    let kept = ["--format", "html", "-o", &page_name, "--pcapng", &capture_name];
    let output = lab(&[&["live", "step1", "--send", "hello\\n"], &kept[..]].concat())?;
    assert!(output.status.success(), "{output:?}");
    assert!(std::fs::read_to_string(&page)?.contains("sendto("));
    let shown = stdout(&lab(&["show", &capture_name])?);
    assert!(shown.contains("split-reply"), "{shown}");
    let text = stdout(&lab(&["live", "step1", "--send", "hello\\n"])?);
    assert!(text.contains("split-reply"), "{text}");
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Ctrl-C where enter was to be pressed ends the run as enter does, and what was asked for is written.
#[cfg(target_os = "linux")]
fn ctrl_c_ends_a_watched_run_and_keeps_it() -> Result<()> {
    use nix::sys::signal::{Signal, kill};
    let page = std::env::temp_dir().join(format!("lab-live-ended-{}.html", std::process::id()));
    let terminal = nix::pty::openpty(None, None)?;
    let mut live = Command::new(built("lab"));
    live.args(["live", "step1", "--send", "hello\\n", "--format", "html", "-o"]);
    live.arg(&page)
        .stdin(terminal.slave)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut running = live.spawn()?;
    let told = BufReader::new(running.stderr.take().context("no stderr")?);
    let mut lines = told.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("press enter")));
    kill(nix::unistd::Pid::from_raw(running.id().try_into()?), Signal::SIGINT)?;
    // Whoever writes to nobody may end.
    lines.for_each(drop);
    assert!(running.wait()?.success());
    assert!(std::fs::read_to_string(&page)?.contains("sendto("));
    std::fs::remove_file(&page)?;
    Ok(())
}

/// Ctrl-C while a client still waits ends the run too, and what was asked for is written.
#[cfg(target_os = "linux")]
fn ctrl_c_in_the_talk_of_a_watched_run_keeps_it() -> Result<()> {
    use nix::sys::signal::{Signal, kill};
    let folder = std::env::temp_dir().join(format!("lab-live-talk-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (page, capture) = (folder.join("run.html"), folder.join("run.pcapng"));
    let mut live = Command::new(built("lab"));
    live.args(["live", "--send", "hello\n", "--timeout", "60", "--format", "html", "-o"]);
    live.arg(&page).arg("--pcapng").arg(&capture);
    live.args(["--", built("wrong-server"), "never-answers", "127.0.0.1:3000"]);
    live.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let mut running = live.spawn()?;
    let told = BufReader::new(running.stderr.take().context("no stderr")?);
    let mut lines = told.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("in a browser")));
    // Nothing tells when its client has sent its line, and waits.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let begun = std::time::Instant::now();
    kill(nix::unistd::Pid::from_raw(running.id().try_into()?), Signal::SIGINT)?;
    assert!(lines.any(|line| line.contains("interrupted: this is what there was")));
    lines.for_each(drop);
    assert!(running.wait()?.success() && begun.elapsed().as_secs() < 30);
    assert!(std::fs::read_to_string(&page)?.contains("hello"));
    let shown = stdout(&lab(&["show", &capture.to_string_lossy()])?);
    assert!(shown.contains("hello"), "{shown}");
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Whatever says how our clients talk lets them talk, and opens no shell.
fn a_watched_run_heeds_how_clients_talk() -> Result<()> {
    let watched = |options: &[&str], mode: &str| -> Result<(String, String)> {
        let server = ["--", built("wrong-server"), mode, "127.0.0.1:3000"];
        let mut command = Command::new(built("lab"));
        let command = command
            .arg("live")
            .args(options)
            .args(server)
            .env("SHELL", "/bin/false");
        let output = command.stdin(Stdio::null()).output()?;
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(
            output.status.success() && !told.contains("this shell"),
            "{options:?}: {output:?}"
        );
        Ok((stdout(&output), told))
    };
    // This one answers when it has read all.
    let (half_closed, _) = watched(&["--half-close"], "reads-all")?;
    assert!(half_closed.contains("writes per reply      1\n"), "{half_closed}");
    let (silent, told) = watched(&["--no-reply"], "never-answers")?;
    assert!(
        silent.contains("recvfrom(") && !told.contains("nothing came"),
        "{told}{silent}"
    );
    // Who stays connected has not closed when the run ends.
    let (stays, _) = watched(&["--close", "none"], "echo")?;
    assert!(stays.contains("neither side has sent a FIN"), "{stays}");
    let (_, told) = watched(&["--no-reply"], "echo")?;
    assert!(told.contains("the server answered, and --no-reply"), "{told}");
    for (options, clients) in [
        (&["--clients", "2"], 2),
        (&["--pause", "1"], 1),
        (&["--until-quiet", "1"], 1),
        (&["--close", "rst"], 1),
    ] {
        let (text, _) = watched(&[options, &["--format", "json"][..]].concat(), "echo")?;
        let timeline = read_json(text.as_bytes(), "Timeline")?;
        assert_eq!(
            timeline["connections"].as_array().map(Vec::len),
            Some(clients),
            "{options:?}: {timeline}"
        );
    }
    Ok(())
}

/// The two commands at the top of docs/wire.md.
fn two_hosts_and_a_wire() -> Result<()> {
    let pulled = ["trace", "step3", "--cut", "after reply 1", "--send", r"1\n"];
    let text = stdout(&lab(&pulled)?);
    assert!(
        text.contains("left open: the server's socket is in ESTABLISHED"),
        "{text}"
    );
    assert!(text.contains("lost: the cable is cut"), "{text}");
    let lost = ["trace", "step2", "--delay", "25ms", "--lose", "server data 1"];
    let text = stdout(&lab(&lost)?);
    for expected in ["lost: \"server data 1\"", "sent again", "cwnd"] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    Ok(())
}

/// Of the lost segment the client's end knows nothing, and of its copy not that it is one.
fn each_end_of_a_wire_shows_what_it_knows() -> Result<()> {
    let shown = |host| lab(&["show", "wire-lost-segment", "--vantage", host]);
    let (client, server) = (stdout(&shown("client")?), stdout(&shown("server")?));
    assert!(
        !client.contains("again") && server.contains("again"),
        "{client}\n{server}"
    );
    assert!(
        !client.contains("lost:") && !server.contains("lost:"),
        "{client}\n{server}"
    );
    Ok(())
}

fn a_wire_may_be_read_from_a_file() -> Result<()> {
    let path = std::env::temp_dir().join(format!("lab-wire-{}", std::process::id()));
    std::fs::write(&path, "delay 1ms # far away\nlose client syn\n")?;
    let name = path.to_string_lossy().into_owned();
    let output = lab(&["trace", "--format", "json", "--wire", &name, "step2"])?;
    let value = read_json(&output.stdout, "Timeline")?;
    let packets = value["events"].as_array().context("no events")?;
    let first = packets
        .iter()
        .find(|event| event["kind"] == "packet")
        .context("no packet")?;
    assert_eq!(first["passage"]["what"], "lost: \"client syn\"");
    assert_eq!(first["passage"]["arrivals"], Value::Array(vec![]));
    std::fs::write(&path, "delay 1ms\nlose clint syn\n")?;
    let complaint = complaint(&lab(&["trace", "--wire", &name, "step2"])?)?;
    std::fs::remove_file(&path)?;
    assert!(
        complaint.contains("line 2") && complaint.contains("\"clint\""),
        "{complaint}"
    );
    Ok(())
}

fn a_shell_on_either_host() -> Result<()> {
    for (host, server_is_there) in [("client", false), ("server", true)] {
        let mut shell = Command::new(built("lab"));
        let mut shell = shell.args(["shell", "--host", host, "step3"]).env("SHELL", "/bin/sh");
        shell = shell
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null());
        let mut running = shell.spawn()?;
        let script = "cat /proc/self/net/tcp\nexec bash -c 'exec 3<>/dev/tcp/10.0.0.2/3000; echo 1 >&3; read x <&3'\n";
        std::io::Write::write_all(&mut running.stdin.take().context("no stdin")?, script.as_bytes())?;
        let text = stdout(&running.wait_with_output()?);
        // 10.0.0.2:3000 in state LISTEN.
        assert_eq!(
            text.contains("0200000A:0BB8 00000000:0000 0A"),
            server_is_there,
            "{text}"
        );
        // Nothing crosses the wire between a host and itself.
        assert_eq!(
            text.contains("stalls                unknown: no packet of it was captured"),
            server_is_there,
            "{text}"
        );
    }
    Ok(())
}

fn wrong_words_get_an_answer_that_helps() -> Result<()> {
    let cases: &[(&[&str], &str)] = &[
        (&["trace", "step99"], "step2  (step2-one-write)"),
        (&["show", "no-such-file"], "neither a step nor a capture"),
        (
            &["show", "captures/no-such-file"],
            "there is no file captures/no-such-file",
        ),
        (&["trace", "--send", "", "step1"], "an empty line is"),
        (&["trace", "--timeout", "0", "step1"], "number of seconds"),
        (&["show", "step1", "-o", "no-folder/a"], "there is no folder no-folder"),
        (&["show", "Cargo.toml"], "Cargo.toml"),
        (&["diff", "step1", "stepp2"], "there is no step \"stepp2\""),
        (&["trace"], "required"),
        (&["trace", "--send", r"\q", "step1"], r"\n \r \t"),
        (&["trace", "--", "no-such-program"], "on the PATH"),
        (
            &["trace", "--", "/bin/true"],
            "ended (exit status 0) before it listened",
        ),
        (
            &["trace", "--timeout", "1", "--port", "4", "step1"],
            "does not listen on port 4, but on 3000",
        ),
        (&["check", "--deny", "x", "step1"], "close-wait-leak"),
        (&["trace", "--lose", "servr data 2", "step1"], "client or server"),
        (&["trace", "--delay", "25", "step1"], "25ms"),
        (&["trace", "--queue", "5", "step1"], "rate"),
        (&["trace", "--vantage", "cleint", "step1"], "client"),
    ];
    harness::testing::at_once(cases, |(arguments, expected)| {
        let complaint = complaint(&lab(arguments)?)?;
        assert!(complaint.contains(expected), "{arguments:?} gave\n{complaint}");
        Ok(())
    })
}

/// `lab show step1 | head -1`
fn a_reader_that_leaves_is_no_error() -> Result<()> {
    let script = r#""$0" show step1 2>&1 | head -n 1"#;
    let output = Command::new("sh").args(["-c", script, built("lab")]).output()?;
    assert_eq!(stdout(&output).lines().count(), 1, "{output:?}");
    Ok(())
}

/// What the doctor says and its exit status are one: 1 if it finds something lacking.
fn doctor_tells_by_its_status() -> Result<()> {
    let text = lab(&["doctor"])?;
    assert!(stdout(&text).contains("\nlevel "), "{text:?}");
    let line = lab(&["doctor", "--format", "json"])?;
    assert_eq!(stdout(&line).lines().count(), 1, "{line:?}");
    let value = read_json(&line.stdout, "Doctor")?;
    let ready = value["lacking"].as_array().context("no list")?.is_empty();
    assert_eq!(line.status.code(), Some(if ready { 0 } else { 1 }), "{line:?}");
    Ok(())
}

/// A room without `nc` is not ready.
fn doctor_finds_what_is_lacking() -> Result<()> {
    let mut lab = Command::new(built("lab"));
    let output = lab.arg("doctor").env("PATH", "/none").output()?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(stdout(&output).contains("netcat-openbsd"), "{output:?}");
    Ok(())
}

/// Nor is one in which nothing was downloaded: the first check would have nothing to build with.
fn doctor_tries_what_a_check_does() -> Result<()> {
    let home = Folder::new("no-crates")?;
    let mut lab = Command::new(built("lab"));
    let output = lab
        .args(["doctor", "--format", "json"])
        .env("CARGO_HOME", &home.0)
        .output()?;
    let value = read_json(&output.stdout, "Doctor")?;
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(value["has"]["builds offline"], false, "{output:?}");
    Ok(())
}

/// A folder that goes with the test, outside of any checkout.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Folder> {
        let folder = std::env::temp_dir().join(format!("lab-test-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder)?;
        Ok(Folder(folder.canonicalize()?))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is in the folder for what goes by itself.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Copies a file or a folder, in a process of its own: while we hold a program open to write it, no thread of
/// ours could start it.
fn copy(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
    let mut command = Command::new("cp");
    let status = command.arg("-a").arg(from.as_ref()).arg(to.as_ref()).status()?;
    anyhow::ensure!(status.success(), "cannot copy {}", from.as_ref().display());
    Ok(())
}

/// What a program says of step 1, from a folder.
fn findings(program: &Path, folder: &Path) -> Result<String> {
    let mut lab = Command::new(program);
    let output = lab
        .args(["check", "step1"])
        .current_dir(folder)
        .env("CARGO", "/none")
        .output()?;
    Ok(stdout(&output) + &String::from_utf8_lossy(&output.stderr))
}

/// A tree that has what tells a checkout, and whose step 1 is really step 3: then it can be told whose step
/// was traced.
fn built_tree(tree: &Path) -> Result<()> {
    for folder in [
        "crates/harness",
        "crates/lab",
        "crates/step1-two-writes",
        "captures",
        "target/debug",
    ] {
        fs::create_dir_all(tree.join(folder))?;
    }
    for file in ["Cargo.toml", "crates/harness/Cargo.toml", "crates/lab/Cargo.toml"] {
        fs::write(tree.join(file), "")?;
    }
    let lesson = Path::new("crates/step1-two-writes").join(course::lesson::FILE);
    copy(checkout::find()?.join(&lesson), tree.join(lesson))?;
    copy(built("lab"), tree.join("target/debug/lab"))?;
    copy(steps::find("step3")?.build()?, tree.join("target/debug/step1"))
}

fn a_tree_that_was_copied_and_moved_traces_its_own_steps() -> Result<()> {
    let folder = Folder::new("tree")?;
    let (copied, moved) = (folder.0.join("copied"), folder.0.join("moved"));
    built_tree(&copied)?;
    let traces_its_own = |tree: &Path| -> Result<()> {
        for from in [tree, &tree.join("crates/lab"), Path::new("/")] {
            let found = findings(&tree.join("target/debug/lab"), from)?;
            assert!(found.starts_with("no findings"), "from {}: {found}", from.display());
        }
        Ok(())
    };
    traces_its_own(&copied)?;
    fs::rename(&copied, &moved)?;
    traces_its_own(&moved)
}

/// The checkout that somebody stands in comes before the one that the program comes from.
fn a_program_from_elsewhere_works_on_the_checkout_around_us() -> Result<()> {
    steps::find("step1")?.build()?;
    let folder = Folder::new("elsewhere")?;
    let tree = folder.0.join("tree");
    built_tree(&tree)?;
    let found = findings(&tree.join("target/debug/lab"), &checkout::find()?)?;
    assert!(found.contains("warning[split-reply]"), "{found}");
    Ok(())
}

fn an_installed_program_says_what_it_needs() -> Result<()> {
    let folder = Folder::new("installed")?;
    let program = folder.0.join("lab");
    copy(built("lab"), &program)?;
    let run = |arguments: &[&str]| Command::new(&program).args(arguments).current_dir(&folder.0).output();
    for arguments in [
        &["trace", "step1"][..],
        &["show", "step1"],
        &["diff", "step1", "step2"],
        &["steps"],
    ] {
        let complaint = complaint(&run(arguments)?)?;
        assert!(complaint.contains("git clone"), "{arguments:?} gave\n{complaint}");
    }
    for arguments in [&["explain", "split-reply"][..], &["completions", "zsh"], &["man"]] {
        let told = run(arguments)?;
        assert!(
            told.status.success() && told.stderr.is_empty(),
            "{arguments:?}: {told:?}"
        );
    }
    assert!(stdout(&run(&["doctor"])?).contains("\nlevel "));
    // A server and a capture of one's own need no checkout.
    let server = steps::find("step3")?.build()?;
    let server = server.to_str().context("no text")?;
    let traced = run(&["trace", "--pcapng", "own.pcapng", "--", server, "127.0.0.1:3000"])?;
    assert!(stdout(&traced).contains("no findings"), "{traced:?}");
    let shown = run(&["show", "own.pcapng"])?;
    assert!(stdout(&shown).contains("clean: the client closed first"), "{shown:?}");
    Ok(())
}

/// Needs bash: it reads the script, and completes a word as it does for a user who types it.
fn bash_completes_the_words_of_lab() -> Result<()> {
    let script = r#"set -e; source <("$0" completions bash); COMP_WORDS=(lab "$@" --for); COMP_CWORD=$#+1
        _lab lab --for "${@: -1}"; echo "${COMPREPLY[@]}""#;
    for command in ["trace", "show", "doctor"] {
        let bash = Command::new("bash")
            .args(["-c", script])
            .arg(built("lab"))
            .arg(command)
            .output()?;
        assert_eq!(stdout(&bash), "--format\n", "{command}: {bash:?}");
    }
    Ok(())
}

fn every_shell_has_its_script() -> Result<()> {
    for (shell, part) in [
        ("bash", "complete -F _lab"),
        ("elvish", "set edit:completion:arg-completer[lab]"),
        ("fish", "complete -c lab"),
        ("powershell", "Register-ArgumentCompleter"),
        ("zsh", "#compdef lab"),
    ] {
        let script = Command::new(built("lab")).args(["completions", shell]).output()?;
        assert!(stdout(&script).contains(part), "{shell}: {script:?}");
    }
    Ok(())
}

/// A page for each command that `lab help` lists, in one stream and in a folder of their own.
fn every_command_has_a_manual_page() -> Result<()> {
    let lab = |arguments: &[&str]| Command::new(built("lab")).args(arguments).output();
    let roff = stdout(&lab(&["man"])?);
    let folder = Folder::new("man")?;
    let written = lab(&["man", "--folder", folder.0.to_str().context("no text")?])?;
    assert!(written.status.success(), "{written:?}");
    let help = stdout(&lab(&["help"])?);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // What a command is for may take more than one line.
    let named = listed.filter(|line| !line.starts_with("   "));
    let names: Vec<&str> = named.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"trace") && names.contains(&"man"), "{help}");
    for name in names.into_iter().filter(|name| *name != "help") {
        assert!(
            roff.contains(&format!("\n.TH lab-{name} 1  \"lab ")),
            "{name} is missing in\n{roff}"
        );
        let page = fs::read_to_string(folder.0.join(format!("lab-{name}.1")))?;
        assert!(
            page.contains("\n.SH SYNOPSIS\n") && page.contains("\n.SH DESCRIPTION\n"),
            "{page}"
        );
    }
    let missing = complaint(&lab(&["man", "--folder", "/none"])?)?;
    assert!(missing.contains("/none"), "{missing}");
    Ok(())
}

/// groff warns of what it does not understand.
fn groff_renders_the_manual_pages() -> Result<()> {
    // The last option has no letter bold or underlined.
    let script = r#""$0" man | groff -man -Tutf8 -ww -P-cbou"#;
    let rendered = Command::new("sh").args(["-c", script, built("lab")]).output()?;
    let text = stdout(&rendered);
    assert!(rendered.status.success() && rendered.stderr.is_empty(), "{rendered:?}");
    // groff widens the spaces of a line until it is full.
    let words = |line: &str| line.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    for line in ["NAME", "lab-trace -", "--pcapng <FILE>", "lab-learn-check -"] {
        assert!(
            text.lines().any(|drawn| words(drawn) == line),
            "{line} is missing in\n{text}"
        );
    }
    Ok(())
}

/// The whole of it: a copy whose sources are others than ours builds and traces those.
fn a_copied_tree_builds_its_own_steps() -> Result<()> {
    let folder = Folder::new("built")?;
    let (ours, tree) = (checkout::find()?, folder.0.join("tree"));
    fs::create_dir(&tree)?;
    for part in ["Cargo.toml", "Cargo.lock", "crates", "captures"] {
        copy(ours.join(part), tree.join(part))?;
    }
    fs::create_dir_all(tree.join("target/debug"))?;
    let lesson = Path::new("crates/step1-two-writes").join(course::lesson::FILE);
    copy(checkout::find()?.join(&lesson), tree.join(lesson))?;
    copy(built("lab"), tree.join("target/debug/lab"))?;
    let source = |step: &str| tree.join("crates").join(step).join("src/main.rs");
    fs::copy(source("step3-clean-close"), source("step1-two-writes"))?;
    let run = || {
        let mut lab = Command::new(tree.join("target/debug/lab"));
        lab.args(["check", "step1"]).current_dir("/").output()
    };
    let first = run()?;
    assert!(stdout(&first).starts_with("no findings"), "{first:?}");
    let said = String::from_utf8_lossy(&first.stderr).into_owned();
    assert!(
        said.contains("Compiling step1-two-writes"),
        "it says what it builds: {said}"
    );
    let second = run()?;
    assert!(stdout(&second).starts_with("no findings"), "{second:?}");
    assert!(
        second.stderr.is_empty(),
        "nothing is built, so nothing is said: {second:?}"
    );
    Ok(())
}

const BUILDS: Needs = Request("builds a copy of the project: run with --ignored");

/// A server at a loopback address is reached from the client's host, across the wire, as the clients of a trace reach it.
fn a_shell_reaches_a_server_on_loopback_behind_a_wire() -> Result<()> {
    let mut shell = Command::new(built("lab"));
    shell.args([
        "shell",
        "--host",
        "client",
        "--",
        built("wrong-server"),
        "echo",
        "127.0.0.1:3000",
    ]);
    shell
        .env("SHELL", "/bin/bash")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut shell = shell.stderr(Stdio::piped()).spawn()?;
    let typed = "exec 3<>/dev/tcp/127.0.0.1/3000; echo hi >&3; read -r line <&3; echo \"got $line\"\n";
    shell.stdin.take().context("no input")?.write_all(typed.as_bytes())?;
    let output = shell.wait_with_output()?;
    assert!(stdout(&output).contains("got hi"), "{output:?}");
    Ok(())
}

harness::tests! {
    a_shell_reaches_a_server_on_loopback_behind_a_wire needs [Wire, Program("bash")];
    two_hosts_and_a_wire needs [Wire];
    a_wire_may_be_read_from_a_file needs [Wire];
    wrong_words_get_an_answer_that_helps needs [Sandbox];
    a_client_program_that_does_not_end_is_killed needs [Calls];
    a_tree_that_was_copied_and_moved_traces_its_own_steps needs [Packets];
    a_program_from_elsewhere_works_on_the_checkout_around_us needs [Packets];
    an_installed_program_says_what_it_needs needs [Packets];
    bash_completes_the_words_of_lab needs [Program("bash")];
    every_shell_has_its_script needs [];
    every_command_has_a_manual_page needs [];
    groff_renders_the_manual_pages needs [Program("groff")];
    a_copied_tree_builds_its_own_steps needs [BUILDS, Packets, Program("cargo")];
    trace_shows_the_leak_and_says_why needs [Packets];
    trace_writes_json_of_the_documented_shape needs [Sandbox];
    show_writes_lines_of_the_documented_shape needs [];
    a_run_that_is_too_long_to_keep_goes_to_the_file needs [Packets];
    trace_writes_files needs [Packets];
    check_tells_by_its_status needs [Packets];
    check_writes_annotations needs [Packets];
    a_client_program_takes_the_place_of_ours needs [Sandbox, Program("bash")];
    an_interrupted_client_leaves_its_timeline needs [Sandbox, Program("bash")];
    another_language needs [Sandbox, Program("python3")];
    a_shell_inside needs [Sandbox];
    lines_are_no_longer_than_a_terminal_is_wide needs [Sandbox];
    #[cfg(target_os = "linux")]
    ctrl_c_ends_a_watched_run_and_keeps_it needs [Packets];
    #[cfg(target_os = "linux")]
    ctrl_c_in_the_talk_of_a_watched_run_keeps_it needs [Packets];
    a_watched_run_is_kept needs [Sandbox];
    a_watched_run_heeds_how_clients_talk needs [Sandbox];
    each_end_of_a_wire_shows_what_it_knows needs [];
    a_shell_on_either_host needs [Wire, Program("bash")];
    a_reader_that_leaves_is_no_error needs [];
    doctor_tells_by_its_status needs [];
    doctor_finds_what_is_lacking needs [];
    doctor_tries_what_a_check_does needs [];
}
