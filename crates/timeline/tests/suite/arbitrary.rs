//! Recordings of all shapes, for tests that hold for every one.

use std::sync::Arc;

use etherparse::{PacketBuilder, TcpOptionElement};
use proptest::option::of;
use proptest::prelude::*;
use proptest::sample::select;

use timeline::*;

/// Any recording: few addresses, so that connections meet, and few moments, so that events do.
pub fn recording() -> impl Strategy<Value = Recording> {
    let levels = [Level::Capture, Level::NoPackets, Level::Loopback, Level::Sandbox];
    let records = prop::collection::vec(record(), 0..40);
    (select(levels.to_vec()), records, number(), number()).prop_map(|(level, records, dropped, not_kept)| Recording {
        level,
        records,
        dropped,
        not_kept,
        numbers: Vec::new(),
        undecoded: Default::default(),
    })
}

fn record() -> impl Strategy<Value = Record> {
    let what = prop_oneof![
        4 => frame(),
        4 => (of(endpoints()), call()).prop_map(|(on, call)| What::Call { on, call: call.into() }),
        2 => (endpoints(), action()).prop_map(|(on, action)| What::Client { on, action: action.into() }),
        2 => (endpoints(), change()).prop_map(|(on, change)| What::State { on, change }),
        1 => process().prop_map(|event| What::Process(event.into())),
    ];
    (moment(), what).prop_map(|(at, what)| Record { at, what })
}

fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        8 => (0..50_u64).prop_map(|step| Timestamp(1_700_000_000_000_000_000 + step * 1_000_000)),
        1 => number().prop_map(Timestamp),
    ]
}

/// Small numbers, and those at the end.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0..10_u64, 1 => any::<u64>(), 1 => select(&[u64::MAX, u64::MAX - 1, 1 << 32][..])]
}

fn endpoints() -> impl Strategy<Value = Endpoints> {
    let ends = [
        ("127.0.0.1:57464", "127.0.0.1:3000"),
        ("127.0.0.2:57464", "127.0.0.1:3000"),
        ("127.0.0.2:57465", "127.0.0.1:3000"),
        ("127.0.0.1:57464", "0.0.0.0:3000"),
        ("[::1]:40000", "[::1]:3000"),
    ];
    select(ends.to_vec()).prop_map(|(client, server)| Endpoints {
        client: client.parse().unwrap(),
        server: server.parse().unwrap(),
    })
}

/// Text that means harm.
pub fn hostile() -> impl Strategy<Value = String> {
    let pieces = [
        "a",
        " ",
        "\n",
        "\r",
        "\t",
        "\0",
        "\u{1b}[2J",
        "\u{7f}",
        "\u{85}",
        "\u{9b}31m",
        "\u{202e}",
        "\u{2066}",
        "\u{200f}",
        "\u{61c}",
        "\u{2028}",
        "\u{feff}",
        "|",
        "`",
        "``",
        "*",
        "_",
        "[x](http://y.z)",
        "![](x)",
        "<b>",
        "&lt;",
        "https://a.b",
        "www.a.b",
        "a@b.c",
        "# ",
        "- ",
        "1. ",
        "> ",
        "\\",
        "\"",
        "~~",
        "世界",
        "é",
        "🦀",
        "call: server: ",
        "held: 1 ms, until frame 2",
    ];
    let piece = prop_oneof![8 => select(pieces.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..=Call::KEEP),
        hostile().prop_map(|text| text.bytes().take(Call::KEEP).collect()),
    ]
}

fn call() -> impl Strategy<Value = Call> {
    let names = ["sendto", "recvfrom", "close", "accept4", "sendmmsg", "a_name"];
    let name = select(names.to_vec());
    let result = prop_oneof![
        number().prop_map(Ok),
        prop_oneof![select(&[4, 11, 32, 104, 512][..]), any::<i32>()].prop_map(|e| Err(Errno(e)))
    ];
    let kinds = [
        CallKind::Listen,
        CallKind::Accept,
        CallKind::Connect,
        CallKind::Read,
        CallKind::Write,
        CallKind::Shutdown,
        CallKind::Close,
        CallKind::SetOption,
    ];
    let what = (
        any::<i32>(),
        name,
        select(kinds.to_vec()),
        any::<i32>(),
        of(number()),
        bytes(),
    );
    let more = (
        of(hostile()),
        of(argument()),
        of(result),
        of(number()),
        moment(),
        moment(),
    );
    (what, more).prop_map(
        |((thread, name, kind, fd, asked, bytes), (detail, argument, result, moved_in_messages, entered, ended))| {
            Call {
                process: std::num::NonZeroI32::new(thread),
                thread,
                name: name.into(),
                kind,
                fd,
                asked,
                bytes: bytes.into(),
                detail: detail.map(|detail| Box::new(detail.into())),
                argument: argument.map(Box::new),
                result,
                moved_in_messages: moved_in_messages.map(Box::new),
                entered,
                ended,
                tracer: std::time::Duration::from_nanos(ended.0 % 100_000),
            }
        },
    )
}

