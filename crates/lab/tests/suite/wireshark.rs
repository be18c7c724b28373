//! Calls between packets, as tshark and Wireshark list them.

use std::fs;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use course::{capture, steps};
use harness::format::pcapng::{self, Encoder};
use harness::testing::Needs::{Calls, Program, Request, Sandbox};
use harness::timeline::{CallKind, Level, Record, Timeline, What};
use harness::{LISTEN, Server};
use lab::capture_file::write;
use lab::wireshark::{Wireshark, type_lines};

fn start(step: &str) -> Result<Server> {
    Ok(Server::build(steps::find(step)?.build()?).arg(LISTEN).start()?)
}

fn typical(step: &str) -> Result<Timeline> {
    capture::typical(&steps::find(step)?)
}

fn with_calls(timeline: &Timeline, name: &str) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    pcapng::write(timeline, name, &mut file)?;
    Ok(file)
}

pub fn packets_alone(timeline: &Timeline) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, "", Level::Capture)?;
    for (index, packet) in timeline.only().packets() {
        let at = timeline[index].at;
        encoder.packet(at, packet.link_type, &packet.frame, packet.wire_len, None)?;
    }
    encoder.finish()?;
    Ok(file)
}

/// tshark as it is without anybody's settings.
fn plain_tshark() -> Command {
    let mut command = Command::new("tshark");
    command.env(
        "WIRESHARK_CONFIG_DIR",
        std::env::temp_dir().join("no-wireshark-settings"),
    );
    command
}

