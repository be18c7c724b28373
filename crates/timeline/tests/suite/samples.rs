//! Runs made up by hand, for the tests of explanations and formats: what the kernel did in runs
//! that were measured, with round times.

use std::sync::Arc;

use etherparse::{PacketBuilder, TcpOptionElement};

use timeline::format::pcapng;
use timeline::*;

/// A capture that the repository keeps.
pub fn committed(name: &str) -> Timeline {
    let file = std::fs::File::open(format!("../../captures/{name}.pcapng")).unwrap();
    pcapng::read(file).unwrap().into_timeline()
}

/// Writes a run down record by record. Times are in microseconds, sequence numbers relative.
pub struct Script {
    pub recording: Recording,
    pub endpoints: Endpoints,
}

const CLIENT_ISN: u32 = 0xffff_fff0;
const SERVER_ISN: u32 = 7_000;
/// The start of all runs, in nanoseconds since the Unix epoch.
pub const START: u64 = 1_700_000_000_000_000_000;

pub fn moment(micros: u64) -> Timestamp {
    Timestamp(START + micros * 1000)
}

impl Script {
    pub fn new() -> Script {
        Script::with_client_port(57464)
    }

    pub fn with_client_port(port: u16) -> Script {
        Script {
            recording: Recording {
                level: Level::Sandbox,
                ..Recording::default()
            },
            endpoints: Endpoints {
                client: ([127, 0, 0, 1], port).into(),
                server: ([127, 0, 0, 1], 3000).into(),
            },
        }
    }

    pub fn timeline(&self) -> Timeline {
        self.recording.clone().into_timeline()
    }

    pub fn push(&mut self, micros: u64, what: What) -> &mut Script {
        self.recording.records.push(Record {
            at: moment(micros),
            what,
        });
        self
    }

    /// A frame: `flags` as Wireshark writes them.
    pub fn frame(&mut self, micros: u64, from: Side, flags: &str, seq: u32, ack: u32, data: &str) -> &mut Script {
        self.frame_with_window(micros, from, flags, (seq, ack), 64_256, data)
    }

    pub fn frame_with_window(
        &mut self,
        micros: u64,
        from: Side,
        flags: &str,
        (seq, ack): (u32, u32),
        window: u16,
        data: &str,
    ) -> &mut Script {
        let (ports, isn, peer_isn) = match from {
            Side::Client => ((self.endpoints.client.port(), 3000), CLIENT_ISN, SERVER_ISN),
            Side::Server => ((3000, self.endpoints.client.port()), SERVER_ISN, CLIENT_ISN),
        };
        let has = |name| flags.split(',').any(|flag| flag == name);
        let mut builder = PacketBuilder::ethernet2([0; 6], [0; 6])
            .ipv4([127, 0, 0, 1], [127, 0, 0, 1], 64)
            .tcp(ports.0, ports.1, isn.wrapping_add(seq), window);
        if has("SYN") {
            builder = builder
                .syn()
                .options(&[TcpOptionElement::MaximumSegmentSize(1460)])
                .unwrap();
        }
        builder = if has("ACK") {
            builder.ack(peer_isn.wrapping_add(ack))
        } else {
            builder
        };
        builder = if has("PSH") { builder.psh() } else { builder };
        builder = if has("FIN") { builder.fin() } else { builder };
        builder = if has("RST") { builder.rst() } else { builder };
        let mut frame = Vec::new();
        builder.write(&mut frame, data.as_bytes()).unwrap();
        let segment = Segment::from_ethernet(&frame);
        assert!(segment.is_some());
        let wire_len = u32::try_from(frame.len()).unwrap();
        self.push(
            micros,
            What::Frame {
                frame: Arc::from(frame),
                link_type: LinkType::ETHERNET,
                wire_len,
                comment: None,
                passage: None,
                segment: segment.map(Box::new),
            },
        )
    }

    pub fn client(&mut self, micros: u64, kind: ClientActionKind) -> &mut Script {
        let on = self.endpoints;
        self.push(
            micros,
            What::Client {
                on,
                action: Box::new(ClientAction {
                    kind,
                    counters: None,
                    call: None,
                }),
            },
        )
    }

    pub fn send(&mut self, micros: u64, data: &str) -> &mut Script {
        self.client(
            micros,
            ClientActionKind::Sent {
                bytes: data.as_bytes().into(),
                len: data.len() as u64,
            },
        )
    }

    pub fn receive(&mut self, micros: u64, data: &str) -> &mut Script {
        self.client(
            micros,
            ClientActionKind::Received {
                bytes: data.as_bytes().into(),
                len: data.len() as u64,
            },
        )
    }

    pub fn state(&mut self, micros: u64, side: Side, from: Option<TcpState>, to: Option<TcpState>) -> &mut Script {
        let on = self.endpoints;
        self.push(
            micros,
            What::State {
                on,
                change: StateChange { side, from, to },
            },
        )
    }

    /// A call on the connection's descriptor, which stands where it was entered.
    pub fn call(&mut self, span: (u64, u64), call: Call) -> &mut Script {
        let on = Some(self.endpoints);
        let call = Call {
            entered: moment(span.0),
            ended: moment(span.1),
            ..call
        };
        let waits = matches!(call.kind, CallKind::Accept | CallKind::Read);
        self.push(
            if waits { span.1 } else { span.0 },
            What::Call { on, call: call.into() },
        )
    }

    pub fn accept(&mut self, micros: u64) -> &mut Script {
        self.call(
            (micros, micros),
            Call {
                fd: 8,
                result: Some(Ok(9)),
                ..call("accept4", CallKind::Accept)
            },
        )
    }

    pub fn read(&mut self, micros: u64, data: &str) -> &mut Script {
        self.call((micros - 5, micros), read(data))
    }