fn argument() -> impl Strategy<Value = Argument> {
    let option = (0..11, any::<bool>(), any::<u32>()).prop_map(|(which, on, value)| match which {
        0 => SocketOption::NoDelay(on),
        1 => SocketOption::Cork(on),
        2 => SocketOption::QuickAck(on),
        3 => SocketOption::Linger(on.then_some(value)),
        4 => SocketOption::KeepAlive(on),
        5 => SocketOption::KeepIdle(value),
        6 => SocketOption::KeepInterval(value),
        7 => SocketOption::KeepCount(value),
        8 => SocketOption::UserTimeout(value),
        9 => SocketOption::ReceiveBuffer(value),
        _ => SocketOption::SendBuffer(value),
    });
    let directions = [Direction::Read, Direction::Write, Direction::Both];
    prop_oneof![
        Just(Argument::More),
        Just(Argument::Peek),
        select(directions.to_vec()).prop_map(Argument::Shutdown),
        option.prop_map(Argument::Option),
    ]
}

fn action() -> impl Strategy<Value = ClientAction> {
    let counters =
        (any::<std::num::NonZeroU32>(), any::<u32>()).prop_map(|(sent, received)| SegmentCounters { sent, received });
    let kind = (0..10, bytes(), number(), hostile()).prop_map(|(which, bytes, len, why)| match which {
        0 => ClientActionKind::Connected,
        1 => ClientActionKind::Sent {
            bytes: bytes.into(),
            len,
        },
        2 => ClientActionKind::Received {
            bytes: bytes.into(),
            len,
        },
        3 => ClientActionKind::EndOfFile,
        4 => ClientActionKind::ShutdownWrite,
        5 => ClientActionKind::Closed,
        6 => ClientActionKind::Reset,
        7 => ClientActionKind::Called(why),
        8 => ClientActionKind::GaveUp {
            wanted: why,
            waited: (len % 2 == 0).then(|| std::time::Duration::from_nanos(len)),
        },
        _ => ClientActionKind::Failed(why),
    });
    (kind, of(counters), of(call())).prop_map(|(kind, counters, call)| ClientAction {
        kind,
        counters,
        call: call.map(Box::new),
    })
}

fn side() -> impl Strategy<Value = Side> {
    select(&[Side::Client, Side::Server][..])
}

fn change() -> impl Strategy<Value = StateChange> {
    let states = [
        TcpState::Established,
        TcpState::SynSent,
        TcpState::SynReceived,
        TcpState::FinWait1,
        TcpState::FinWait2,
        TcpState::TimeWait,
        TcpState::CloseWait,
        TcpState::LastAck,
        TcpState::Listen,
        TcpState::Closing,
    ];
    let state = || of(select(states.to_vec()));
    (side(), state(), state()).prop_map(|(side, from, to)| StateChange { side, from, to })
}

fn process() -> impl Strategy<Value = ProcessEvent> {
    let stream = select(&[OutputStream::Stdout, OutputStream::Stderr][..]);
    let kind = (0..12, any::<i32>(), stream, hostile()).prop_map(|(which, number, stream, line)| match which {
        0 => ProcessEventKind::Started,
        1 => ProcessEventKind::Exited(Exit::Status(number)),
        2 => ProcessEventKind::Exited(Exit::Signal(number)),
        3 => ProcessEventKind::UsesIoUring,
        4 => ProcessEventKind::ForeignCalls,
        5 => ProcessEventKind::WithoutRights {
            program: line,
            rights: "set-user-ID".to_owned(),
        },
        6 => ProcessEventKind::Holds {
            fd: number,
            on: Endpoints {
                client: ([127, 0, 0, 2], 40_000).into(),
                server: ([127, 0, 0, 1], 3000).into(),
            }
            .into(),
            over: number % 2 == 0,
            command: line,
        },
        9 => ProcessEventKind::Dials {
            on: Endpoints {
                client: ([127, 0, 0, 1], 40_001).into(),
                server: ([127, 0, 0, 1], 6379).into(),
            }
            .into(),
        },
        7 => ProcessEventKind::Settled(Settled {
            asleep: number % 2 == 0,
            on_clock: number % 3 == 0,
            quiet: std::time::Duration::from_millis(number.unsigned_abs().into()),
        }),
        10 => ProcessEventKind::OutputNotKept,
        11 => ProcessEventKind::NoStrictMode,
        _ => ProcessEventKind::Wrote { stream, line },
    });
    (0..5, kind).prop_map(|(pid, kind)| ProcessEvent { pid, kind })
}

