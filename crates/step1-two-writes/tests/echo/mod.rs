//! What each step must do, whatever it costs on the wire. Every step's `wire.rs` includes this.

#![allow(
    dead_code,
    reason = "a chat does not do all that an echo does, and later steps close"
)]

use std::net::TcpListener;
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use harness::ordeals::{Fault, Rough, Verdict};
use harness::testing::built;
use harness::timeline::{Errno, Exit, Level, Side, TcpState, Teardown, Timeline};
use harness::{Conversation, Error, LISTEN, Server};

use crate::{LONGEST, STEP};

pub fn start() -> Result<Server> {
    Ok(Server::build(built(STEP)).arg(LISTEN).start()?)
}

/// The step in a shell that lets it have 64 descriptors.
pub fn start_with_64_descriptors() -> Result<Server> {
    let limited = r#"ulimit -n 64 && exec "$0" "$@""#;
    Ok(Server::build("/bin/sh")
        .args(["-c", limited, built(STEP), LISTEN])
        .env("RUST_LOG", "error")
        // Without a descriptor it tries again each second, so it never has been silent for the 2 s of one with a clock.
        .settle_for(Duration::from_millis(250))
        .start()?)
}

/// What becomes of the step in an ordeal: the verdict, what it failed by, and why.
pub fn ordeal(name: &str) -> (Verdict, Option<Fault>, String) {
    let report = Rough::of(Server::build(built(STEP)).arg(LISTEN))
        .only(|ordeal| ordeal.name == name)
        .run();
    match report.of(name) {
        Some(judged) => (judged.verdict, judged.finding, judged.reason.clone()),
        None => (Verdict::NotJudged, None, report.to_string()),
    }
}

pub fn passes(name: &str) -> Result<()> {
    let (verdict, _, reason) = ordeal(name);
    ensure!(verdict == Verdict::Passed, "{name}: {verdict}: {reason}");
    Ok(())
}

/// The answer to a line that is too long comes, though it was lost once on the wire.
pub fn passes_goodbye() -> Result<()> {
    passes("goodbye")
}

/// A conversation with the step: see [`converse`].
pub fn timeline_of(lines: &[&str]) -> Result<Timeline> {
    converse(start()?, lines)
}

/// A client sends each line as soon as the one before has come back, and closes.
pub fn converse(server: Server, lines: &[&str]) -> Result<Timeline> {
    server.hold(&Conversation::echo_of(lines))
}

/// Enough for a stall to show, and for the close.
pub fn five_exchanges() -> Result<Timeline> {
    timeline_of(&["1\n", "2\n", "3\n", "4\n", "5\n"])
}

pub fn answers_many_clients_at_once() -> Result<()> {
    let server = start()?;
    let mut clients = (0..20).map(|_| Ok(server.connect()?)).collect::<Result<Vec<_>>>()?;
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(format!("client {number} round {round}\n"))?;
        }
        for (number, client) in clients.iter_mut().enumerate().rev() {
            assert_eq!(
                client.read_line()?,
                format!("client {number} round {round}\n").as_bytes()
            );
        }
    }
    Ok(())
}

pub fn a_client_that_never_reads_delays_nobody() -> Result<()> {
    let server = start()?;
    let mut deaf = server.connect()?;
    // More than the buffers of both ends hold, so that the server has to wait in its write.
    deaf.socket().set_nonblocking(true)?;
    let line = [b"x".repeat(64 * 1024).as_slice(), b"\n"].concat();
    while deaf.send(&line).is_ok() {}
    let mut other = server.connect()?;
    assert_eq!(other.exchange("still there?\n")?, "still there?\n");
    Ok(())
}

pub fn lines_come_back_byte_for_byte() -> Result<()> {
    let server = start()?;
    let mut client = server.connect()?;
    let lines: [&[u8]; 6] = [
        b"\xff\xfe\x00\x80\n",
        b"carriage return\r\n",
        b"\n",
        b"\x1b[31mred\n",
        "é€😀\n".as_bytes(),
        b"\r\n",
    ];
    for line in lines {
        client.send(line)?;
        assert_eq!(client.read_line()?, line);
    }
    let long = [b"y".repeat(LONGEST).as_slice(), b"\n"].concat();
    client.send(&long)?;
    assert_eq!(client.read_exact(long.len())?, long);
    Ok(())
}

