//! A capture on a router, at all of its interfaces: it has each packet twice, and nothing in it was sent twice for that.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use course::steps;
use harness::testing::Needs::{Program, Request, Sandbox};
use harness::testing::built;
use serde_json::Value;

use crate::read_json;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/router.sh");

/// So many packets of the file are as this filter of pcap-filter(7) says.
fn count(file: &str, filter: &str) -> Result<usize> {
    let output = Command::new("tcpdump").args(["-n", "-r", file, filter]).output()?;
    ensure!(output.status.success(), "{output:?}");
    Ok(String::from_utf8(output.stdout)?.lines().count())
}

fn captured_at_two_interfaces_is_not_sent_twice() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("lab-test-{}-router", std::process::id()));
    fs::create_dir_all(&folder)?;
    let file = folder.join("any.pcap");
    let file = file.to_str().context("no text")?;
    let mut unshare = Command::new("unshare");
    unshare.args(["--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    let is_root = nix::unistd::geteuid().is_root();
    if !is_root {
        unshare.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    unshare
        .args(["bash", SCRIPT])
        .arg(steps::find("step3")?.build()?)
        .arg(file);
    if is_root {
        // Else it becomes a user who may not write here.
        unshare.args(["-Z", "root"]);
    }
    let ran = unshare.output().context("cannot start unshare")?;
    ensure!(ran.status.success(), "{ran:?}");

    let shown = Command::new(built("lab"))
        .args(["show", file, "--format", "json"])
        .output()?;
    let shown = read_json(&shown.stdout, "Timeline")?;
    let packets = shown["events"].as_array().context("no events")?.iter();
    let packets: Vec<&Value> = packets.filter(|event| event["kind"] == "packet").collect();
    let said = |fact: &str| {
        let has = |packet: &&&Value| {
            packet["facts"]
                .as_array()
                .is_some_and(|facts| facts.contains(&fact.into()))
        };
        packets.iter().filter(has).count()
    };
    // What comes in is the first of the two, if it goes out again.
    let [all, out] = [count(file, "tcp")?, count(file, "outbound")?];
    assert_eq!((packets.len(), said("captured-twice")), (all, out));
    // The second request, while the cable was out and once more when it was in again.
    let requests = count(file, "inbound and dst port 3000 and tcp[tcpflags] & tcp-push != 0")?;
    ensure!(requests > 2, "nothing was sent again: {requests}");
    assert_eq!(said("retransmission"), requests - 2);
    for never in [
        "duplicate-ack",
        "spurious-retransmission",
        "fast-retransmission",
        "out-of-order",
    ] {
        assert_eq!(said(never), 0, "{never}");
    }
    fs::remove_dir_all(folder)?;
    Ok(())
}

harness::tests! {
    captured_at_two_interfaces_is_not_sent_twice needs [
        Request("takes seconds, and programs that make a network: run with --ignored"),
        Sandbox, Program("tcpdump"), Program("ip"), Program("unshare"), Program("bash")
    ];
}
