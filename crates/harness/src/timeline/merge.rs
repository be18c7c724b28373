//! From what each observer recorded to one timeline.
//!
//! Observers know little: the tracer sees calls, the capture sees frames. Here they are put into
//! one order, frames are tied to connections and given relative numbers, and each segment is tied
//! to the write whose bytes it carries.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::Timeline;
use super::event::*;
use super::frames::{self, Frames};
use super::link::LinkType;
use super::segment::{Flags, Segment};

/// What the observers of one run recorded, in any order, or what a file holds, in the file's order.
#[derive(Clone, Debug)]
pub struct Recording {
    /// How much could be observed.
    pub level: Level,
    /// The records.
    pub records: Vec<Record>,
    /// Packets that the capture lost.
    pub dropped: u64,
    /// Records that came later, and were not kept.
    pub not_kept: u64,
    /// Of a file: the number of the frame that each record is, and `None` for one that is none. The
    /// records stand in the order of the file then. Empty for a run.
    pub numbers: Vec<Option<usize>>,
}

/// One observation.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its place in time; see [`Event::at`].
    pub at: Timestamp,
    /// What was observed.
    pub what: What,
}

/// What an observer can record.
#[derive(Clone, Debug)]
pub enum What {
    /// A frame from the wire.
    Frame {
        /// The frame, link-layer header included.
        frame: Arc<[u8]>,
        /// What its link-layer header is.
        link_type: LinkType,
        /// Its length on the wire, in bytes.
        wire_len: u32,
        /// A comment that came with it from a file.
        comment: Option<String>,
        /// What became of it between two hosts; see [`Packet::passage`].
        passage: Option<Passage>,
        /// What it holds, or `None` if that is not TCP.
        segment: Option<Segment>,
    },
    /// A call, and the connection that its descriptor stands for.
    Call {
        /// The connection, if the descriptor is one.
        on: Option<Endpoints>,
        /// The call.
        call: Call,
    },
    /// An action of the test's client.
    Client {
        /// Its connection.
        on: Endpoints,
        /// What it did.
        action: ClientAction,
    },
    /// A change in the socket table.
    State {
        /// The connection.
        on: Endpoints,
        /// The change.
        change: StateChange,
    },
    /// A process of the server started or ended.
    Process(ProcessEvent),
}

impl Recording {
    /// The records in the order of the timeline, each with its number in the file, if it has one.
    fn in_order(&mut self) -> Vec<(Option<usize>, Record)> {
        let mut records = std::mem::take(&mut self.records);
        if self.numbers.is_empty() {
            records.sort_by_key(|record| record.at);
        }
        let numbers = std::mem::take(&mut self.numbers).into_iter();
        numbers.chain(std::iter::repeat(None)).zip(records).collect()
    }

    /// The connections on which something happened. On a network that others use the socket table
    /// may also hold what an earlier server on the same port left in TIME_WAIT.
    fn connections_in_use(&self) -> HashSet<(SocketAddr, u16)> {
        let keys = |record: &Record| match &record.what {
            What::Frame { segment, .. } => {
                let ways = |segment: &Segment| {
                    let (source, destination) = (segment.source, segment.destination);
                    [Some((source, destination.port())), Some((destination, source.port()))]
                };
                segment.as_ref().map_or([None, None], ways)
            }
            What::Call { on, .. } => [on.map(key), None],
            What::Client { on, .. } => [Some(key(*on)), None],
            What::State { .. } | What::Process(_) => [None, None],
        };
        self.records.iter().flat_map(keys).flatten().collect()
    }

    /// Puts the records into one order and ties them together.
    pub fn into_timeline(mut self) -> Timeline {
        let mut merge = Merge::default();
        let real = self.connections_in_use();
        let is_numbered = !self.numbers.is_empty();
        let mut numbers = Vec::new();
        for (number, Record { at, what }) in self.in_order() {
            let is_real = |on: &Endpoints| real.contains(&key(*on));
            if matches!(&what, What::State { on, .. } if !is_real(on)) {
                continue;
            }
            let Some((connection, kind)) = merge.record(what) else {
                continue;
            };
            // Ends of connections that were before stand before it, and are no frames.
            numbers.resize(merge.events.len(), None);
            numbers.push(number);
            merge.push(Event { at, connection, kind });
        }
        if !is_numbered {
            // A connection's end may be known only when the next one has begun.
            merge.events.sort_by_key(|event| event.at);
            numbers.clear();
        }
        let mut timeline = indexed(
            Timeline {
                level: self.level,
                endpoints: merge.endpoints(),
                events: merge.events,
                dropped: self.dropped,
                not_kept: self.not_kept,
                of_connection: Vec::new(),
                frames: Frames::default(),
                left_out: None,
            },
            numbers,
        );
        tie_segments_to_writes(&mut timeline);
        timeline
    }
}

