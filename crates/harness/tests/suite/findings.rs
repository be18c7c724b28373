//! Each rule finds a server that has it, and not one that nearly has it.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use harness::rules::{RULES, RuleId, Severity};
use harness::testing::Needs::{self, Calls, Packets, Program};
use harness::timeline::{
    Call, CallKind, ClientAction, ClientActionKind, Errno, Flags, KnownPacket, Level, Side, Teardown, Timeline,
};
use harness::{Client, LISTEN, Server, ServerBuilder, Wire};

fn build(mode: &str) -> ServerBuilder {
    Server::build(harness::testing::built("wrong-server")).args([mode, LISTEN])
}

fn start(mode: &str) -> Result<Server> {
    Ok(build(mode).start()?)
}

/// One line and its reply, then the client closes.
fn one_exchange(mode: &str) -> Result<Timeline> {
    let server = start(mode)?;
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    client.close();
    Ok(server.stop()?)
}

fn a_careful_server_has_no_findings() -> Result<()> {
    let timeline = one_exchange("echo")?;
    assert_eq!(timeline.findings(), [], "{timeline}");
    assert_eq!(timeline.unknown_rules().count(), 0);
    Ok(())
}

fn split_reply() -> Result<()> {
    let timeline = one_exchange("three-writes")?;
    let found = timeline
        .findings()
        .into_iter()
        .find(|finding| finding.rule.id == RuleId::SplitReply)
        .context("the split reply was not found")?;
    assert_eq!(found.severity, Severity::Warning);
    assert_eq!(found.evidence.len(), 4, "two pairs of writes: {found}");
    Ok(())
}

fn split_reply_is_milder_with_nodelay() -> Result<()> {
    let timeline = one_exchange("two-writes-nodelay")?;
    let found = timeline.findings();
    assert_eq!(found.len(), 1, "{timeline}");
    assert_eq!(
        (found[0].rule.id, found[0].severity),
        (RuleId::SplitReply, Severity::Note)
    );
    Ok(())
}

/// One call with several buffers is one write, and so are two replies to two requests.
fn not_split_reply() -> Result<()> {
    for mode in ["writev", "sendmsg"] {
        assert_eq!(one_exchange(mode)?.finding_ids(), [], "{mode}");
    }
    let server = start("echo")?;
    let mut client = server.connect()?;
    client.exchange("1\n")?;
    client.exchange("2\n")?;
    client.close();
    assert_eq!(server.stop()?.finding_ids(), []);
    Ok(())
}

/// Several writes that leave in one segment: MSG_MORE and TCP_CORK.
fn not_split_reply_in_one_segment() -> Result<()> {
    for mode in ["more", "corked"] {
        for level in [Level::Sandbox, Level::NoPackets] {
            let server = build(mode).level(level).start()?;
            let mut client = server.connect()?;
            client.exchange("hello\n")?;
            client.exchange("hello\n")?;
            client.close();
            let timeline = server.stop()?;
            assert_eq!(timeline.writes_per_reply(), [2, 2]);
            assert_eq!(timeline.finding_ids(), [], "{mode}\n{timeline}");
        }
    }
    Ok(())
}

/// What comes back for `sent`, so many lines of it.
fn after(mode: &str, sent: &str, lines: usize) -> Result<Timeline> {
    let server = start(mode)?;
    let mut client = server.connect()?;
    client.send(sent)?;
    for _ in 0..lines {
        client.read_line()?;
    }
    client.close();
    Ok(server.stop()?)
}

/// Several requests in one segment have as many replies, of one write each. If they have more writes than there
/// are requests, one of the replies is split.
fn not_split_reply_of_several_requests() -> Result<()> {
    let long = format!("{}\n", "x".repeat(100)).repeat(3);
    // The second is more than is kept of a read.
    for sent in ["1\n2\n3\n", long.as_str()] {
        let timeline = after("echo", sent, 3)?;
        assert!(
            !timeline.finding_ids().contains(&RuleId::SplitReply),
            "{sent}\n{timeline}"
        );
    }
    // Two lines, and two heads, of which each line is answered in two writes.
    for sent in ["one\ntwo\n", "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n"] {
        let timeline = after("two-halves", sent, 2)?;
        assert!(
            timeline.finding_ids().contains(&RuleId::SplitReply),
            "{sent}\n{timeline}"
        );
    }
    Ok(())
}

