//! What several rules look up.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::num::NonZeroI32;
use std::time::Duration;

use crate::events::{
    Call, CallKind, ConnectionId, EventId, EventKind, ProcessEvent, ProcessEventKind, Side, Timestamp, printable,
};
use crate::timeline::{Connection, KnownPacket, Timeline};

/// What rules look up beside a connection, gathered once: ten thousand connections must not each look
/// through all events.
#[derive(Default)]
pub(super) struct Run<'a> {
    /// When Nagle's algorithm was switched on which listener's descriptor. An accepted socket inherits that on Linux.
    on_listeners: Vec<(i32, (Timestamp, bool))>,
    /// Where each process of the server was started.
    started: HashMap<i32, EventId>,
    /// The last accept that failed, and not because nobody had connected.
    pub refused: Option<(EventId, &'a Call)>,
    /// The listen calls that succeeded.
    listens: Vec<(EventId, &'a Call)>,
    /// The longest row of accepts that failed, each soon after the one before.
    pub spin: Option<Spin>,
    /// The reads of each thread that waited, in order.
    blocked: HashMap<i32, Vec<(EventId, &'a Call)>>,
    /// What each client process did last on two connections: the last thing, and the last on another one.
    last: HashMap<Option<NonZeroI32>, [Option<(EventId, ConnectionId)>; 2]>,
    /// When the server, or a process of it, ended in a way that ends its exchanges too.
    pub server_ended: Option<EventId>,
    /// The writes that pass on what another client said, as a chat does: behind one read the same bytes went to several
    /// connections, and these are not the one that was read from.
    pub told: HashSet<EventId>,
}

/// What was written since something was last read.
#[derive(Default)]
struct SinceRead<'a> {
    from: Option<ConnectionId>,
    writes: HashMap<&'a [u8], Vec<(EventId, Option<ConnectionId>)>>,
}

impl SinceRead<'_> {
    /// Those of the writes that pass on what was read.
    fn told(self) -> impl Iterator<Item = EventId> {
        let to_several =
            |writes: &Vec<(EventId, Option<ConnectionId>)>| writes.iter().any(|(_, on)| *on != writes[0].1);
        let groups = self.writes.into_values().filter(to_several).flatten();
        groups
            .filter(move |(_, on)| self.from.is_some() && *on != self.from)
            .map(|(id, _)| id)
    }
}

/// Accepts that failed in a row.
#[derive(Clone, Copy)]
pub(super) struct Spin {
    pub count: usize,
    pub first: EventId,
    pub last: EventId,
    /// The accept after them, if it returned a client.
    pub ended_by: Option<EventId>,
}

impl<'a> Run<'a> {
    /// What fails so soon again was tried again without a pause.
    pub const AT_ONCE: Duration = Duration::from_millis(10);

    /// A read that takes so long has waited.
    const WAITED: Duration = Duration::from_millis(5);

    /// Takes in an accept that has returned, with the row that it may go on with.
    fn accepts(&mut self, (id, call): (EventId, &Call), row: &mut Option<(Spin, Timestamp)>) {
        match call.result {
            Some(Err(_)) if call.cannot_accept() => {
                let goes_on = row.filter(|(_, at)| call.entered.since(*at) < Run::AT_ONCE);
                let before = goes_on.map_or((0, id), |(spin, _)| (spin.count, spin.first));
                let spin = Spin {
                    count: before.0 + 1,
                    first: before.1,
                    last: id,
                    ended_by: None,
                };
                *row = Some((spin, call.ended));
                if self.spin.is_none_or(|longest| longest.count <= spin.count) {
                    self.spin = Some(spin);
                }
            }
            Some(Ok(_)) => {
                if let (Some((row, _)), Some(longest)) = (row.take(), &mut self.spin)
                    && row.last == longest.last
                {
                    longest.ended_by = Some(id);
                }
            }
            _ => {}
        }
    }