/// Fills in which events belong to each connection, and which frame each is; `numbers` are those that
/// a file has given to the events.
pub(super) fn indexed(mut timeline: Timeline, numbers: Vec<Option<usize>>) -> Timeline {
    timeline.of_connection = vec![Vec::new(); timeline.endpoints.len()];
    for (index, event) in timeline.events.iter().enumerate() {
        if let Some(id) = event.connection {
            timeline.of_connection[id.0].push(index);
        }
    }
    frames::number(&mut timeline, numbers);
    timeline
}

/// What tells a connection: a server's address may be known as a wildcard only.
fn key(on: Endpoints) -> (SocketAddr, u16) {
    (on.client, on.server.port())
}

/// What begins a connection. Each does so once, so a second one of the same kind on the same
/// addresses is a new connection that reuses the client's port.
#[derive(Clone, Copy)]
enum Beginning {
    Accept,
    Connected,
}

/// Frames become packets of connections, one after the other.
#[derive(Debug, Default)]
pub(super) struct Merge {
    events: Vec<Event>,
    connections: Vec<Tracked>,
    current: HashMap<(SocketAddr, u16), ConnectionId>,
}

/// Where a segment belongs, and who sent it.
enum Place {
    /// To a connection that is there.
    Known(ConnectionId, Side),
    /// To a new one.
    Begins(Endpoints, Side),
}

/// What is known of a connection while its events go by.
#[derive(Debug)]
struct Tracked {
    endpoints: Endpoints,
    accepted: bool,
    connected: bool,
    client: Direction,
    server: Direction,
    /// When its last event was, of those on the timeline.
    last: Timestamp,
}

impl Tracked {
    /// Whether it has had such a beginning.
    fn had(&mut self, beginning: Beginning) -> &mut bool {
        match beginning {
            Beginning::Accept => &mut self.accepted,
            Beginning::Connected => &mut self.connected,
        }
    }