/// Messages that the server sends when it likes are no parts of a reply.
fn not_split_reply_of_a_server_that_pushes() -> Result<()> {
    for apart in ["20\n", "100\n"] {
        let server = start("pushes")?;
        let mut client = server.connect()?;
        client.send(apart)?;
        client.read_exact(8 * "event 0;".len())?;
        client.close();
        let timeline = server.stop()?;
        assert_eq!(timeline.finding_ids(), [], "{timeline}");
    }
    Ok(())
}

/// Bulk has as many segments as it takes, and waits for nothing but its reader.
fn not_split_reply_nor_stalled_in_bulk() -> Result<()> {
    for part in ["1000\n", "1447\n", "8000\n"] {
        let server = start("bulk-in-parts")?;
        let mut client = server.connect()?;
        client.send(part)?;
        client.read_exact(3_000_000)?;
        client.close();
        let timeline = server.stop()?;
        let messages: Vec<String> = timeline.findings().iter().map(ToString::to_string).collect();
        assert_eq!(messages, [""; 0], "{part}, {} packets lost", timeline.dropped);
    }
    Ok(())
}

/// One call that sends two messages, and so two segments.
fn split_reply_by_sendmmsg() -> Result<()> {
    let timeline = one_exchange("sendmmsg")?;
    assert_eq!(timeline.writes_per_reply(), [1], "it is one call");
    assert_eq!(timeline.segments_per_reply(), [2], "{timeline}");
    assert_eq!(timeline.finding_ids(), [RuleId::SplitReply], "{timeline}");
    Ok(())
}

/// A client program that writes twice before it reads stalls itself, and the finding says so.
fn nagle_stall_of_a_client_program() -> Result<()> {
    let server = start("echo")?;
    // Each printf of bash is one write.
    let line = "printf he >&3; printf 'llo\\n' >&3; read -r reply <&3;";
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/3000; {}", line.repeat(6));
    let mut client = std::process::Command::new("bash");
    client.args(["-c", &script]);
    server.run_client(client)?;
    let timeline = server.stop()?;
    let findings = timeline.findings();
    assert!(findings.len() <= 1, "{findings:?}");
    let found = findings.first().with_context(|| format!("no finding\n{timeline}"))?;
    assert_eq!(found.rule.id, RuleId::NagleStall);
    assert!(found.message.contains("the client's own"), "{found}");
    Ok(())
}

fn nagle_stall() -> Result<()> {
    let server = start("two-writes")?;
    let mut client = server.connect()?;
    for _ in 0..5 {
        client.exchange("hello\n")?;
    }
    client.close();
    let timeline = server.stop()?;
    let findings = timeline.findings();
    let found = findings.iter().find(|finding| finding.rule.id == RuleId::NagleStall);
    let found = found.with_context(|| format!("no stall\n{timeline}"))?;
    let [write, ack, segment] = found.evidence[..3] else {
        panic!("{found:?}")
    };
    assert!(timeline.call(write).is_some());
    assert!(timeline.packet(ack).is_some() && timeline.packet(segment).is_some());
    Ok(())
}

/// Of each reply the program says that more follows, and nothing does: the kernel keeps it for 200 ms or more.
fn cork_stall() -> Result<()> {
    for mode in ["corked-for-good", "more-for-good"] {
        let timeline = one_exchange(mode)?;
        assert_eq!(timeline.finding_ids(), [RuleId::CorkStall], "{mode}\n{timeline}");
        let found = &timeline.findings()[0];
        assert!(found.message.contains("sendto("), "{found}");
        let lanes = timeline.to_string();
        assert!(lanes.contains("ms for more to send"), "{lanes}");
    }
    Ok(())
}