fn passage() -> impl Strategy<Value = Passage> {
    let arrivals = prop::collection::vec(moment(), 0..3);
    let views = (of(view()), of(view())).prop_map(|(client, server)| Box::new(TcpViews { client, server }));
    (arrivals, of(hostile()), any::<bool>(), any::<u32>(), of(views)).prop_map(
        |(arrivals, what, corrupted, queue, tcp)| Passage {
            arrivals,
            what,
            corrupted,
            queue,
            tcp,
        },
    )
}

fn view() -> impl Strategy<Value = TcpView> {
    let states = [CongestionState::Open, CongestionState::Recovery, CongestionState::Loss];
    let states = (
        of(select(&[TcpState::Established, TcpState::LastAck][..])),
        select(states.to_vec()),
    );
    let times = prop::array::uniform3(number().prop_map(std::time::Duration::from_nanos));
    (states, times, prop::array::uniform6(any::<u32>()), of(any::<u32>())).prop_map(
        |((state, congestion), [rtt, rttvar, rto], numbers, ssthresh)| {
            let [cwnd, unacked, sacked, lost, retransmits, total_retransmits] = numbers;
            TcpView {
                state,
                congestion,
                cwnd,
                ssthresh,
                rtt,
                rttvar,
                rto,
                unacked,
                sacked,
                lost,
                retransmits,
                total_retransmits,
            }
        },
    )
}

/// A frame of one of the connections, whole or cut, with what may be known of it.
fn frame() -> impl Strategy<Value = What> {
    let numbers = (any::<u8>(), 0..6_u32, 0..6_u32, prop_oneof![Just(0_u16), any::<u16>()]);
    let known = (of(hostile()), of(passage()), 0..4_usize, 0..3_u32);
    (endpoints(), side(), numbers, bytes(), known).prop_map(
        |(on, from, (flags, seq, ack, window), data, (comment, passage, cut, longer))| {
            let (frame, link_type) = framed(on, from, flags, (seq, ack, window), &data);
            let wire_len = u32::try_from(frame.len()).unwrap() + longer;
            let frame = &frame[..frame.len() - cut];
            What::Frame {
                segment: Segment::from_frame(link_type, frame, wire_len).map(Box::new),
                frame: Arc::from(frame),
                link_type,
                wire_len,
                comment: comment.map(Into::into),
                passage: passage.map(Box::new),
            }
        },
    )
}

fn framed(
    on: Endpoints,
    from: Side,
    flags: u8,
    (seq, ack, window): (u32, u32, u16),
    data: &[u8],
) -> (Vec<u8>, LinkType) {
    let (source, destination) = match from {
        Side::Client => (on.client, on.server),
        Side::Server => (on.server, on.client),
    };
    let builder = match (source.ip(), destination.ip()) {
        (std::net::IpAddr::V4(a), std::net::IpAddr::V4(b)) => PacketBuilder::ipv4(a.octets(), b.octets(), 64),
        (std::net::IpAddr::V6(a), std::net::IpAddr::V6(b)) => PacketBuilder::ipv6(a.octets(), b.octets(), 64),
        _ => unreachable!("both ends are of one kind"),
    };
    let mut tcp = builder.tcp(source.port(), destination.port(), seq, window);
    // Two bits for each, so that most segments are plain.
    if flags & 0b11 == 0 {
        tcp = tcp
            .syn()
            .options(&[TcpOptionElement::MaximumSegmentSize(1460)])
            .unwrap();
    }
    if flags & 0b1100 != 0 {
        tcp = tcp.ack(ack);
    }
    if flags & 0b11_0000 == 0 {
        tcp = tcp.fin();
    }
    if flags & 0b1100_0000 == 0 {
        tcp = tcp.rst();
    }
    let mut frame = Vec::new();
    tcp.write(&mut frame, data).unwrap();
    (frame, LinkType(101))
}
