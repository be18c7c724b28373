//! What `lab show` draws: parts, pictures, a row for each key; and what `lab explain` says.

use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::{Context, Result, ensure};
use course::{checkout, steps};
use harness::testing::Needs::Program;
use harness::testing::built;

fn lab(arguments: &[&str]) -> Result<Output> {
    let output = Command::new(built("lab")).args(arguments).output();
    output.context("cannot start lab")
}

fn told(arguments: &[&str]) -> Result<String> {
    let output = lab(arguments)?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?)
}

fn complaint(arguments: &[&str]) -> Result<String> {
    let output = lab(arguments)?;
    ensure!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    Ok(String::from_utf8(output.stderr)?)
}

/// The numbers of the frames whose rows are drawn.
fn frames(lanes: &str) -> Vec<usize> {
    let rows = lanes.lines().take_while(|line| !line.is_empty());
    let second = |line: &str| line.split_whitespace().nth(1)?.parse().ok();
    rows.filter_map(second).collect()
}

/// A capture of raw IP: one connection after the other to port 80, each of six packets. That of this number is reset.
fn long_capture(connections: u16, reset: u16) -> Vec<u8> {
    let [fin, syn, rst, acks] = [1_u8, 2, 4, 16];
    let mut file = Vec::new();
    for word in [0xa1b2_3c4d, 0x0004_0002, 0, 0, 0x4_0000, 101_u32] {
        file.extend(word.to_le_bytes());
    }
    for number in 0..connections {
        let end = if number == reset { rst } else { fin };
        let frames = [(true, 0, 0, syn), (false, 0, 1, syn | acks), (true, 1, 1, acks)];
        let ends = [(false, 1, 1, end | acks), (true, 1, 2, fin | acks), (false, 2, 2, acks)];
        let shown = if number == reset { 1 } else { 3 };
        for (place, (by_client, seq, ack, flags)) in frames.iter().chain(&ends[..shown]).enumerate() {
            let mut ports = [40_000_u16.wrapping_add(number), 80];
            let mut addresses = [[10, 1, (number >> 8) as u8, number as u8], [10, 0, 0, 1]];
            if !by_client {
                ports.reverse();
                addresses.reverse();
            }
            let mut packet = vec![0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0];
            packet.extend(addresses.concat());
            packet.extend(ports.map(u16::to_be_bytes).concat());
            packet.extend([1000_u32 + seq, 1000 + ack].map(u32::to_be_bytes).concat());
            packet.extend([0x50, *flags, 0xff, 0xff, 0, 0, 0, 0]);
            let length = packet.len() as u32;
            for word in [u32::from(number), place as u32 * 1000, length, length] {
                file.extend(word.to_le_bytes());
            }
            file.extend(packet);
        }
    }
    file
}