/// More does follow, or the cork is taken out.
fn not_cork_stall() -> Result<()> {
    for mode in ["more", "corked"] {
        let timeline = one_exchange(mode)?;
        assert!(
            !timeline.finding_ids().contains(&RuleId::CorkStall),
            "{mode}\n{timeline}"
        );
        assert!(!timeline.to_string().contains("more to send"), "{mode}\n{timeline}");
    }
    Ok(())
}

fn not_nagle_stall() -> Result<()> {
    let server = start("two-writes-nodelay")?;
    let mut client = server.connect()?;
    for _ in 0..5 {
        client.exchange("hello\n")?;
    }
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.finding_ids(), [RuleId::SplitReply], "{timeline}");
    Ok(())
}

fn close_wait_leak_and_unread_eof() -> Result<()> {
    let leaks = one_exchange("dup")?;
    assert_eq!(leaks.finding_ids(), [RuleId::CloseWaitLeak], "{leaks}");
    let deaf = one_exchange("never-reads-eof")?;
    assert_eq!(deaf.finding_ids(), [RuleId::UnreadEof], "{deaf}");
    Ok(())
}

/// The wire is clean, and the descriptor is there: only `/proc` tells.
fn descriptor_leak() -> Result<()> {
    let timeline = one_exchange("shuts-down-only")?;
    assert_eq!(
        timeline.teardown(),
        Teardown::Clean { first: Side::Client },
        "{timeline}"
    );
    let found = timeline.findings();
    assert_eq!(timeline.finding_ids(), [RuleId::DescriptorLeak], "{timeline}");
    let accept = timeline.only().calls().find(|(_, call)| call.kind == CallKind::Accept);
    let fd = accept.and_then(|(_, call)| call.result?.ok()).context("no accept")?;
    // What it had, and what was waited for.
    assert!(
        found[0].message.contains(&format!("descriptor {fd} of process")),
        "{}",
        found[0]
    );
    assert!(found[0].message.contains("all threads slept"), "{}", found[0]);
    // It is in the file of the run as well.
    let mut file = Vec::new();
    harness::format::pcapng::write(&timeline, "wrong-server", &mut file)?;
    let read = harness::format::pcapng::read(&*file)?.into_timeline();
    assert_eq!(read.findings(), found);
    Ok(())
}

/// A client's reset ends the connection too, for a server that does not look.
fn descriptor_leak_after_a_reset() -> Result<()> {
    let server = start("never-reads-eof")?;
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    client.reset()?;
    let timeline = server.stop()?;
    assert_eq!(timeline.finding_ids(), [RuleId::DescriptorLeak], "{timeline}");
    assert!(
        timeline.findings()[0].message.contains("the client has reset"),
        "{timeline}"
    );
    Ok(())
}

/// A server that closes a while after it has shut down, and one whose connection is open.
fn not_descriptor_leak() -> Result<()> {
    let timeline = one_exchange("shuts-down-and-closes")?;
    assert_eq!(timeline.finding_ids(), [], "{timeline}");
    let server = start("echo")?;
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    let timeline = server.stop()?;
    assert_eq!(timeline.finding_ids(), [], "{timeline}");
    drop(client);
    Ok(())
}

/// So long a client waits that waits in vain.
const IN_VAIN: Duration = Duration::from_millis(300);