    pub fn write(&mut self, span: (u64, u64), data: &str) -> &mut Script {
        self.call(span, write(data))
    }

    pub fn close(&mut self, span: (u64, u64)) -> &mut Script {
        self.call(span, call("close", CallKind::Close))
    }

    /// SYN, SYN,ACK, ACK, accept.
    pub fn handshake(&mut self) -> &mut Script {
        self.frame(0, Side::Client, "SYN", 0, 0, "")
            .frame(20, Side::Server, "SYN,ACK", 0, 1, "")
            .frame(30, Side::Client, "ACK", 1, 1, "")
            .client(40, ClientActionKind::Connected)
            .state(45, Side::Server, None, Some(TcpState::Established))
            .accept(50)
    }
}

/// A call on descriptor 9 that returned 0.
pub fn call(name: &'static str, kind: CallKind) -> Call {
    Call {
        process: std::num::NonZeroI32::new(100),
        thread: 100,
        name: name.into(),
        kind,
        fd: 9,
        asked: None,
        bytes: Default::default(),
        detail: None,
        argument: None,
        result: Some(Ok(0)),
        moved_in_messages: None,
        entered: Timestamp(0),
        ended: Timestamp(0),
        tracer: std::time::Duration::ZERO,
    }
}

pub fn read(data: &str) -> Call {
    let result = Some(Ok(data.len() as u64));
    Call {
        asked: Some(8192),
        bytes: data.as_bytes().into(),
        result,
        ..call("recvfrom", CallKind::Read)
    }
}

pub fn write(data: &str) -> Call {
    let len = data.len() as u64;
    Call {
        asked: Some(len),
        bytes: data.as_bytes().into(),
        result: Some(Ok(len)),
        ..call("sendto", CallKind::Write)
    }
}

/// Two writes per reply, two exchanges at once, the second with its stall; the client closes and
/// the server does not.
pub fn two_writes() -> Script {
    let mut script = Script::new();
    script
        .handshake()
        .send(90, "1\n")
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .frame(110, Side::Server, "ACK", 1, 3, "")
        .read(150, "1\n")
        .write((200, 240), "1")
        .frame(210, Side::Server, "PSH,ACK", 1, 3, "1")
        .frame(220, Side::Client, "ACK", 3, 2, "")
        .write((250, 290), "\n")
        .frame(260, Side::Server, "PSH,ACK", 2, 3, "\n")
        .frame(270, Side::Client, "ACK", 3, 3, "")
        .receive(300, "1\n")
        .send(390, "2\n")
        .frame(400, Side::Client, "PSH,ACK", 3, 3, "2\n")
        .read(450, "2\n")
        .write((500, 530), "2")
        .frame(510, Side::Server, "PSH,ACK", 3, 5, "2")
        .write((550, 570), "\n")
        .frame(42_600, Side::Client, "ACK", 5, 4, "")
        .frame(42_610, Side::Server, "PSH,ACK", 4, 5, "\n")
        .frame(42_620, Side::Client, "ACK", 5, 5, "")
        .receive(42_700, "2\n")
        .client(42_790, ClientActionKind::Closed)
        .frame(42_800, Side::Client, "FIN,ACK", 5, 5, "")
        .frame(42_810, Side::Server, "ACK", 5, 6, "")
        .state(
            42_820,
            Side::Server,
            Some(TcpState::Established),
            Some(TcpState::CloseWait),
        )
        .read(42_900, "");
    script
}

/// One write per reply; the client closes, then the server.
pub fn clean_close() -> Script {
    let mut script = Script::new();
    script
        .handshake()
        .send(90, "1\n")
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .frame(110, Side::Server, "ACK", 1, 3, "")
        .read(150, "1\n")
        .write((200, 240), "1\n")
        .frame(210, Side::Server, "PSH,ACK", 1, 3, "1\n")
        .frame(220, Side::Client, "ACK", 3, 3, "")
        .receive(300, "1\n")
        .client(390, ClientActionKind::Closed)
        .frame(400, Side::Client, "FIN,ACK", 3, 3, "")
        .state(
            405,
            Side::Server,
            Some(TcpState::Established),
            Some(TcpState::CloseWait),
        )
        .read(450, "")
        .close((500, 540))
        .frame(510, Side::Server, "FIN,ACK", 3, 4, "")
        .frame(520, Side::Client, "ACK", 4, 4, "")
        .state(550, Side::Server, Some(TcpState::CloseWait), None)
        .state(560, Side::Client, Some(TcpState::FinWait2), Some(TcpState::TimeWait));
    script
}

/// The client resets after its request was answered.
pub fn client_reset() -> Script {
    let mut script = Script::new();
    script
        .handshake()
        .send(90, "1\n")
        .frame(100, Side::Client, "PSH,ACK", 1, 1, "1\n")
        .frame(110, Side::Server, "ACK", 1, 3, "")
        .read(150, "1\n")
        .write((200, 240), "1\n")
        .frame(210, Side::Server, "PSH,ACK", 1, 3, "1\n")
        .frame(220, Side::Client, "ACK", 3, 3, "")
        .receive(300, "1\n")
        .client(390, ClientActionKind::Reset)
        .frame(400, Side::Client, "RST,ACK", 3, 3, "")
        .state(410, Side::Server, Some(TcpState::Established), None)
        .call(
            (440, 450),
            Call {
                asked: Some(8192),
                result: Some(Err(Errno(104))),
                ..call("recvfrom", CallKind::Read)
            },
        );
    script
}

/// True for a character that can only be read: [`printable`] leaves it as it is.
pub fn is_plain(c: char) -> bool {
    printable(c.encode_utf8(&mut [0; 4])) == c.to_string()
}