/// What tshark says of a file, line by line. It must not complain of anything.
fn tshark(file: &[u8], arguments: &[&str]) -> Result<Vec<String>> {
    let mut child = plain_tshark()
        .args(["-n", "-r", "-", "-o", "tcp.ignore_tcp_timestamps:TRUE"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start tshark")?;
    child.stdin.take().context("no standard input")?.write_all(file)?;
    let output = child.wait_with_output()?;
    let complaints = String::from_utf8(output.stderr)?;
    let complaints: Vec<&str> = complaints
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("Running as user"))
        .collect();
    ensure!(output.status.success() && complaints.is_empty(), "{complaints:?}");
    Ok(String::from_utf8(output.stdout)?.lines().map(str::to_owned).collect())
}

/// The Info column, without the window, which is the kernel's affair.
fn info(file: &[u8]) -> Result<Vec<String>> {
    let lines = tshark(file, &["-T", "fields", "-e", "_ws.col.Info"])?;
    let without_window = |line: String| {
        let words = line.split(' ').filter(|word| !word.starts_with("Win="));
        words.collect::<Vec<_>>().join(" ")
    };
    Ok(lines.into_iter().map(without_window).collect())
}

fn each_write_stands_before_its_packet() -> Result<()> {
    let listed = info(&with_calls(&typical("step1")?, "step1")?)?;
    let first = r#"step1: recvfrom(7, "1\n", 8192) = 2"#;
    let first = listed.iter().position(|line| line == first).context("no read")?;
    assert_eq!(
        listed[first + 1..first + 7],
        [
            r#"step1: sendto(7, "1", 1) = 1"#,
            "3000 → 57464 [PSH, ACK] Seq=1 Ack=3 Len=1",
            "57464 → 3000 [ACK] Seq=3 Ack=2 Len=0",
            r#"step1: sendto(7, "\n", 1) = 1"#,
            "3000 → 57464 [PSH, ACK] Seq=2 Ack=3 Len=1",
            "57464 → 3000 [ACK] Seq=3 Ack=3 Len=0",
        ]
    );
    let fin = listed.iter().position(|line| line.contains("[FIN, ACK]"));
    assert_eq!(listed[fin.context("no FIN")? + 1], "step1: socket CLOSE_WAIT");
    Ok(())
}

fn the_newline_of_the_stall_was_written_before_the_ack_that_it_waits_for() -> Result<()> {
    let file = with_calls(&typical("step1")?, "step1")?;
    let held = [
        "-Y",
        "frame.comment contains \"held: \"",
        "-T",
        "fields",
        "-e",
        "frame.number",
    ];
    let [held] = tshark(&file, &held)?
        .try_into()
        .map_err(|lines| anyhow::anyhow!("{lines:?}"))?;
    let held: usize = held.parse()?;
    let listed = info(&file)?;
    // Frame numbers count from 1, and calls have numbers too.
    assert_eq!(listed[held - 2], "57464 → 3000 [ACK] Seq=5 Ack=4 Len=0");
    assert_eq!(listed[held - 1], "3000 → 57464 [PSH, ACK] Seq=4 Ack=5 Len=1");
    let comment = [
        "-Y",
        "frame.comment contains \"held: \"",
        "-T",
        "fields",
        "-e",
        "frame.comment",
    ];
    let comment = tshark(&file, &comment)?.join("");
    let released_by = format!("until frame {}", held - 1);
    assert!(comment.contains(&released_by), "{released_by} is not in {comment}");
    let written = listed[..held].iter().rposition(|line| line.contains("sendto"));
    assert!(written.is_some_and(|written| written < held - 2), "{listed:#?}");
    Ok(())
}

fn what_tshark_knows_of_the_packets_is_the_same_without_the_calls() -> Result<()> {
    let fields = [
        "frame.time_epoch",
        "tcp.stream",
        "tcp.flags",
        "tcp.seq",
        "tcp.ack",
        "tcp.len",
        "tcp.window_size",
        "tcp.analysis.flags",
        "tcp.analysis.ack_rtt",
        "tcp.analysis.initial_rtt",
        "tcp.analysis.bytes_in_flight",
        "tcp.time_delta",
        "tcp.payload",
    ];
    let fields: Vec<&str> = fields.iter().flat_map(|field| ["-e", field]).collect();
    for step in ["step1", "step2", "step3"] {
        let timeline = typical(step)?;
        let packets = packets_alone(&timeline)?;
        let file = with_calls(&timeline, step)?;
        let alone = tshark(&packets, &[&["-T", "fields"], &fields[..]].concat())?;
        assert_eq!(alone.len(), timeline.only().packets().count());
        for filter in ["tcp", "frame.interface_id == 0", "!exported_pdu"] {
            let among_calls = tshark(&file, &[&["-Y", filter, "-T", "fields"], &fields[..]].concat())?;
            assert_eq!(among_calls, alone, "{step}, {filter}");
        }
        let commented = tshark(&file, &["-Y", "frame.comment"])?;
        assert_eq!(commented.len(), alone.len(), "{step}: each packet has its comment");
    }
    Ok(())
}

fn nothing_is_malformed_and_every_entry_names_its_connection() -> Result<()> {
    for step in ["step1", "step2", "step3"] {
        let timeline = typical(step)?;
        let file = with_calls(&timeline, step)?;
        let bad = "_ws.malformed || _ws.short || _ws.expert.severity == error || _ws.expert.severity == warning";
        assert_eq!(tshark(&file, &["-Y", bad])?, [""; 0], "{step}");
        let entry = [
            "-T",
            "fields",
            "-e",
            "exported_pdu.src_port",
            "-e",
            "exported_pdu.dst_port",
            "-e",
            "syslog.msg",
        ];
        let entries = tshark(
            &file,
            &[&["-Y", "frame.interface_name == \"calls\""], &entry[..]].concat(),
        )?;
        let begins = [
            format!("3000\t57464\t{step}: "),
            "57464\t3000\tclient: socket ".to_owned(),
        ];
        for entry in &entries {
            let of_connection = begins.iter().any(|begin| entry.starts_with(begin));
            assert!(
                of_connection || entry.starts_with(&format!("\t\t{step}: listen(")),
                "{entry}"
            );
        }
        assert!(!entries.is_empty());
    }
    Ok(())
}

/// A live capture in tshark, as `wireshark -k -i -` takes it: through dumpcap, while it is made.
fn tshark_shows_a_live_capture_while_the_server_runs() -> Result<()> {
    let mut tshark = plain_tshark()
        .args(["-n", "-l", "-i", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start tshark")?;
    let pipe = tshark.stdin.take().context("no standard input")?;
    let shown = lines_of(tshark.stdout.take().context("no standard output")?);
    let server = start("step1")?;
    let (records, level) = (server.follow(), server.level());
    let writer = std::thread::spawn(move || write(records, pipe, "step1", level)?.finish());
    let mut client = server.connect()?;
    for line in ["1\n", "2\n"] {
        client.exchange(line)?;
        wait_for_line(&shown, &format!("sendto(7, \"{}\", 1) = 1", line.trim_end()))?;
    }
    client.close();
    server.stop()?;
    writer.join().expect("the writer does not panic")?;
    wait_for_line(&shown, "[FIN, ACK]")?;
    // To the end, or tshark would fail for want of a reader.
    shown.iter().for_each(drop);
    assert!(tshark.wait()?.success());
    Ok(())
}

/// The lines of a program's output, when they come.
fn lines_of(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        lines.try_for_each(|line| sender.send(line))
    });
    lines
}

fn wait_for_line(lines: &Receiver<String>, part: &str) -> Result<()> {
    let limit = Instant::now() + LIMIT;
    loop {
        let left = limit.saturating_duration_since(Instant::now());
        let line = lines
            .recv_timeout(left)
            .with_context(|| format!("{part} is not shown"))?;
        if line.contains(part) {
            return Ok(());
        }
    }
}

fn records_come_while_the_server_runs() -> Result<()> {
    let server = start("step1")?;
    let mut records = server.follow();
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    let is_last_write = |record: &Record| match &record.what {
        What::Call { call, .. } => call.kind == CallKind::Write && call.bytes[..] == *b"\n",
        _ => false,
    };
    let mut seen = Vec::new();
    for record in records.by_ref() {
        seen.push(record);
        if seen.last().is_some_and(is_last_write) {
            break;
        }
    }
    client.close();
    let timeline = server.stop()?;
    seen.extend(records);
    assert_eq!(seen.len(), timeline.events.len(), "{timeline}");
    Ok(())
}

fn who_follows_late_has_all_of_it() -> Result<()> {
    let server = start("step3")?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.close();
    server.settle();
    let records = server.follow();
    let unread = server.follow();
    let timeline = server.stop()?;
    assert_eq!(records.count(), timeline.events.len(), "{timeline}");
    drop(unread);
    Ok(())
}

/// Stands in for Wireshark: a shell script in a folder of its own.
struct Fake(PathBuf);

impl Fake {
    fn new(name: &str, script: &str) -> Result<Fake> {
        let folder = std::env::temp_dir().join(format!("fake-wireshark-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        let fake = Fake(folder);
        // Written by a child: a process that another test forks meanwhile would keep the file open
        // for writing, and it could not be executed (ETXTBSY, execve(2)).
        let text = format!("#!/bin/sh\ncd '{}'\n{script}\n", fake.0.display());
        let write = r#"printf '%s' "$1" >"$0" && chmod 755 "$0""#;
        let written = Command::new("sh")
            .arg("-c")
            .arg(write)
            .arg(fake.path("wireshark"))
            .arg(text)
            .status()?;
        ensure!(written.success(), "cannot write the script");
        Ok(fake)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn wireshark(&self) -> Wireshark {
        Wireshark::at(self.path("wireshark"), self.path("settings"))
    }

    fn read(&self, name: &str) -> Result<String> {
        Ok(fs::read_to_string(self.path(name))?)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // What is left is a few files in the folder for such files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Keeps what it is given and closes when somebody writes to `close`.
const WINDOW: &str = r#"printf '%s\n' "$@" >arguments
printf '%s' "$WIRESHARK_CONFIG_DIR" >folder
exec 3<&0
cat <&3 >capture &
read -r line <close
kill $!"#;

fn close(window: &Path) -> Result<()> {
    Ok(fs::write(window, "\n")?)
}

fn a_window_shows_the_run_and_ends_it() -> Result<()> {
    let fake = Fake::new("window", WINDOW)?;
    ensure!(Command::new("mkfifo").arg(fake.path("close")).status()?.success());
    let (capture, window) = (fake.path("capture"), fake.path("close"));
    fake.wireshark().watch(start("step1")?, "step1", move |server| {
        let mut replies = Vec::new();
        type_lines(server, server.address(), Cursor::new("1\n2\n"), &mut replies)?;
        assert_eq!(replies, b"1\n2\n");
        // It comes while the server runs, so the window has it before it is closed.
        let shown = wait_for(&capture, b"step1: socket CLOSE_WAIT");
        close(&window)?;
        shown
    })?;
    let shown = pcapng::read(&fs::read(fake.path("capture"))?[..])?.into_timeline();
    assert_eq!(shown.packets_per_exchange()[0], 6);
    let arguments = fake.read("arguments")?;
    assert!(arguments.ends_with("-k\n-i\n-\n"), "{arguments}");
    assert!(
        arguments.contains("-o\ngui.column.format:\"No.\",\"%m\""),
        "{arguments}"
    );
    assert_eq!(fake.read("folder")?, fake.path("settings").display().to_string());
    assert!(fake.read("settings/colorfilters")?.contains("@Call@exported_pdu@["));
    Ok(())
}

/// What is shown at all is shown within this time.
const LIMIT: Duration = Duration::from_secs(20);

/// Waits until a file holds something. Nothing tells when: look, and look again.
fn wait_for(file: &Path, part: &[u8]) -> Result<()> {
    let limit = Instant::now() + LIMIT;
    loop {
        let bytes = fs::read(file).unwrap_or_default();
        if bytes.windows(part.len()).any(|window| window == part) {
            return Ok(());
        }
        ensure!(Instant::now() < limit, "{} is not shown", String::from_utf8_lossy(part));
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn a_window_on_a_file_shows_the_comments() -> Result<()> {
    let fake = Fake::new("file", "printf '%s\\n' \"$@\" >arguments")?;
    let file = steps::find("step1")?.capture();
    fake.wireshark().open(&file)?;
    let arguments = fake.read("arguments")?;
    let path = file.canonicalize()?;
    assert!(arguments.ends_with(&format!("-r\n{}\n", path.display())), "{arguments}");
    assert!(arguments.contains("frame.comment"), "{arguments}");
    Ok(())
}

fn what_wireshark_remembers_is_kept() -> Result<()> {
    let fake = Fake::new("remembers", "true")?;
    let file = steps::find("step1")?.capture();
    fake.wireshark().open(&file)?;
    assert!(fake.read("settings/recent")?.contains("gui.time_precision: USEC"));
    fs::write(fake.path("settings/recent"), "gui.time_precision: AUTO\n")?;
    fake.wireshark().open(&file)?;
    assert_eq!(fake.read("settings/recent")?, "gui.time_precision: AUTO\n");
    Ok(())
}

fn a_wireshark_that_fails_is_quoted() -> Result<()> {
    let fake = Fake::new("fails", "echo 'could not connect to display' >&2; exit 3")?;
    let error = fake
        .wireshark()
        .watch(start("step1")?, "step1", |_| Ok(()))
        .expect_err("it fails");
    let error = format!("{error:#}");
    assert!(error.contains("exit status: 3"), "{error}");
    assert!(error.contains("could not connect to display"), "{error}");
    let missing = Wireshark::at(fake.path("missing"), fake.path("settings"));
    let error = missing
        .open(&steps::find("step1")?.capture())
        .expect_err("it is missing");
    let error = format!("{error:#}");
    assert!(error.starts_with("cannot start"), "{error}");
    Ok(())
}

const ORACLE: harness::testing::Needs = Request("compares with tshark: run with --ignored");

harness::tests! {
    each_write_stands_before_its_packet needs [Sandbox, Program("tshark"), ORACLE];
    the_newline_of_the_stall_was_written_before_the_ack_that_it_waits_for needs [Sandbox, Program("tshark"), ORACLE];
    what_tshark_knows_of_the_packets_is_the_same_without_the_calls needs [Sandbox, Program("tshark"), ORACLE];
    nothing_is_malformed_and_every_entry_names_its_connection needs [Sandbox, Program("tshark"), ORACLE];
    tshark_shows_a_live_capture_while_the_server_runs needs [Sandbox, Program("tshark"), ORACLE];
    records_come_while_the_server_runs needs [Sandbox];
    who_follows_late_has_all_of_it needs [Sandbox];
    a_window_shows_the_run_and_ends_it needs [Sandbox];
    a_window_on_a_file_shows_the_comments needs [];
    what_wireshark_remembers_is_kept needs [];
    a_wireshark_that_fails_is_quoted needs [Calls];
}