/// What the client waited for, and what it got instead.
fn no_reply() -> Result<()> {
    for (mode, says) in [
        ("never-answers", "nothing came"),
        ("answers-without-newline", "\"hello\" came"),
        ("closes-without-answer", "the server ended the connection"),
    ] {
        let server = build(mode).reply_within(IN_VAIN).start()?;
        let mut client = server.connect()?;
        assert!(client.exchange("hello\n").is_err(), "{mode}");
        client.close();
        let timeline = server.stop()?;
        assert_eq!(timeline.finding_ids(), [RuleId::NoReply], "{mode}\n{timeline}");
        let found = &timeline.findings()[0];
        assert!(found.message.contains(says), "{mode}: {found}");
        assert!(found.message.contains("sent 6 bytes"), "{mode}: {found}");
    }
    // That the server ends afterwards, or closes only then, is another matter.
    let server = build("never-answers").arg("1").reply_within(IN_VAIN).start()?;
    let mut client = server.connect()?;
    assert!(client.exchange("hello\n").is_err());
    client.close();
    let limit = Instant::now() + Duration::from_secs(20);
    while server.ended().is_none() {
        ensure!(Instant::now() < limit, "it does not end");
        std::thread::park_timeout(Duration::from_millis(10));
    }
    let timeline = server.stop()?;
    assert_eq!(timeline.finding_ids(), [RuleId::NoReply], "{timeline}");
    let server = build("echo").reply_within(IN_VAIN).start()?;
    let mut client = server.connect()?;
    assert!(client.exchange("hello").is_err());
    client.reset()?;
    let timeline = server.stop()?;
    let found = &timeline.findings()[0];
    assert!(found.message.contains("without a newline"), "{found}");
    assert!(found.message.contains("the server's last read or write"), "{found}");
    Ok(())
}

/// A late answer, a client that waits for none, and a server that answers once and closes.
fn not_no_reply() -> Result<()> {
    let late = one_exchange("answers-late")?;
    assert_eq!(late.finding_ids(), [], "{late}");
    let server = start("never-answers")?;
    let mut client = server.connect()?;
    client.send("hello\n")?;
    assert!(server.wait_for_call(|call| call.kind == CallKind::Read && call.moved() > 0));
    client.close();
    let unasked = server.stop()?;
    assert_eq!(unasked.finding_ids(), [], "{unasked}");
    let server = start("closes-first")?;
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    assert!(client.read_line().is_err());
    client.close();
    let once = server.stop()?;
    assert_eq!(once.finding_ids(), [], "{once}");
    // A server that has ended is not one that does not answer.
    let server = start("dies")?;
    let mut client = server.connect()?;
    assert!(client.exchange("hello\n").is_err());
    let dead = server.stop()?;
    assert!(!dead.finding_ids().contains(&RuleId::NoReply), "{dead}");
    Ok(())
}

/// A server that closes first need not read the client's end.
fn not_unread_eof() -> Result<()> {
    let server = start("closes-first")?;
    let mut client = server.connect()?;
    client.send("hello\n")?;
    client.read_to_end()?;
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.finding_ids(), [], "{timeline}");
    Ok(())
}

fn reset_on_close() -> Result<()> {
    for (mode, why) in [
        ("reset-on-close", "SO_LINGER"),
        ("close-unread", "unread"),
        ("dup2-unread", "6 bytes unread; no close was seen"),
    ] {
        let server = start(mode)?;
        let mut client = server.connect()?;
        client.send("hello\n")?;
        // The reset may overtake all of this; either way it comes.
        let _ = client.shutdown_write().and_then(|()| client.read_to_end());
        drop(client);
        let timeline = server.stop()?;
        let found = timeline
            .findings()
            .into_iter()
            .find(|finding| finding.rule.id == RuleId::ResetOnClose);
        let found = found.unwrap_or_else(|| panic!("{mode}\n{timeline}"));
        assert!(found.message.contains(why), "{mode}: {found}");
    }
    Ok(())
}

/// A reset by the client is not the server's doing.
fn not_reset_on_close() -> Result<()> {
    let server = start("echo")?;
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    client.reset()?;
    let timeline = server.stop()?;
    assert!(!timeline.finding_ids().contains(&RuleId::ResetOnClose), "{timeline}");
    Ok(())
}

fn write_after_close() -> Result<()> {
    let timeline = reset_in_a_flood()?;
    assert!(
        timeline.finding_ids().contains(&RuleId::WriteAfterClose),
        "{:?}",
        timeline.findings()
    );
    Ok(())
}