    pub fn of(timeline: &'a Timeline) -> Run<'a> {
        let mut run = Run::default();
        let mut since = SinceRead::default();
        // By the listener's descriptor: threads may have one each.
        let mut rows: HashMap<i32, Option<(Spin, Timestamp)>> = HashMap::new();
        let of_all = [timeline.first_process(), timeline.crashed().map(|(pid, _)| pid)];
        for (id, event) in timeline.iter() {
            if let EventKind::Process(process) = &event.kind {
                match process.kind {
                    ProcessEventKind::Started => _ = run.started.insert(process.pid, id),
                    ProcessEventKind::Exited(_) if of_all.contains(&Some(process.pid)) => {
                        run.server_ended.get_or_insert(id);
                    }
                    _ => {}
                }
            }
            if let EventKind::Client(action) = &event.kind
                && let (Some(call), Some(connection)) = (&action.call, event.connection)
            {
                let [last, other] = run.last.entry(call.process).or_default();
                if last.is_some_and(|(_, on)| on != connection) {
                    *other = *last;
                }
                *last = Some((id, connection));
            }
            let EventKind::Call(call) = &event.kind else { continue };
            if call.kind == CallKind::Read && call.ended.since(call.entered) >= Run::WAITED {
                run.blocked.entry(call.thread).or_default().push((id, call));
            }
            if event.connection.is_none() {
                run.on_listeners
                    .extend(call.switches_no_delay().map(|switch| (call.fd, switch)));
            }
            if call.kind == CallKind::Listen && matches!(call.result, Some(Ok(_))) {
                run.listens.push((id, call));
            }
            if call.kind == CallKind::Read && call.moved() > 0 {
                let from = SinceRead {
                    from: event.connection,
                    ..SinceRead::default()
                };
                run.told.extend(std::mem::replace(&mut since, from).told());
            }
            if call.kind == CallKind::Write && event.connection.is_some() {
                let same = since.writes.entry(&call.bytes).or_default();
                same.push((id, event.connection));
            }
            if call.kind == CallKind::Accept {
                run.accepts((id, call), rows.entry(call.fd).or_default());
            }
            if call.cannot_accept() {
                run.refused = Some((id, call));
            }
        }
        run.told.extend(since.told());
        run
    }

    /// The last read in which a thread waited before this moment.
    pub fn blocked_before(&self, thread: i32, moment: Timestamp) -> Option<(EventId, &'a Call)> {
        let reads = self.blocked.get(&thread)?;
        // A thread is in one call at a time.
        let before = reads.partition_point(|(_, call)| call.ended <= moment);
        reads[..before].last().copied()
    }

    /// What a client process did last, after this event and on another connection than this.
    pub fn last_of_client(&self, process: Option<NonZeroI32>, after: EventId, on: ConnectionId) -> Option<EventId> {
        let last = self.last.get(&process)?.iter().flatten();
        last.filter(|(id, other)| *id > after && *other != on)
            .map(|(id, _)| *id)
            .next()
    }

    /// The last listen at this address, or at all addresses with its port.
    pub fn listen_at(&self, server: SocketAddr) -> Option<(EventId, &'a Call)> {
        let is_it = |(_, call): &&(EventId, &Call)| {
            call.listens_at().is_some_and(|address| {
                address.port() == server.port() && (address.ip().is_unspecified() || address.ip() == server.ip())
            })
        };
        self.listens.iter().rfind(is_it).copied()
    }

    /// When Nagle's algorithm was switched off for a connection, or on again: on its listener before it was accepted, then
    /// on itself.
    pub fn no_delay_switched(&self, connection: Connection<'_>) -> Vec<(Timestamp, bool)> {
        let inherited = accept_of(connection).into_iter().flat_map(|(_, accept)| {
            let before = move |(fd, (at, _)): &&(i32, (Timestamp, bool))| *fd == accept.fd && *at <= accept.ended;
            self.on_listeners.iter().filter(before).map(|(_, switch)| *switch)
        });
        inherited.chain(connection.no_delay_switched()).collect()
    }
}

/// What was waited for before a server was said not to do its part, to end a sentence; nothing where that was not
/// recorded.
pub(super) fn waited(timeline: &Timeline) -> String {
    timeline
        .settled()
        .map(|settled| format!(" {settled}"))
        .unwrap_or_default()
}

/// True if a client closed, so that its server has to.
pub(super) fn is_ended_by_client(_: &Run<'_>, connection: Connection<'_>) -> bool {
    !connection.is_the_servers_own() && connection.closing().fins.contains(&Side::Client)
}

/// True if neither side had ended it, as its packets show, before this event.
pub(super) fn is_open_at(connection: Connection<'_>, id: EventId) -> bool {
    let facts = connection.facts();
    let ends = facts.fins.iter().map(|fin| fin.1);
    let mut ends = ends.chain(facts.reset.map(|reset| reset.frame));
    !ends.any(|frame| connection.timeline().event_of_frame(frame).is_some_and(|end| end < id))
}

/// The call that took a connection from the kernel.
pub(super) fn accept_of(connection: Connection<'_>) -> Option<(EventId, &Call)> {
    connection.calls().find(|(_, call)| call.kind == CallKind::Accept)
}

/// The close of the very descriptor that accept returned: for the program that is the end of the connection.
pub(super) fn owners_close(connection: Connection<'_>) -> Option<(EventId, &Call)> {
    let (_, accept) = accept_of(connection)?;
    let of_owner =
        |call: &Call| call.process == accept.process && accept.result == Some(Ok(call.fd.unsigned_abs().into()));
    connection
        .calls()
        .find(|(_, call)| call.kind == CallKind::Close && call.result == Some(Ok(0)) && of_owner(call))
}

/// Who has another descriptor of a connection that its peer has closed, and how it came by that, to end a sentence; with
/// the events that tell.
pub(super) fn holders(run: &Run<'_>, connection: Connection<'_>) -> (String, Vec<EventId>) {
    let accept = accept_of(connection);
    let (mut words, mut evidence) = (Vec::new(), Vec::new());
    for (id, event) in connection.events() {
        let EventKind::Process(process) = &event.kind else {
            continue;
        };
        let ProcessEvent { pid, kind } = &**process;
        let ProcessEventKind::Holds {
            fd,
            command,
            over: false,
            ..
        } = kind
        else {
            continue;
        };
        // A child has what was open when it was forked.
        let forked = accept.is_some_and(|(accept, _)| run.started.get(pid).is_some_and(|start| *start > accept));
        let how = match accept {
            Some((_, accept)) if accept.process == NonZeroI32::new(*pid) => "by a dup",
            Some(_) if forked => "by a fork",
            _ => "from another process",
        };
        words.push(format!(
            "process {pid} ({}) has it as descriptor {fd}, {how}",
            printable(command)
        ));
        evidence.push(id);
    }
    let words = words.join(", and ");
    (if words.is_empty() { words } else { format!(": {words}") }, evidence)
}

/// The packets that one side sent, with their indices.
pub(super) fn sent_by(connection: Connection<'_>, side: Side) -> impl Iterator<Item = (EventId, KnownPacket<'_>)> {
    connection.packets().filter(move |(_, packet)| packet.from == side)
}