/// Of a capture that is too long to keep each connection is judged: what is odd comes first, wherever it is, and is drawn.
fn what_is_odd_in_a_long_capture_comes_first() -> Result<()> {
    let file = std::env::temp_dir().join(format!("lab-test-{}-many.pcap", std::process::id()));
    std::fs::write(&file, long_capture(2000, 1500))?;
    let path = file.to_str().context("the path is no text")?;
    let lanes = told(&["show", path, "--width", "120"])?;
    let first = lanes.lines().nth(1).unwrap_or_default();
    assert!(first.starts_with("1501 ") && first.contains("RST by server"), "{lanes}");
    let drawn: Vec<&str> = lanes.lines().filter(|line| line.starts_with("connection ")).collect();
    assert!(
        drawn[0].starts_with("connection 1501 of 2000: client 10.1.5.220:41500"),
        "{drawn:?}"
    );
    assert!(lanes.contains("these are the worst; 1940 more"), "{lanes}");
    // What is asked for comes from all of it, in each form, and from a pipe as from a file.
    for format in ["json", "jsonl", "markdown", "bytes", "html", "svg"] {
        let odd = told(&["show", path, "--odd", "--format", format])?;
        let other = told(&["show", path, "--filter", "10.1.0.7", "--format", format])?;
        let names = |text: &str| (text.contains("10.1.5.220:41500"), text.contains("10.1.0.7:40007"));
        assert_eq!((names(&odd), names(&other)), ((true, false), (false, true)), "{format}");
        // A page has the file's name without its ending, as a title.
        if format != "html" {
            let mut piped = Command::new(built("lab"));
            piped.args(["show", "-", "--odd", "--format", format]);
            let piped = piped.stdin(std::fs::File::open(path)?).output()?;
            assert_eq!(String::from_utf8(piped.stdout)?, odd.replace(path, "-"), "{format}");
        }
    }
    // A connection has its own findings. Which host is asked, packets alone do not tell.
    let found =
        |number: &str| Ok::<_, anyhow::Error>(told(&["show", path, "--connection", number])?.contains("found nothing"));
    assert!(found("7")?);
    assert!(complaint(&["show", path, "--vantage", "client"])?.contains("has packets alone"));
    let all: serde_json::Value = serde_json::from_str(&told(&["show", path, "--format", "json"])?)?;
    let counted = |list: &serde_json::Value| list.as_array().map(Vec::len);
    assert_eq!(
        (counted(&all["connections"]), counted(&all["events"])),
        (Some(2000), Some(11_998))
    );
    // What does not fit says so.
    std::fs::write(&file, long_capture(12_000, 1500))?;
    let bytes = told(&["show", path, "--format", "bytes"])?;
    let last = bytes.lines().last().unwrap_or_default();
    assert!(last.contains(" later events are not here"), "{last}");
    let page = told(&["show", path, "--format", "markdown"])?;
    let note = "these are the worst of the beginning that is here; ";
    assert!(page.contains(note), "{page}");
    // Nor does what is not followed, where it may be what was asked for.
    std::fs::write(&file, long_capture(16_400, 1500))?;
    let rest = "96 packets of still more connections were not looked at";
    for asked in [&["--connection", "16390"][..], &["--filter", "10.9.9.9"]] {
        let complaint = complaint(&[&["show", path], asked].concat())?;
        assert!(complaint.contains(rest), "{complaint}");
    }
    let odd = told(&["show", path, "--odd"])?;
    assert!(odd.replace('\n', " ").contains(rest), "{odd}");
    Ok(std::fs::remove_file(&file)?)
}

fn a_part_has_the_frames_asked_for() -> Result<()> {
    let lanes = told(&["show", "step1", "--from", "16", "--to", "23"])?;
    assert_eq!(frames(&lanes), (16..=23).collect::<Vec<_>>(), "{lanes}");
    // What made the first packet leave stands beside it.
    assert!(lanes.contains(" 16 send \"2\\n\" ├"), "{lanes}");
    assert_eq!(frames(&told(&["show", "step1", "--from", "26"])?), [26, 27, 28]);
    assert_eq!(frames(&told(&["show", "step1", "--to", "2"])?), [1, 2]);
    let table = told(&["show", "step1", "--to", "3", "--format", "markdown"])?;
    assert!(
        table.contains("- **Frame 3**") && !table.contains("- **Frame 4**"),
        "{table}"
    );
    let picture = told(&["show", "step1", "--from", "16", "--to", "23", "--format", "svg"])?;
    assert_eq!(picture.matches("class=\"arrow ").count(), 5, "{picture}");
    Ok(())
}

fn a_wrong_part_is_told_from_a_right_one() -> Result<()> {
    let beyond = complaint(&["show", "step1", "--from", "29"])?;
    assert!(
        beyond.contains("--from 29") && beyond.contains("frames 1 to 28"),
        "{beyond}"
    );
    let zero = complaint(&["show", "step1", "--to", "0"])?;
    assert!(zero.contains("frames 1 to 28"), "{zero}");
    let turned = complaint(&["show", "step1", "--from", "20", "--to", "3"])?;
    assert!(turned.contains("did you mean --from 3 --to 20"), "{turned}");
    let json = complaint(&["show", "step1", "--from", "2", "--format", "json"])?;
    assert!(json.contains("those of a whole capture"), "{json}");
    Ok(())
}