/// A run in which the client resets while the server writes, and the write that fails begins after that. A server that
/// has filled both buffers by then waits in a write that began before, which shows nothing of this.
fn reset_in_a_flood() -> Result<Timeline> {
    let fails = |call: &Call| matches!(call.result, Some(Err(Errno::EPIPE | Errno::ECONNRESET)));
    for _ in 0..20 {
        let server = start("flood")?;
        let mut client = server.connect()?;
        client.read_exact(10_000)?;
        client.reset()?;
        assert!(server.wait_for_call(fails));
        let timeline = server.stop()?;
        let failed = timeline.all_calls().find(|(_, call)| fails(call)).map(|(id, _)| id);
        let resets =
            |(_, packet): &(_, KnownPacket<'_>)| packet.from == Side::Client && packet.segment.flags.has(Flags::RST);
        let tells = |(_, action): &(_, &ClientAction)| action.kind == ClientActionKind::Reset;
        let told = timeline.only().client_actions().find(tells).map(|(id, _)| id);
        let left = timeline.only().packets().find(resets).map(|(id, _)| id).or(told);
        if left < failed {
            return Ok(timeline);
        }
    }
    bail!("the server waited in its write each time")
}

/// EPIPE is also what a server gets that has shut down its own sending side, though its client leaves later.
fn not_write_after_close() -> Result<()> {
    let server = start("writes-after-shutdown")?;
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    assert!(server.wait_for_call(|call| call.result == Some(Err(Errno::EPIPE))));
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.finding_ids(), [], "{timeline}");
    Ok(())
}

/// A client that leaves in the middle of a reply is no fault of the server's, which learns it by a write that fails.
/// One that had left before the server began to write is.
fn write_after_close_says_whose_fault_it_is() -> Result<()> {
    let server = start("writes-on")?;
    server.connect()?.close();
    assert!(server.wait_for_call(|call| matches!(call.result, Some(Err(Errno::EPIPE | Errno::ECONNRESET)))));
    let timeline = server.stop()?;
    let found = timeline.findings();
    let found = found.iter().find(|found| found.rule.id == RuleId::WriteAfterClose);
    assert_eq!(found.map(|found| found.severity), Some(Severity::Warning), "{timeline}");
    let timeline = reset_in_a_flood()?;
    let found = timeline.findings();
    let found = found.iter().find(|found| found.rule.id == RuleId::WriteAfterClose);
    assert_eq!(found.map(|found| found.severity), Some(Severity::Note), "{found:?}");
    Ok(())
}

/// A process that ends with unread data resets as a close does, and makes no call for it.
fn reset_on_exit() -> Result<()> {
    let server = start("exits-unread")?;
    let mut client = server.connect()?;
    client.send("hello\n")?;
    let _ = client.read_to_end();
    drop(client);
    let timeline = server.stop()?;
    let found = timeline.findings();
    let found = found.iter().find(|found| found.rule.id == RuleId::ResetOnClose);
    let found = found.with_context(|| timeline.to_string())?;
    assert!(
        found.message.contains("ended (exit status 0) with 6 bytes unread"),
        "{found}"
    );
    // One that has read all ends with a FIN.
    let timeline = one_exchange("exits-when-done")?;
    assert_eq!(timeline.finding_ids(), [], "{timeline}");
    Ok(())
}

/// Without packets, what needs packets is unknown, and what needs calls is found.
fn unknown_without_packets() -> Result<()> {
    let program = harness::testing::built("wrong-server");
    let server = Server::build(program)
        .args(["two-writes", LISTEN])
        .level(Level::NoPackets)
        .start()?;
    let mut client = server.connect()?;
    client.exchange("hello\n")?;
    client.close();
    let timeline = server.stop()?;
    assert_eq!(timeline.finding_ids(), [RuleId::SplitReply], "{timeline}");
    let unknown: Vec<_> = timeline.unknown_rules().map(|rule| rule.id).collect();
    use RuleId::{ClientLeak, CorkStall, NagleStall, NoContinue, OneAtATime, QueueOverflow, RequestLost, ResetOnClose};
    let after_these = [QueueOverflow, RequestLost, NoContinue, OneAtATime, ClientLeak];
    assert_eq!(
        unknown,
        [&[NagleStall, CorkStall, ResetOnClose][..], &after_these].concat()
    );
    Ok(())
}

