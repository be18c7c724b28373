//! Conversations are held with servers that keep to them, and with others.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use harness::testing::Needs::{Calls, Packets, Sandbox};
use harness::timeline::{self, CallKind, Level, Side, Teardown, Timeline};
use harness::{Conversation, Conversed, How, LISTEN, Player, Server, Trouble};

fn parse(script: &str) -> Result<Conversation> {
    Conversation::parse(script).map_err(anyhow::Error::msg)
}

/// Holds a conversation with a server of a mode, and lets everybody close: what came of both, and what there was to see.
fn hold(mode: &str, conversation: &Conversation) -> Result<(Conversed, Result<(), Box<Trouble>>, Timeline)> {
    let server = Server::build(harness::testing::built("wrong-server"));
    let server = server.args([mode, LISTEN]).start()?;
    let mut player = Player::new(&server).within(Duration::from_millis(500));
    let conversed = player.hold(conversation);
    let closed = player.close();
    let stay = player.finish();
    let timeline = server.stop()?;
    drop(stay);
    Ok((conversed, closed, timeline))
}

/// The trouble that a script has with a server of a mode.
fn trouble(mode: &str, script: &str) -> Result<Trouble> {
    let (conversed, closed, _) = hold(mode, &parse(script)?)?;
    let trouble = conversed.trouble.or(closed.err().map(|trouble| *trouble));
    trouble.with_context(|| format!("{mode} had no trouble with {script:?}"))
}

fn clients_take_turns() -> Result<()> {
    let script = "client 1 send a\\n\nclient 2 send b\\n\nclient 2 receive b\\n\nclient 1 receive a\\n\n\
                  client 1 half-close\nclient 1 end\nclient 1 close\nclient 1 send again\\n\nclient 1 receive again\\n";
    let (conversed, closed, timeline) = hold("echo", &parse(script)?)?;
    assert_eq!((conversed.trouble, closed), (None, Ok(())), "{timeline}");
    // Who has left comes back on another connection.
    ensure!(timeline.connections().count() == 3, "{timeline}");
    Ok(())
}

fn what_goes_wrong_is_told() -> Result<()> {
    let cases = [
        ("echo", "send 1\\n\nreceive 2\\n", How::Differs),
        // More than had to come, told when it comes, when the client closes, and at the end.
        ("echo", "send 1\\n2\\n\nreceive 1\\n", How::Differs),
        ("echo", "send 1\\n\npeek\nnothing", How::Differs),
        ("echo", "send 1\\n\nnothing\nhalf-close\nend", How::Differs),
        ("never-answers", "send 1\\n\nreceive 1\\n", How::Silence),
        ("never-answers", "send 1\\n\nreply", How::Silence),
        ("closes-without-answer", "send 1\\n\nreceive 1\\n", How::Closed),
        ("closes-without-answer", "send 1\\n\nexpect 1", How::Closed),
        ("never-reads-eof", "half-close\nend", How::StaysOpen),
        ("echo", "refused", How::Admitted),
        ("ticks", "quiet 400", How::GoesOn),
        ("closes-first", "send 1\\n\nreply\ncatch up\nsend 2\\n", How::Unsent),
    ];
    harness::testing::at_once(cases, |(mode, script, how)| {
        let trouble = trouble(mode, script)?;
        ensure!(trouble.how == how, "{mode}, {script:?}: {trouble:?}");
        Ok(())
    })
}

/// Where the queue of connections is full, Linux drops a SYN: nobody refused it.
fn who_is_not_answered_is_not_refused() -> Result<()> {
    let script = "signal STOP\nclient 2 connect\nclient 3 connect\nclient 4 refused";
    let server = Server::build(harness::testing::built("wrong-server")).args(["echo", LISTEN]);
    let server = server
        .level(Level::Sandbox)
        .backlog(1)
        .reply_within(Duration::from_millis(500));
    let server = server.start()?;
    let mut player = Player::new(&server);
    let trouble = player.hold(&parse(script)?).trouble.context("it had no trouble")?;
    ensure!(trouble.how == How::Failed, "{trouble:?}");
    Ok(())
}

