//! From what each observer recorded to one timeline.
//!
//! Observers know little: the tracer sees calls, the capture sees frames. Here they are put into
//! one order, and frames are tied to connections and given relative numbers. What is so of them is
//! found by the facts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::event::*;
use super::ids::{Both, ConnectionId, FrameNumber, Link, Side};
use super::link_type::{LinkType, NoSegment};
use super::numbers::{Numbering, Numbers};
use super::seen::Seen;
use super::segment::{Flags, Segment};

/// What the observers of one run recorded, in any order, or what a file holds, in the file's order.
#[derive(Clone, Debug, Default)]
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
    pub numbers: Vec<Option<FrameNumber>>,
    /// How many frames of a file have no segment, by the reason. They are among the records all the same.
    pub undecoded: BTreeMap<NoSegment, u64>,
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
        comment: Option<Box<str>>,
        /// What became of it between two hosts; see [`Packet::passage`].
        passage: Option<Box<Passage>>,
        /// What it holds, or `None` if that is not TCP.
        segment: Option<Box<Segment>>,
    },
    /// A call, and the connection that its descriptor stands for.
    Call {
        /// The connection, if the descriptor is one.
        on: Option<Endpoints>,
        /// The call.
        call: Box<Call>,
    },
    /// An action of the test's client.
    Client {
        /// Its connection.
        on: Endpoints,
        /// What it did.
        action: Box<ClientAction>,
    },
    /// A change in the socket table.
    State {
        /// The connection.
        on: Endpoints,
        /// The change.
        change: StateChange,
    },
    /// A process of the server started or ended.
    Process(Box<ProcessEvent>),
}

impl Recording {
    /// The connections on which something happened. On a network that others use the socket table
    /// may also hold what an earlier server on the same port left in TIME_WAIT.
    fn connections_in_use(&self) -> HashSet<Ends> {
        let keys = |record: &Record| match &record.what {
            What::Frame { segment, .. } => {
                let ways = |segment: &Segment| {
                    let (source, destination) = (segment.source(), segment.destination());
                    [Some((source, destination.port())), Some((destination, source.port()))]
                };
                segment.as_deref().map_or([None, None], ways)
            }
            What::Call { on, .. } => [on.map(ends), None],
            What::Client { on, .. } => [Some(ends(*on)), None],
            What::State { .. } | What::Process(_) => [None, None],
        };
        self.records.iter().flat_map(keys).flatten().collect()
    }

    /// Puts the records into one order, ties them together, and numbers the frames.
    pub fn into_seen(mut self) -> Seen {
        let mut merge = Merge::default();
        let real = self.connections_in_use();
        let is_numbered = !self.numbers.is_empty();
        // Room that grows while so much else is made leaves holes in memory.
        merge.events.reserve_exact(self.records.len());
        let mut numbers = Vec::with_capacity(self.numbers.len());
        if !is_numbered {
            // By keys beside them: a sort of the records themselves would take half of their room again.
            self.records.sort_by_cached_key(|record| record.at);
        }
        let mut given = std::mem::take(&mut self.numbers).into_iter();
        self.records.reverse();
        while let Some(Record { at, what }) = self.records.pop() {
            // What has become an event gives its room back: a run would be here twice.
            if self.records.len() < self.records.capacity() / 8 * 7 {
                self.records.shrink_to_fit();
            }
            let number = given.next().flatten();
            let is_real = |on: &Endpoints| real.contains(&ends(*on));
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
            merge.events.sort_by_cached_key(|event| event.at);
            numbers.clear();
        }
        Seen {
            level: self.level,
            endpoints: merge.endpoints(),
            links: merge.links(),
            events: merge.events,
            dropped: self.dropped,
            not_kept: self.not_kept,
            ..Seen::default()
        }
        .numbered(numbers, None)
    }
}

/// A client's address and a server's port. A socket table that has what an earlier server left knows no
/// more of it that matters.
type Ends = (SocketAddr, u16);