    fn direction(&mut self, from: Side) -> &mut Direction {
        match from {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Direction {
    /// The sequence number that is shown as 0.
    base: Option<u32>,
    saw_syn: bool,
    /// The shift that this side announced.
    window_scale: Option<u8>,
    /// The end of the data sent so far, as a relative sequence number.
    next: u32,
    /// What the socket table last said of this side's socket.
    state: Option<TcpState>,
}

impl Merge {
    /// The connection with these addresses; a new one where none is, or where the one there has had
    /// this beginning already.
    fn connection(&mut self, on: Endpoints, beginning: Option<Beginning>) -> ConnectionId {
        let known = self.current.get(&key(on)).copied();
        let known = known.filter(|id| beginning.is_none_or(|beginning| !*self.connections[id.0].had(beginning)));
        let id = known.unwrap_or_else(|| self.begin(on));
        if let Some(beginning) = beginning {
            *self.connections[id.0].had(beginning) = true;
        }
        id
    }

    fn begin(&mut self, endpoints: Endpoints) -> ConnectionId {
        let id = ConnectionId(self.connections.len());
        self.connections.push(Tracked {
            endpoints,
            accepted: false,
            connected: false,
            client: Direction::default(),
            server: Direction::default(),
            last: Timestamp(0),
        });
        if let Some(old) = self.current.insert(key(endpoints), id) {
            self.take_anew(old);
        }
        id
    }

    /// The event that a record is, and its connection. `None` for one that has no place on a timeline.
    pub fn record(&mut self, what: What) -> Option<(Option<ConnectionId>, EventKind)> {
        Some(match what {
            What::Frame {
                frame,
                link_type,
                wire_len,
                comment,
                passage,
                segment,
            } => {
                let (id, mut packet) = self.packet(segment?, (frame, link_type, wire_len), comment);
                packet.passage = passage;
                (Some(id), EventKind::Packet(packet))
            }
            What::Call { on, call } => {
                let accepts = call.kind == CallKind::Accept && matches!(call.result, Some(Ok(_)));
                let id = on.map(|on| self.connection(on, accepts.then_some(Beginning::Accept)));
                (id, EventKind::Call(call))
            }
            What::Client { on, action } => {
                let connects = action.kind == ClientActionKind::Connected;
                let id = self.connection(on, connects.then_some(Beginning::Connected));
                (Some(id), EventKind::Client(action))
            }
            What::State { on, change } => {
                let (id, change) = self.state(on, change)?;
                (Some(id), EventKind::State(change))
            }
            What::Process(event) => (None, EventKind::Process(event)),
        })
    }

    /// True if there is a connection with these addresses.
    pub fn knows(&self, on: Endpoints) -> bool {
        self.current.contains_key(&key(on))
    }

    /// Says of both sockets of a connection that they are gone, since another has its addresses.
    fn take_anew(&mut self, old: ConnectionId) {
        let tracked = &mut self.connections[old.0];
        for side in [Side::Client, Side::Server] {
            let from = tracked.direction(side).state.take();
            if from.is_some() {
                self.events.push(Event {
                    at: tracked.last,
                    connection: Some(old),
                    kind: EventKind::State(StateChange { side, from, to: None }),
                });
            }
        }
    }

    /// The connection that a state belongs to, and the change that it is there. The table knows
    /// addresses only: that a socket is gone may be said of the connection before on the same ones,
    /// and is then no change.
    fn state(&mut self, on: Endpoints, change: StateChange) -> Option<(ConnectionId, StateChange)> {
        // That a socket is gone begins no connection.
        if change.to.is_none() && !self.knows(on) {
            return None;
        }
        let id = self.connection(on, None);
        let state = &mut self.connections[id.0].direction(change.side).state;
        let from = std::mem::replace(state, change.to);
        (from != change.to).then_some((id, StateChange { from, ..change }))
    }

    /// Puts an event on the timeline.
    fn push(&mut self, event: Event) {
        if let Some(id) = event.connection {
            self.connections[id.0].last = event.at;
        }
        self.events.push(event);
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// The addresses of all connections.
    pub fn endpoints(&self) -> Vec<Endpoints> {
        self.connections.iter().map(|c| c.endpoints).collect()
    }

    /// True if a segment begins a connection.
    pub fn begins(&self, segment: &Segment) -> bool {
        matches!(self.placed(segment), Place::Begins(..))
    }

    /// Which connection a segment belongs to, and who sent it.
    fn place(&mut self, segment: &Segment) -> (ConnectionId, Side) {
        match self.placed(segment) {
            Place::Known(id, side) => (id, side),
            Place::Begins(endpoints, side) => (self.begin(endpoints), side),
        }
    }

    fn placed(&self, segment: &Segment) -> Place {
        let forth = Endpoints {
            client: segment.source,
            server: segment.destination,
        };
        let back = Endpoints {
            client: segment.destination,
            server: segment.source,
        };
        let known = |e: Endpoints| self.current.get(&key(e)).copied();
        let opens = segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK);
        if opens {
            let id = known(forth).filter(|id| {
                let client = &self.connections[id.0].client;
                !client.saw_syn || client.base == Some(segment.seq)
            });
            return id.map_or(Place::Begins(forth, Side::Client), |id| Place::Known(id, Side::Client));
        }
        if let Some(id) = known(forth) {
            return Place::Known(id, Side::Client);
        }
        if let Some(id) = known(back) {
            return Place::Known(id, Side::Server);
        }
        // The capture began in the middle: a SYN,ACK or the lower port tells the server.
        if segment.flags.has(Flags::SYN) || segment.source.port() < segment.destination.port() {
            Place::Begins(back, Side::Server)
        } else {
            Place::Begins(forth, Side::Client)
        }
    }

    /// The packet that a frame's segment is on its connection.
    pub fn packet(
        &mut self,
        segment: Segment,
        (frame, link_type, wire_len): (Arc<[u8]>, LinkType, u32),
        comment: Option<String>,
    ) -> (ConnectionId, Packet) {
        let (id, from) = self.place(&segment);
        let tracked = &mut self.connections[id.0];
        // A client's address may have been known from a wildcard listener only.
        tracked.endpoints = match from {
            Side::Client => Endpoints {
                client: segment.source,
                server: segment.destination,
            },
            Side::Server => Endpoints {
                client: segment.destination,
                server: segment.source,
            },
        };
        let (mine, theirs) = match from {
            Side::Client => (&mut tracked.client, &mut tracked.server),
            Side::Server => (&mut tracked.server, &mut tracked.client),
        };
        let syn = segment.flags.has(Flags::SYN);
        if syn {
            mine.base = Some(segment.seq);
            mine.saw_syn = true;
            mine.window_scale = segment.options.window_scale;
        }
        // Without the SYN the first segment counts from 1, as in Wireshark.
        let base = *mine.base.get_or_insert(segment.seq.wrapping_sub(1));
        let seq = segment.seq.wrapping_sub(base);
        let ack = if segment.flags.has(Flags::ACK) {
            let base = *theirs.base.get_or_insert(segment.ack.wrapping_sub(1));
            segment.ack.wrapping_sub(base)
        } else {
            0
        };
        let scaled = !syn && mine.window_scale.is_some() && theirs.window_scale.is_some();
        // RFC 7323, section 2.3: a shift above 14 counts as 14.
        let shift = if scaled {
            mine.window_scale.unwrap_or(0).min(14)
        } else {
            0
        };
        let end = seq.wrapping_add(segment.len);
        let retransmission = segment.len > 0 && mine.next != 0 && !is_after(end, mine.next);
        if is_after(end, mine.next) {
            mine.next = end;
        }
        let packet = Packet {
            // It is known when the order of all is: see `frames`.
            number: 0,
            from,
            seq,
            ack,
            window: u32::from(segment.window) << shift,
            carries: Vec::new(),
            during: None,
            held: None,
            retransmission,
            frame,
            link_type,
            wire_len,
            comment,
            passage: None,
            segment,
        };
        (id, packet)
    }
}

/// True if sequence number `a` lies after `b`, wrapping (RFC 9293, section 3.4).
fn is_after(a: u32, b: u32) -> bool {
    a.wrapping_sub(b).cast_signed() > 0
}

/// Fills in [`Packet::carries`], [`Packet::during`] and [`Packet::held`].
fn tie_segments_to_writes(timeline: &mut Timeline) {
    let mut streams: Vec<Stream> = timeline.endpoints.iter().map(|_| Stream::default()).collect();
    for (index, event) in timeline.events.iter().enumerate() {
        let (Some(id), EventKind::Call(call)) = (event.connection, &event.kind) else {
            continue;
        };
        let stream = &mut streams[id.0];
        if matches!(
            call.kind,
            CallKind::Write | CallKind::Close | CallKind::Shutdown | CallKind::Read
        ) {
            stream.calls.push(Span {
                index,
                entered: call.entered,
                ended: call.ended,
            });
        }
        if call.kind == CallKind::Write && call.moved() > 0 {
            let end = stream.writes.last().map_or(0, |w| w.end).saturating_add(call.moved());
            stream.writes.push(Written {
                index,
                ended: call.ended,
                end,
            });
        }
    }
    for stream in &mut streams {
        stream.calls.sort_by_key(|span| span.entered);
    }
    for index in 0..timeline.events.len() {
        let Event {
            at,
            connection,
            ref mut kind,
        } = timeline.events[index];
        let (Some(id), EventKind::Packet(packet)) = (connection, kind) else {
            continue;
        };
        streams[id.0].tie(index, at, packet);
    }
}

/// One connection's calls, and how far its bytes have come.
#[derive(Default)]
struct Stream {
    /// Calls that may cause packets, by entry.
    calls: Vec<Span>,
    /// Successful writes, in order.
    writes: Vec<Written>,
    /// The server's segments so far: the data's end, relative.
    sent: u32,
    /// The end of the last small segment among them, as Linux keeps it in `snd_sml`.
    small: u32,
    /// What the client has acknowledged of it, and the packet that moved it last.
    acked: u32,
    last_ack: Option<Acked>,
    /// The client's window as it stood before its last packet.
    window: u32,
    mss: Option<u16>,
}

struct Span {
    index: usize,
    entered: Timestamp,
    ended: Timestamp,
}

struct Written {
    index: usize,
    ended: Timestamp,
    /// Offset in the stream behind its last byte; the first byte of the stream has offset 0.
    end: u64,
}

#[derive(Clone, Copy)]
struct Acked {
    index: usize,
    at: Timestamp,
    /// The end of what the server had sent when it came.
    sent: u32,
    /// Bytes in flight just before it.
    in_flight: u32,
    /// True if it was the ACK for a small segment.
    of_small: bool,
    /// The window that held before this ACK.
    window: u32,
}

impl Stream {
    fn tie(&mut self, index: usize, at: Timestamp, packet: &mut Packet) {
        packet.during = self.call_around(at);
        match packet.from {
            Side::Client => self.client_packet(index, at, packet),
            Side::Server => self.server_packet(at, packet),
        }
    }

    fn client_packet(&mut self, index: usize, at: Timestamp, packet: &Packet) {
        if packet.segment.flags.has(Flags::SYN) {
            self.mss = packet.segment.options.mss;
        }
        if packet.segment.flags.has(Flags::ACK) && is_after(packet.ack, self.acked) {
            let in_flight = self.sent.wrapping_sub(self.acked);
            let of_small = is_after(self.small, self.acked) && !is_after(self.small, packet.ack);
            self.last_ack = Some(Acked {
                index,
                at,
                sent: self.sent,
                in_flight,
                of_small,
                window: self.window,
            });
            self.acked = packet.ack;
        }
        self.window = packet.window;
    }

    fn server_packet(&mut self, at: Timestamp, packet: &mut Packet) {
        let length = packet.segment.len;
        if length > 0 && !packet.segment.flags.has(Flags::SYN) {
            // Relative sequence number 1 is the stream's first byte.
            let start = u64::from(packet.seq.wrapping_sub(1));
            let end = start + u64::from(length);
            let first = self.writes.partition_point(|w| w.end <= start);
            packet.carries = self.writes[first..]
                .iter()
                .scan(start, |from, w| {
                    let begins_before_end = *from < end;
                    *from = w.end;
                    begins_before_end.then_some(w.index)
                })
                .collect();
            if !packet.retransmission {
                packet.held = self.held(at, first, packet);
            }
        }
        let end = packet.seq.wrapping_add(length);
        if is_after(end, self.sent) {
            self.sent = end;
            if self.is_small(packet) {
                self.small = end;
            }
        }
        if packet.segment.flags.has(Flags::SYN) {
            // The SYN counts for one: in flight is what goes beyond it.
            self.sent = packet.seq.wrapping_add(1);
        }
    }

    /// True for a segment that is not as large as the client takes.
    fn is_small(&self, packet: &Packet) -> bool {
        // The timestamps option takes 12 bytes of each segment (RFC 6691, section 2).
        let options = if packet.segment.options.timestamps.is_some() {
            12
        } else {
            0
        };
        packet.segment.len + options < u32::from(self.mss.unwrap_or(536))
    }

    /// Whether Nagle's algorithm held a segment back: it is small, all its writes had returned,
    /// another small one was in flight, and it was the first to leave behind the ACK for that.
    /// Linux waits for small segments only (`tcp_minshall_check`), so what leaves late behind a
    /// full one was kept by the congestion window.
    /// `first` is the first of its writes.
    fn held(&self, at: Timestamp, first: usize, packet: &Packet) -> Option<Held> {
        let write = self.writes.get(first..first + packet.carries.len())?.last()?;
        let ack = self.last_ack?;
        let waited_for_it = write.ended < ack.at && ack.at <= at && packet.seq == ack.sent;
        let window_was_open = ack.in_flight.saturating_add(packet.segment.len) <= ack.window;
        (self.is_small(packet) && waited_for_it && ack.of_small && window_was_open).then(|| Held {
            write: write.index,
            released_by: ack.index,
            waited: at.since(write.ended),
        })
    }

    fn call_around(&self, at: Timestamp) -> Option<usize> {
        let after = self.calls.partition_point(|span| span.entered <= at);
        // Calls of several threads may overlap; look back over a few.
        self.calls[..after]
            .iter()
            .rev()
            .take(8)
            .find(|span| at <= span.ended)
            .map(|span| span.index)
    }
}