/// A picture goes to a file as everything else does, and has the colours that were asked for.
fn a_picture_is_written() -> Result<()> {
    let file = std::env::temp_dir().join(format!("lab-picture-{}.svg", std::process::id()));
    let path = file.to_str().context("a path that is no text")?;
    for (theme, scheme) in [(None, true), (Some("dark"), false)] {
        let mut arguments = vec!["show", "step1", "--format", "svg", "-o", path];
        arguments.extend(theme.into_iter().flat_map(|theme| ["--theme", theme]));
        assert_eq!(told(&arguments)?, "");
        let picture = std::fs::read_to_string(&file)?;
        assert!(picture.starts_with("<svg ") && picture.trim_end().ends_with("</svg>"));
        assert!(picture.contains("<title id=\"title\">step1: "), "{picture}");
        assert_eq!(picture.contains("prefers-color-scheme"), scheme);
    }
    std::fs::remove_file(&file)?;
    Ok(())
}

/// A terminal of util-linux' script(1). It takes the keys from us once it waits for them.
fn a_trace_is_walked_row_by_row() -> Result<()> {
    let walk = format!(
        "stty -g; {} show {} --step; stty -g",
        built("lab"),
        steps::find("step1")?.capture().display()
    );
    // However it fails, it ends.
    let mut running = Command::new("timeout")
        .args(["60", "script", "-qec", &walk, "/dev/null"])
        .current_dir(checkout::find()?)
        .env_remove("NO_COLOR")
        .env("TERM", "xterm-256color")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (mut keys, mut screen) = (
        running.stdin.take().context("no keys")?,
        running.stdout.take().context("no screen")?,
    );
    let mut seen = String::new();
    let mut until = |words: &str, seen: &mut String| -> Result<()> {
        let mut bytes = [0; 4096];
        while !seen.contains(words) {
            let count = screen.read(&mut bytes)?;
            ensure!(count > 0, "{words:?} does not come:\n{seen}");
            *seen += &String::from_utf8_lossy(&bytes[..count]);
        }
        Ok(())
    };
    until("q quit", &mut seen)?;
    keys.write_all(b"   ")?;
    until("frame 3: ", &mut seen)?;
    assert!(!seen.contains("frame 4: "), "{seen}");
    // Ctrl-C, which puts the terminal back.
    keys.write_all(b"\x03")?;
    let status = running.wait()?;
    until("\x1b[?1049l", &mut seen)?;
    let _ = screen.read_to_string(&mut seen);
    assert!(status.success(), "{status}: {seen}");
    let settings: Vec<&str> = seen
        .lines()
        .filter(|line| line.matches(':').count() > 10)
        .map(str::trim)
        .collect();
    let [before, after] = settings[..] else {
        anyhow::bail!("{settings:?} in\n{seen}")
    };
    assert!(before.ends_with(after) || after.ends_with(before), "{before}\n{after}");
    // What was shown stays.
    let left = seen.rsplit_once("\x1b[?1049l").context("no way back")?.1;
    assert!(
        left.contains("SYN,ACK seq 0 ack 1") && !left.contains("ACK seq 1 ack 1 ─"),
        "{left}"
    );
    Ok(())
}

fn a_walk_needs_a_terminal() -> Result<()> {
    let complaint = complaint(&["show", "step1", "--step"])?;
    assert!(complaint.contains("needs a terminal"), "{complaint}");
    Ok(())
}

/// Also where there is no checkout to find a page in.
fn a_finding_is_explained_anywhere() -> Result<()> {
    let output = Command::new(built("lab"))
        .args(["explain", "split-reply"])
        .current_dir("/")
        .output()?;
    let said = String::from_utf8(output.stdout)?;
    assert!(said.contains("Cure: put the whole reply into one write."), "{said}");
    let checked = told(&["show", "step1"])?;
    assert!(
        checked.contains(" explain split-reply\n") && checked.contains("  more: ") && !checked.contains("docs/"),
        "{checked}"
    );
    let complaint = complaint(&["explain", "stall"])?;
    assert!(complaint.contains("nagle-stall"), "{complaint}");
    Ok(())
}

