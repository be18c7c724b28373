//! What an event means that is no packet: one plain sentence.

use super::amount;
use crate::events::*;
use crate::timeline::Timeline;

/// Of a process, where its trace alone keeps it from confining itself.
pub const NO_STRICT_MODE: &str = "was refused the strict mode of seccomp, which it would have got untraced";

/// What a call, a client's action or a process's doing means. `None` for a packet, which
/// [`explain`](super::explain) explains, and for a state, which [`explain_state`] does.
pub fn explain_event(timeline: &Timeline, id: EventId) -> Option<String> {
    match &timeline.events.get(id.index())?.kind {
        EventKind::Packet(_) | EventKind::State(_) => None,
        EventKind::Call(call) => Some(of_call(Side::Server, call)),
        EventKind::Client(action) => Some(match &action.call {
            Some(call) => of_call(Side::Client, call),
            None => of_action(&action.kind),
        }),
        EventKind::Process(process) => Some(of_process(&process.kind)),
    }
}

fn bytes(count: u64) -> String {
    amount(count, "byte", "bytes")
}

fn of_call(side: Side, call: &Call) -> String {
    match call.result {
        None => {
            return format!("The {side}'s program made this call, and it had not returned when the observation ended.");
        }
        Some(Err(_)) if call.would_block() => {
            return format!(
                "The {side}'s program tried, and the kernel had nothing for it yet: it would have had to wait."
            );
        }
        Some(Err(errno)) if errno == Errno::EINPROGRESS => {
            return format!("The {side}'s program asks for a connection and does not wait for it.");
        }
        Some(Err(errno)) => return format!("The call of the {side}'s program failed: {errno}."),
        Some(Ok(_)) => {}
    }
    let moved = bytes(call.moved());
    match (call.kind, call.argument()) {
        (CallKind::Listen, _) => {
            format!("From now on the kernel takes connections for the {side}'s program: the socket is in LISTEN.")
        }
        (CallKind::Accept, _) => format!(
            "The {side}'s program takes a connection that its kernel had made: descriptor {} names it.",
            call.result.and_then(Result::ok).unwrap_or_default()
        ),
        (CallKind::Connect, _) => format!("The connection of the {side}'s program is made."),
        (CallKind::Read, _) if call.is_peek() => {
            format!("The {side}'s program looks at what has come and leaves it unread.")
        }
        (CallKind::Read, _) if call.is_end_of_file() => format!(
            "The {side}'s program reads the end of file: the FIN of the other side has come, and all data before it is read."
        ),
        (CallKind::Read, _) => format!("The {side}'s program takes {moved} out of its kernel's receive buffer."),
        (CallKind::Write, _) => format!(
            "The {side}'s program hands {moved} to its kernel. The call returns when the kernel has them; when they leave is up to the kernel."
        ),
        (CallKind::Shutdown, Some(Argument::Shutdown(Direction::Read))) => {
            format!("The {side}'s program will read no more. Nothing of that is on the wire.")
        }
        (CallKind::Shutdown, _) => {
            format!("The {side}'s program will send no more: its kernel sends a FIN behind what is still to leave.")
        }
        (CallKind::Close, _) => format!(
            "The {side}'s program gives up this descriptor. With the last one that names the socket its connection is closed."
        ),
        (CallKind::SetOption, Some(Argument::Option(option))) => of_option(side, option),
        (CallKind::SetOption, _) => format!("The {side}'s program sets an option of the socket."),
    }
}

fn of_option(side: Side, option: SocketOption) -> String {
    match option {
        SocketOption::NoDelay(true) => {
            format!("Nagle's algorithm is off for the {side}: small segments leave at once.")
        }
        SocketOption::Cork(true) => format!("The {side}'s kernel keeps what is less than a full segment."),
        SocketOption::Linger(Some(0)) => format!("A close of the {side}'s program will reset the connection."),
        _ => format!("The {side}'s program sets an option of the socket."),
    }
}