fn ends(on: Endpoints) -> Ends {
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
pub(crate) struct Merge {
    events: Vec<Event>,
    connections: Vec<Tracked>,
    current: HashMap<Endpoints, ConnectionId>,
    /// The latest whose server's address is known as a wildcard only, if no other began since.
    wildcard: HashMap<Ends, ConnectionId>,
    latest: HashMap<Ends, ConnectionId>,
    /// Where the last segment belonged, by its ends as they are from its sender's side: mostly the next one belongs there.
    last: Option<([SocketAddr; 2], ConnectionId, Side)>,
}

/// Where a segment belongs, and who sent it.
enum Belongs {
    /// To a connection that is there.
    ToKnown(ConnectionId, Side),
    /// To a new one. Who serves may be a guess.
    Begins {
        endpoints: Endpoints,
        from: Side,
        guessed: bool,
    },
}

/// What is known of a connection while its events go by.
#[derive(Debug)]
struct Tracked {
    endpoints: Endpoints,
    accepted: bool,
    connected: bool,
    link: Link,
    numbering: Numbering,
    /// True once a packet of it was captured.
    captured: bool,
    /// True once a packet without SYN was.
    goes_on: bool,
    /// What the socket table last said of each side's socket.
    states: Both<Option<TcpState>>,
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
}

impl Merge {
    /// The connection with these addresses; a new one where none is, or where the one there has had
    /// this beginning already.
    fn connection(&mut self, on: Endpoints, beginning: Option<Beginning>) -> ConnectionId {
        let known = self.known(on);
        let known = known.filter(|id| beginning.is_none_or(|beginning| !*self.connections[id.index()].had(beginning)));
        let id = known.unwrap_or_else(|| self.begin(on));
        self.addressed(id, on);
        if let Some(beginning) = beginning {
            *self.connections[id.index()].had(beginning) = true;
        }
        id
    }

    /// The latest connection with these addresses. A wildcard stands for any address of the server, on
    /// either side of the comparison.
    pub fn known(&self, on: Endpoints) -> Option<ConnectionId> {
        if on.server.ip().is_unspecified() {
            return self.latest.get(&ends(on)).copied();
        }
        let exact = self.current.get(&on).copied();
        exact.max(self.wildcard.get(&ends(on)).copied())
    }

    fn begin(&mut self, endpoints: Endpoints) -> ConnectionId {
        self.last = None;
        let id = ConnectionId::of(self.connections.len());
        let before = self.known(endpoints);
        self.connections.push(Tracked {
            endpoints,
            accepted: false,
            connected: false,
            link: Link {
                roles_guessed: false,
                earlier: before,
            },
            numbering: Numbering::default(),
            captured: false,
            goes_on: false,
            states: Both::default(),
            last: Timestamp(0),
        });
        self.latest.insert(ends(endpoints), id);
        if endpoints.server.ip().is_unspecified() {
            self.wildcard.insert(ends(endpoints), id);
        } else {
            self.wildcard.remove(&ends(endpoints));
            self.current.insert(endpoints, id);
        }
        if let Some(old) = before {
            self.take_anew(old);
        }
        id
    }

    /// Says that a connection has these addresses: its server's may have been known as a wildcard only.
    fn addressed(&mut self, id: ConnectionId, endpoints: Endpoints) {
        let tracked = &mut self.connections[id.index()];
        if !tracked.endpoints.server.ip().is_unspecified() || endpoints.server.ip().is_unspecified() {
            return;
        }
        self.last = None;
        tracked.endpoints = endpoints;
        if self.wildcard.get(&ends(endpoints)) == Some(&id) {
            self.wildcard.remove(&ends(endpoints));
        }
        self.current.insert(endpoints, id);
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
                let (id, mut packet) = self.packet(segment?, link_type, wire_len, comment);
                (packet.frame, packet.passage) = (frame, passage);
                (Some(id), EventKind::Packet(Box::new(packet)))
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
            What::Process(event) => {
                let on = match &event.kind {
                    ProcessEventKind::Dials { on } => Some(self.connection(**on, None)),
                    ProcessEventKind::Holds { on, .. } => self.known(**on),
                    _ => None,
                };
                (on, EventKind::Process(event))
            }
        })
    }

    /// Says of both sockets of a connection that they are gone, since another has its addresses.
    fn take_anew(&mut self, old: ConnectionId) {
        let tracked = &mut self.connections[old.index()];
        for side in [Side::Client, Side::Server] {
            let from = tracked.states[side].take();
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
        // What is no change says nothing, and that a socket is gone begins no connection.
        let known = self.known(on);
        let known = known.map(|id| self.connections[id.index()].states[change.side]);
        if known.unwrap_or_default() == change.to {
            return None;
        }
        let id = self.connection(on, None);
        let from = std::mem::replace(&mut self.connections[id.index()].states[change.side], change.to);
        Some((id, StateChange { from, ..change }))
    }

    /// Puts an event on the timeline.
    fn push(&mut self, event: Event) {
        if let Some(id) = event.connection {
            self.connections[id.index()].last = event.at;
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

    /// How each was told from others.
    pub fn links(&self) -> Vec<Link> {
        self.connections.iter().map(|c| c.link).collect()
    }

    /// True if a segment begins a connection.
    pub fn begins(&self, segment: &Segment) -> bool {
        matches!(self.placed(segment), Belongs::Begins { .. })
    }

    /// Which connection a segment belongs to, and who sent it.
    fn place(&mut self, segment: &Segment) -> (ConnectionId, Side) {
        let ends = [segment.source(), segment.destination()];
        match self.last.filter(|_| !segment.flags.has(Flags::SYN)) {
            Some((last, id, side)) if last == ends => return (id, side),
            Some(([to, from], id, side)) if [from, to] == ends => return (id, side.peer()),
            _ => {}
        }
        match self.placed(segment) {
            Belongs::ToKnown(id, side) => {
                self.last = Some((ends, id, side));
                (id, side)
            }
            Belongs::Begins {
                endpoints,
                from,
                guessed,
            } => {
                let id = self.begin(endpoints);
                self.connections[id.index()].link.roles_guessed = guessed;
                (id, from)
            }
        }
    }

    fn placed(&self, segment: &Segment) -> Belongs {
        let forth = Endpoints {
            client: segment.source(),
            server: segment.destination(),
        };
        let back = Endpoints {
            client: segment.destination(),
            server: segment.source(),
        };
        let begins = |endpoints, from, guessed| Belongs::Begins {
            endpoints,
            from,
            guessed,
        };
        let opens = segment.flags.has(Flags::SYN) && !segment.flags.has(Flags::ACK);
        if opens {
            if let Some(id) = self.known(forth).filter(|id| self.is_opened_by(*id, segment)) {
                return Belongs::ToKnown(id, Side::Client);
            }
            // Both sides open at once: the other one's SYN is on its way.
            let crosses = |id: &ConnectionId| {
                let tracked = &self.connections[id.index()];
                let again = tracked.numbering.has_syn(Side::Server, segment.seq);
                let first = !tracked.numbering.saw_syn(Side::Server) && !tracked.goes_on;
                tracked.numbering.saw_syn(Side::Client) && (again || first)
            };
            return match self.known(back).filter(crosses) {
                Some(id) => Belongs::ToKnown(id, Side::Server),
                None => begins(forth, Side::Client, false),
            };
        }
        if let Some(id) = self.known(forth) {
            return Belongs::ToKnown(id, Side::Client);
        }
        if let Some(id) = self.known(back) {
            return Belongs::ToKnown(id, Side::Server);
        }
        if segment.flags.has(Flags::SYN) {
            return begins(back, Side::Server, false);
        }
        if serves(segment) {
            begins(back, Side::Server, true)
        } else {
            begins(forth, Side::Client, true)
        }
    }

    /// True if a SYN without ACK is one of this connection's: nothing of it was captured yet, or it is
    /// sent again, or what answers it stands before it in the file.
    fn is_opened_by(&self, id: ConnectionId, segment: &Segment) -> bool {
        let tracked = &self.connections[id.index()];
        !tracked.captured || tracked.numbering.begins_at(Side::Client, segment.seq)
    }

    /// The packet that a frame's segment is on its connection, without the frame's bytes.
    pub fn packet(
        &mut self,
        segment: Box<Segment>,
        link_type: LinkType,
        wire_len: u32,
        comment: Option<Box<str>>,
    ) -> (ConnectionId, Packet) {
        let (id, from) = self.place(&segment);
        let (client, server) = match from {
            Side::Client => (segment.source(), segment.destination()),
            Side::Server => (segment.destination(), segment.source()),
        };
        self.addressed(id, Endpoints { client, server });
        let tracked = &mut self.connections[id.index()];
        tracked.captured = true;
        tracked.goes_on |= !segment.flags.has(Flags::SYN);
        let Numbers { seq, ack, window } = tracked.numbering.see(from, &segment);
        let packet = Packet {
            // Frames get their numbers when all events are in order: see `numbered`.
            number: FrameNumber(0),
            from,
            seq,
            ack,
            window,
            frame: Arc::default(),
            link_type,
            wire_len,
            comment: comment.map(Box::new),
            told: None,
            passage: None,
            segment,
        };
        (id, packet)
    }
}

/// The events of a run while it goes on, as their records come.
#[derive(Debug, Default)]
pub struct Stream {
    merge: Merge,
}

impl Stream {
    /// The events that a record is: none for one that has no place on a timeline, or several, where it tells what
    /// became of an earlier connection. Facts of packets are known when all is over, and so are the numbers of frames.
    pub fn see(&mut self, Record { at, what }: Record) -> Vec<Event> {
        // The table may have what an earlier server left.
        let is_of_another = matches!(&what, What::State { on, .. } if self.merge.known(*on).is_none());
        if !is_of_another && let Some((connection, kind)) = self.merge.record(what) {
            self.merge.push(Event { at, connection, kind });
        }
        std::mem::take(&mut self.merge.events)
    }

    /// The addresses of a connection that an event was on.
    pub fn endpoints(&self, of: ConnectionId) -> Endpoints {
        self.merge.connections[of.index()].endpoints
    }
}

/// Which end of a connection whose beginning was not captured is taken for the server: the one with a port
/// below 1024, or the one whose peer has a port of those that systems hand out (RFC 6335, section 6); else
/// the one that does not send data first, or has the lower port. True if it is the sender.
fn serves(segment: &Segment) -> bool {
    const SYSTEM: u16 = 1024;
    const EPHEMERAL: u16 = 32768;
    let (source, destination) = (segment.source().port(), segment.destination().port());
    if (source < SYSTEM) != (destination < SYSTEM) {
        source < SYSTEM
    } else if (source >= EPHEMERAL) != (destination >= EPHEMERAL) {
        destination >= EPHEMERAL
    } else if segment.len > 0 {
        false
    } else {
        source < destination
    }
}