/// A last line without a newline is answered like any other: with one.
pub fn a_half_closed_client_gets_all_its_replies() -> Result<()> {
    let server = start()?;
    let mut client = server.connect()?;
    client.send("first\nlast")?;
    client.shutdown_write()?;
    assert_eq!(client.read_exact(11)?, b"first\nlast\n");
    Ok(())
}

pub fn a_client_that_resets_is_not_the_end() -> Result<()> {
    let server = start()?;
    let mut rude = server.connect()?;
    assert_eq!(rude.exchange("1\n")?, "1\n");
    rude.reset()?;
    let mut polite = server.connect()?;
    assert_eq!(polite.exchange("2\n")?, "2\n");
    drop(polite);
    let timeline = server.stop()?;
    let first = timeline.connections().next().map(|connection| connection.teardown());
    assert_eq!(first, Some(Teardown::Reset { by: Side::Client }), "{timeline}");
    Ok(())
}

/// Where it cannot listen it says why and what to do, in one line, and ends.
pub fn an_address_that_will_not_do_gets_one_line() -> Result<()> {
    let other = TcpListener::bind("127.0.0.1:0")?;
    let taken = other.local_addr()?.to_string();
    let cases: [(&[&str], &str); 4] = [
        (&["nonsense"], "nonsense: invalid socket address"),
        (&["127.0.0.1:80000"], "invalid port value"),
        (
            &["127.0.0.1:0", "--verbose"],
            "127.0.0.1:0 --verbose: invalid port value",
        ),
        (&[&taken], "Address already in use"),
    ];
    for (arguments, why) in cases {
        // On the host, where the port is taken.
        let server = Server::build(built(STEP)).args(arguments).level(Level::NoPackets);
        let Err(Error::ExitedEarly { exit, output, .. }) = server.env("RUST_LOG", "info").start() else {
            bail!("it runs with {arguments:?}");
        };
        assert_eq!((exit, output.0.lines().count()), (Exit::Status(1), 1), "{output}");
        assert!(output.0.contains(why), "{why}{output}");
        assert!(output.0.contains("give one free address"), "{output}");
    }
    Ok(())
}

/// Steps 1 and 2: the client's FIN is acknowledged, and that is all.
pub fn stays_in_close_wait() -> Result<()> {
    let timeline = timeline_of(&["1\n"])?;
    let connection = timeline.only();
    let closing = connection.closing();
    assert_eq!(
        connection.wire_of(&closing.packets),
        ["C>S FIN,ACK seq 3 ack 3", "S>C ACK seq 3 ack 4"],
        "{timeline}"
    );
    assert!(closing.server_read_end_of_file, "{timeline}");
    assert_eq!(
        connection.teardown(),
        Teardown::LeftOpen(TcpState::CloseWait),
        "{timeline}"
    );
    assert_eq!(closing.client_left, Some(TcpState::FinWait2), "{timeline}");
    Ok(())
}

/// Steps 1 and 2: sockets that nobody closes use up the descriptors.
pub fn runs_out_of_descriptors() -> Result<()> {
    let server = start_with_64_descriptors()?;
    for _ in 0..40 {
        let mut client = server.connect()?;
        assert_eq!(client.exchange("1\n")?, "1\n");
    }
    // Somewhere among the next ones it cannot accept any more. The kernel still completes the
    // handshake, so connecting and sending work.
    for _ in 0..30 {
        server.connect()?.send("1\n")?;
    }
    assert!(
        server.wait_for_call(|call| call.result == Some(Err(Errno::EMFILE))),
        "it never ran out\n{}",
        server.output()
    );
    let mut late = server.connect()?;
    late.send("anybody?\n")?;
    let timeline = server.stop()?;
    let served = timeline
        .connections()
        .filter(|connection| !connection.writes_per_reply().is_empty())
        .count();
    assert!((50..64).contains(&served), "{served} clients were served");
    assert_eq!(timeline.exit(), None, "it must go on running");
    let errors = timeline.events.iter().filter(|event| match &event.kind {
        harness::timeline::EventKind::Call(call) => call.result == Some(Err(Errno::EMFILE)),
        _ => false,
    });
    assert!(errors.count() < 10, "it must not spin\n{timeline}");
    Ok(())
}