fn of_action(kind: &ClientActionKind) -> String {
    match kind {
        ClientActionKind::Connected => "The client has its connection.".to_owned(),
        ClientActionKind::Sent { len, .. } => format!("The client hands {} to its kernel.", bytes(*len)),
        ClientActionKind::Received { len, .. } => format!("The client has read {}.", bytes(*len)),
        ClientActionKind::EndOfFile => "The client has read the end of file: the server's FIN.".to_owned(),
        ClientActionKind::ShutdownWrite => "The client will send no more.".to_owned(),
        ClientActionKind::Closed => "The client closes its socket.".to_owned(),
        ClientActionKind::Reset => "The client closes its socket so that its kernel sends a reset.".to_owned(),
        ClientActionKind::GaveUp { .. } => "The client waits no longer for what did not come.".to_owned(),
        ClientActionKind::Failed(_) => "What the client tried has failed.".to_owned(),
        ClientActionKind::Called(_) => "The client made another call on its socket.".to_owned(),
    }
}

fn of_process(kind: &ProcessEventKind) -> String {
    match kind {
        ProcessEventKind::Started => "A process of the server was started.",
        ProcessEventKind::Exited(_) => "A process of the server ended. The kernel closes what it still had open.",
        ProcessEventKind::UsesIoUring => {
            "What the process does through an io_uring is no system call, and is not shown."
        }
        ProcessEventKind::ForeignCalls => "The process makes calls of another architecture, which are not shown.",
        ProcessEventKind::NoStrictMode => {
            "The process has the filter already by which it is traced, so Linux refuses it the strict mode of seccomp."
        }
        ProcessEventKind::WithoutRights { .. } => {
            "The program did not get what its file gives, since it is observed without the rights of root."
        }
        ProcessEventKind::Holds { over: false, .. } => {
            "The peer has closed, and the process still had another descriptor of the connection when the observation ended."
        }
        ProcessEventKind::Holds { .. } => {
            "The connection is over, and the process still had a descriptor of it when the observation ended."
        }
        ProcessEventKind::Dials { .. } => {
            "A process of the server connects to somebody: on that connection it is the client."
        }
        ProcessEventKind::OutputNotKept => "The server wrote more lines than are kept: the later ones are not here.",
        ProcessEventKind::Settled(_) => "The observation ended here.",
        ProcessEventKind::Wrote { .. } => "The server wrote this line. The time is when it was read here.",
    }
    .to_owned()
}

/// What it means that a side's socket has this state now, or is gone
/// ([RFC 9293, section 3.3.2](https://www.rfc-editor.org/rfc/rfc9293#section-3.3.2)).
pub fn explain_state(side: Side, state: Option<TcpState>) -> String {
    let peer = side.peer();
    let Some(state) = state else {
        return format!("The {side}'s socket is gone: its kernel has nothing left of the connection.");
    };
    let meaning = match state {
        TcpState::Listen => "it waits for connections".to_owned(),
        TcpState::SynSent => format!("its SYN has left, and the {peer}'s has not come"),
        TcpState::SynReceived => format!("the {peer}'s SYN has come, and its own is not acknowledged"),
        TcpState::Established => "data can go both ways".to_owned(),
        TcpState::FinWait1 => "its FIN has left, and is not acknowledged".to_owned(),
        TcpState::FinWait2 => format!("its FIN is acknowledged, and the {peer} has not sent one"),
        TcpState::Closing => "both FINs have left, and its own is not acknowledged".to_owned(),
        TcpState::TimeWait => {
            format!("both sides have closed, and it waits in case something of the {peer}'s comes late")
        }
        TcpState::CloseWait => format!("the {peer} has closed, and the program here has yet to"),
        TcpState::LastAck => format!("the {peer} had closed, and its own FIN is not acknowledged"),
    };
    format!("The {side}'s socket is in {state}: {meaning}.")
}