/// A capture of frames of IP, in which each has a port, a kind of the header behind it, and that.
fn capture_of(name: &str, frames: &[(u16, u8, Vec<u8>)]) -> Result<PathBuf> {
    let mut file = Vec::new();
    // Version 2.4, microseconds, LINKTYPE_RAW.
    for number in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 0xffff, 101] {
        file.extend(number.to_le_bytes());
    }
    for ((port, protocol, rest), second) in frames.iter().zip(1_700_000_000_u32..) {
        let length = 22 + u16::try_from(rest.len())?;
        let mut frame = vec![0x45, 0];
        frame.extend(length.to_be_bytes());
        frame.extend([0, 0, 0x40, 0, 64, *protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend(port.to_be_bytes());
        frame.extend(rest);
        for number in [second, 0, length.into(), length.into()] {
            file.extend(number.to_le_bytes());
        }
        file.extend(frame);
    }
    let path = std::env::temp_dir().join(format!("lab-{name}-{}.pcap", std::process::id()));
    std::fs::write(&path, file)?;
    Ok(path)
}

/// The SYN of a client to port 80.
fn syn(port: u16) -> (u16, u8, Vec<u8>) {
    (port, 6, vec![0, 80, 0, 0, 0, 9, 0, 0, 0, 0, 0x50, 2, 1, 0, 0, 0, 0, 0])
}

/// Rules that have nothing to go by are not said to have judged; and where there is no TCP, nothing is judged.
fn what_was_judged_is_said() -> Result<()> {
    let judged = |name: &str, frames: &[(u16, u8, Vec<u8>)]| -> Result<String> {
        let path = capture_of(name, frames)?;
        let text = told(&["show", path.to_str().context("no text")?, "--width", "300"])?;
        std::fs::remove_file(path)?;
        Ok(text)
    };
    let none = judged("udp", &[(53, 17, vec![0, 53, 0, 8, 0, 0])])?;
    assert!(none.contains("no connection") && !none.contains("judged"), "{none}");
    let one = judged("syn", &[syn(4000)])?;
    let says = "2 rules judged the packets, and found nothing; 6 had nothing to go by (late-ack, closed-window, ";
    assert!(one.contains(says), "{one}");
    assert!(one.contains("; of 26 rules 18 need the calls"), "{one}");
    Ok(())
}

/// A table of frames ends with what the lanes end with; and a connection keeps its number wherever it is shown alone.
fn a_page_of_markdown_has_verdicts_and_numbers() -> Result<()> {
    let path = capture_of("numbers", &[syn(4000), syn(4001), syn(4002)])?;
    let capture = path.to_str().context("no text")?;
    let page = told(&["show", capture, "--format", "markdown"])?;
    let (_, below) = page.split_once("\n```text\n").context("no block")?;
    for said in [
        "connection 2 of 3: client 10.0.0.1:4001",
        "teardown  ",
        "longest wait",
        "rules judged the packets",
    ] {
        assert!(below.contains(said), "{said}: {page}");
    }
    assert!(below.ends_with("\n```\n") && !below.contains('╷'), "{page}");
    for by in [["--connection", "2"], ["--filter", "4001"]] {
        for format in ["text", "markdown", "bytes"] {
            let part = told(&[&["show", capture, "--format", format][..], &by].concat())?;
            assert!(
                part.contains("connection 2 of 3: client 10.0.0.1:4001"),
                "{format}: {part}"
            );
        }
    }
    let none = complaint(&["show", capture, "--filter", "4001", "--connection", "1"])?;
    assert!(none.contains("connection 1 does not fit --filter or --odd"), "{none}");
    std::fs::remove_file(path)?;
    Ok(())
}

harness::tests! {
    what_was_judged_is_said needs [];
    a_page_of_markdown_has_verdicts_and_numbers needs [];
    a_part_has_the_frames_asked_for needs [];
    what_is_odd_in_a_long_capture_comes_first needs [];
    a_wrong_part_is_told_from_a_right_one needs [];
    a_picture_is_written needs [];
    a_trace_is_walked_row_by_row needs [Program("script"), Program("stty")];
    a_walk_needs_a_terminal needs [];
    a_finding_is_explained_anywhere needs [];
}
