//! Tests of `src/doctor.rs`, which see what is private there.

use super::*;

fn machine(level: Option<Level>) -> Machine {
    let refusal = |refused: bool| {
        refused.then(|| Refusal {
            reason: "forbidden".into(),
            cure: "allow it".into(),
        })
    };
    Machine {
        level,
        no_sandbox: refusal(level != Some(Level::Sandbox)),
        no_host_capture: refusal(level != Some(Level::Loopback)),
        no_trace: refusal(level.is_none()),
        ipv6: true,
    }
}

#[test]
fn the_exercises_need_packets_and_not_where_from() {
    let lacking = |level| Report::of(&machine(level), &None, |_| true, None, None).lacking();
    assert_eq!(lacking(Some(Level::Sandbox)), [""; 0]);
    assert_eq!(lacking(Some(Level::Loopback)), [""; 0]);
    assert_eq!(lacking(Some(Level::NoPackets)), ["packets"]);
    assert_eq!(lacking(None), ["system calls", "packets"]);
}

#[test]
fn a_program_that_is_needed_is_told_from_one_that_helps() {
    let without = |missing: &'static str| {
        Report::of(
            &machine(Some(Level::Sandbox)),
            &None,
            |name| name != missing,
            None,
            None,
        )
    };
    assert_eq!(without("nc").lacking(), ["nc"]);
    assert!(without("wireshark").is_ready());
    let told = without("nc").text(80);
    assert!(told.contains("netcat-openbsd"));
    assert!(told.lines().all(|line| line.len() <= 80), "{told}");
}

#[test]
fn a_port_that_is_taken_is_named() {
    let report = Report::of(
        &machine(Some(Level::Sandbox)),
        &None,
        |_| true,
        Some("Address already in use".into()),
        None,
    );
    assert_eq!(report.lacking(), ["port 3000"]);
    assert!(
        report.text(80).ends_with("not ready, for want of: port 3000\n"),
        "{}",
        report.text(80)
    );
}

#[test]
fn a_server_that_cannot_be_built_is_told_in_whole() {
    let report = Report::of(
        &machine(Some(Level::Sandbox)),
        &None,
        |_| true,
        None,
        Some("no matching package\ncure: fetch".into()),
    );
    assert_eq!(report.lacking(), ["builds offline"]);
    assert!(
        report
            .text(80)
            .contains("no: no matching package\n                     cure: fetch\n")
    );
}

#[test]
fn the_line_for_machines_is_one_line() {
    let line = Report::of(&machine(Some(Level::NoPackets)), &None, |_| true, None, None).json();
    assert_eq!(line.lines().count(), 1);
    let value: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(value["ready"], false);
    assert_eq!(value["lacking"], serde_json::json!(["packets"]));
    assert_eq!(value["level"], "no-packets");
    assert_eq!(value["has"]["private network"], false);
    assert_eq!(value["has"]["nc"], true);
}