fn a_trouble_tells_what_was_to_come() -> Result<()> {
    let script = "client 2 send who\\n\nclient 2 receive 2\\n\nwhy Two are connected.";
    let trouble = trouble("echo", script)?;
    assert_eq!(
        (&*trouble.sent, &*trouble.wanted, &*trouble.got),
        (&b"who\n"[..], &b"2\n"[..], &b"who\n"[..])
    );
    assert_eq!(trouble.why.as_deref(), Some("Two are connected."));
    assert_eq!(trouble.to_string(), r#""2\n" had to come, and "who\n" came"#);
    Ok(())
}

/// What was told in part, or not at all, may be anything.
fn what_is_not_told_may_come() -> Result<()> {
    for script in [
        "send 1\\n",
        "send 1\\n\nhalf-close\nend",
        "send 1\\n\nreply\nsend 2\\n",
        "send 1\\n\nsend 2\\n\nreceive 1\\n2\\n",
    ] {
        let (conversed, closed, timeline) = hold("echo", &parse(script)?)?;
        assert_eq!((conversed.trouble, closed), (None, Ok(())), "{script:?}\n{timeline}");
    }
    Ok(())
}

fn clients_leave_as_they_are_told() -> Result<()> {
    let reset = Teardown::Reset { by: Side::Client };
    for (script, wanted) in [
        ("send 1\\n\nreceive 1\\n\nreset", Some(reset)),
        ("send 1\\n\npeek\nstop reading\nclose", Some(reset)),
        ("send 1\\n\npeek\nstop reading\nread on\nclose", None),
        ("send 1\\n\nreceive 1\\n\nclose", None),
    ] {
        let (_, _, timeline) = hold("echo", &parse(script)?)?;
        let teardown = timeline.teardown();
        match wanted {
            Some(wanted) => assert_eq!(teardown, wanted, "{script:?}\n{timeline}"),
            None => assert!(matches!(teardown, Teardown::Clean { .. }), "{script:?}\n{timeline}"),
        }
    }
    let (_, _, timeline) = hold("echo", &parse("send 1\\n\nreceive 1\\n\nstay")?)?;
    assert_eq!(timeline.teardown(), Teardown::Open, "{timeline}");
    Ok(())
}

/// Who catches up finds what nobody had asked for.
fn who_catches_up_hears_the_greeting() -> Result<()> {
    let script = "send EHLO x\\r\\n\nreply\nsend QUIT\\r\\n\nreply\nend";
    let (conversed, _, timeline) = hold("smtp", &parse(script)?.catching_up())?;
    assert_eq!(conversed.trouble, None, "{timeline}");
    assert_eq!(conversed.replies, 2, "{timeline}");
    ensure!(
        conversed.greeting.is_some_and(|said| said.starts_with("220")),
        "{timeline}"
    );
    Ok(())
}

/// A server of a mode that is stopped and started again once, under a client.
fn restarted(mode: &str) -> Result<(Conversed, Timeline)> {
    let script = parse("send a\\n\nreceive a\\n\nrestart\nend\nclose\nsend b\\n\nreceive b\\n")?;
    ensure!(script.restarts() == 1);
    let server = Server::build(harness::testing::built("wrong-server")).restarts(1);
    let server = server.args([mode, LISTEN]).start()?;
    let mut player = Player::new(&server).within(Duration::from_secs(5));
    let conversed = player.hold(&script);
    drop(player);
    Ok((conversed, server.stop()?))
}

fn a_server_is_started_again() -> Result<()> {
    let (conversed, timeline) = restarted("good")?;
    ensure!(conversed.trouble.is_none(), "{conversed:?}\n{timeline}");
    // Both processes are on one timeline, and the first one's end is on the wire before the second one answers.
    let accepts = |call: &timeline::Call| call.kind == CallKind::Accept && matches!(call.result, Some(Ok(_)));
    let by: BTreeSet<i32> = timeline
        .connections()
        .flat_map(|connection| connection.calls().map(|(_, call)| call))
        .filter(|call| accepts(call))
        .filter_map(|call| call.process.map(Into::into))
        .collect();
    ensure!(by.len() == 2, "{by:?}\n{timeline}");
    Ok(())
}

fn who_cannot_be_started_again_says_why() -> Result<()> {
    let (conversed, timeline) = restarted("no-reuse")?;
    let told = conversed.trouble.with_context(|| timeline.to_string())?.to_string();
    ensure!(told.contains("cannot start the server again"), "{told}");
    ensure!(told.contains("ended") && told.contains("in use"), "{told}");
    let server = Server::build(harness::testing::built("wrong-server"));
    let server = server.args(["good", LISTEN]).start()?;
    let told = server.restart(15).err().context("it was started again")?.to_string();
    ensure!(told.contains("no process of it"), "{told}");
    Ok(())
}

harness::tests! {
    a_server_is_started_again needs [Packets];
    who_cannot_be_started_again_says_why needs [Packets];
    clients_take_turns needs [Calls];
    what_goes_wrong_is_told needs [Calls];
    who_is_not_answered_is_not_refused needs [Sandbox];
    a_trouble_tells_what_was_to_come needs [Calls];
    what_is_not_told_may_come needs [Calls];
    clients_leave_as_they_are_told needs [Packets];
    who_catches_up_hears_the_greeting needs [Calls];
}