fn accept_stopped() -> Result<()> {
    let limited = r#"ulimit -n 8 && exec "$0" "$@""#;
    let program = harness::testing::built("wrong-server");
    let server = Server::build("/bin/sh")
        .args(["-c", limited, program, "dup", LISTEN])
        .start()?;
    // This server dies of it, sooner or later; whoever comes then is refused.
    let clients: Vec<_> = (0..12).map_while(|_| server.connect().ok()).collect();
    assert!(
        server.wait_for_call(|call| call.result == Some(Err(Errno::EMFILE))),
        "it never ran out\n{}",
        server.output()
    );
    server.settle();
    drop(clients);
    let timeline = server.stop()?;
    assert!(timeline.finding_ids().contains(&RuleId::AcceptStopped), "{timeline}");
    Ok(())
}

fn requests_lost(timeline: &Timeline) -> bool {
    timeline.finding_ids().contains(&RuleId::RequestLost)
}

/// The wire holds a FIN that is on its way, while the client's next request leaves.
fn request_lost() -> Result<()> {
    let run = |line: &str, waits_for_the_end: bool| -> Result<Timeline> {
        let server = build("idles-out")
            .wire(Wire::new().delay(Duration::from_millis(400)))
            .start()?;
        let mut client = server.connect()?;
        client.send(line)?;
        ensure!(
            server.wait_for_call(|call| call.kind == CallKind::Close),
            "it never closes"
        );
        assert_eq!(client.read_line()?, line.as_bytes());
        if waits_for_the_end {
            client.read_to_end()?;
        }
        client.send("2\n")?;
        client.settle();
        drop(client);
        Ok(server.stop()?)
    };
    let lost = run("1\n", false)?;
    assert!(requests_lost(&lost), "{lost}");
    // Who has been told, by a word or by the FIN, has himself to blame.
    for (line, waits_for_the_end) in [("Connection: close\n", false), ("1\n", true)] {
        let timeline = run(line, waits_for_the_end)?;
        assert!(!requests_lost(&timeline), "{line:?}\n{timeline}");
        // Only where a request crossed the FIN could the rule have found one.
        let could = timeline.why_no_chance(RuleId::RequestLost.rule()).is_none();
        assert_eq!(could, !waits_for_the_end, "{line:?}\n{timeline}");
    }
    Ok(())
}

fn no_continue() -> Result<()> {
    let ask = "POST / HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";
    // What it finds, and whether it could have found anything.
    let run = |mode: &str, head: &str, wait: Duration| -> Result<(Vec<RuleId>, bool)> {
        let server = start(mode)?;
        let mut client = server.connect()?;
        client.send(head)?;
        if !wait.is_zero() {
            client.read_within(wait)?;
        }
        client.send("12345")?;
        while !client.read_line()?.starts_with(b"HTTP/1.1 204") {}
        client.close();
        let timeline = server.stop()?;
        let chance = timeline.why_no_chance(RuleId::NoContinue.rule()).is_none();
        Ok((timeline.finding_ids(), chance))
    };
    let wait = Duration::from_millis(300);
    assert_eq!(run("waits-for-body", ask, wait)?, (vec![RuleId::NoContinue], true));
    assert_eq!(run("continues", ask, wait)?, (vec![], true));
    let other = ask.replace("Expect", "X-Expect");
    assert_eq!(run("waits-for-body", &other, wait)?, (vec![], false));
    // It asked, and did not wait to be told.
    assert_eq!(run("waits-for-body", ask, Duration::ZERO)?.0, []);
    Ok(())
}

fn one_at_a_time() -> Result<()> {
    let run = |mode: &str, leaves_first: bool| -> Result<Timeline> {
        let server = start(mode)?;
        let mut idle = Some(server.connect()?);
        idle.iter_mut().try_for_each(|idle| idle.exchange("1\n").map(drop))?;
        if leaves_first {
            idle.take().into_iter().for_each(Client::close);
        }
        let mut client = server.connect()?;
        client.send("2\n")?;
        let reply = client.read_within(Duration::from_millis(200))?;
        idle.into_iter().for_each(Client::close);
        if reply.is_none() {
            client.read_line()?;
        }
        client.close();
        Ok(server.stop()?)
    };
    let waited = run("one-by-one", false)?;
    assert_eq!(waited.finding_ids(), [RuleId::OneAtATime], "{waited}");
    for (mode, leaves_first) in [("one-by-one", true), ("echo", false)] {
        let timeline = run(mode, leaves_first)?;
        assert_eq!(timeline.finding_ids(), [], "{mode}\n{timeline}");
        let no_chance = timeline.why_no_chance(RuleId::OneAtATime.rule());
        assert_eq!(no_chance.is_some(), leaves_first, "{mode}\n{timeline}");
    }
    Ok(())
}

fn client_leak() -> Result<()> {
    for (mode, found) in [
        ("leaks-as-client", &[RuleId::ClientLeak][..]),
        ("closes-as-client", &[]),
        ("ends-as-client", &[]),
    ] {
        let server = start("closes-first")?;
        let mut client = std::process::Command::new(harness::testing::built("wrong-server"));
        client.args([mode, &server.address().to_string()]);
        server.run_client(client)?;
        let timeline = server.stop()?;
        assert_eq!(timeline.finding_ids(), found, "{mode}\n{timeline}");
    }
    Ok(())
}

/// Every rule has a section on its page, and the page speaks of no other.
fn every_rule_has_its_section() -> Result<()> {
    let page = std::fs::read_to_string("../../docs/findings.md")?;
    let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let rules: Vec<&str> = RULES.iter().map(|rule| rule.name).collect();
    assert_eq!(sections, rules);
    Ok(())
}

harness::tests! {
    not_split_reply_of_a_server_that_pushes needs [Packets];
    not_no_reply needs [Packets];
    not_split_reply_in_one_segment needs [Packets];
    no_reply needs [Packets];
    a_careful_server_has_no_findings needs [Packets];
    split_reply needs [Calls];
    split_reply_is_milder_with_nodelay needs [Packets];
    not_split_reply needs [Packets];
    not_split_reply_of_several_requests needs [Packets];
    split_reply_by_sendmmsg needs [Packets];
    nagle_stall_of_a_client_program needs [Packets, Program("bash")];
    nagle_stall needs [Packets];
    not_nagle_stall needs [Packets];
    cork_stall needs [Packets];
    not_cork_stall needs [Packets];
    close_wait_leak_and_unread_eof needs [Packets];
    descriptor_leak needs [Packets];
    descriptor_leak_after_a_reset needs [Packets];
    not_descriptor_leak needs [Packets];
    not_unread_eof needs [Packets];
    reset_on_close needs [Packets];
    not_reset_on_close needs [Packets];
    write_after_close needs [Calls];
    not_write_after_close needs [Packets];
    write_after_close_says_whose_fault_it_is needs [Packets];
    reset_on_exit needs [Packets];
    unknown_without_packets needs [Calls];
    accept_stopped needs [Packets];
    request_lost needs [Needs::Wire];
    no_continue needs [Packets];
    one_at_a_time needs [Packets];
    client_leak needs [Packets];
    every_rule_has_its_section needs [];
}

/// Of megabytes.
pub mod large {
    use super::*;

    harness::tests! {
        not_split_reply_nor_stalled_in_bulk needs [crate::LARGE, Packets];
    }
}
