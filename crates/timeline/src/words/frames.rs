//! What a frame that is no packet says.

use super::calls::call_text;
use crate::events::*;

/// What the frame of a call of the server says. `None` for a call that only found that it would
/// have had to wait (EAGAIN), which is no frame.
pub fn call_words(call: &Call) -> Option<String> {
    (!call.would_block()).then(|| call_text(call))
}

/// What the frame of a client's action says: the call, where the client is a program that was traced
/// too. What a client of our own does is no call and no frame.
pub fn client_words(action: &ClientAction) -> Option<String> {
    action.call.as_ref().map(call_text)
}

/// What the frame of a state says; `None` for one that is no frame.
pub fn state_words(change: &StateChange) -> Option<String> {
    let name = change.to.map_or("closed".to_owned(), |state| state.to_string());
    change.is_frame().then(|| format!("socket {name}"))
}

/// What the frame of a process says, if more became of it than that it was started.
pub fn process_words(event: &ProcessEvent) -> Option<String> {
    let pid = event.pid;
    match &event.kind {
        ProcessEventKind::Started
        | ProcessEventKind::Settled(_)
        | ProcessEventKind::OutputNotKept
        | ProcessEventKind::Wrote { .. } => None,
        ProcessEventKind::Dials { on } => Some(format!("process {pid} of the server connects to {}", on.server)),
        ProcessEventKind::Holds { fd, .. } => Some(format!("process {pid} still has descriptor {fd}")),
        ProcessEventKind::Exited(exit) => Some(format!("process {pid} ended: {exit}")),
        ProcessEventKind::UsesIoUring => Some(format!(
            "process {pid} uses io_uring: what it does through that is not shown"
        )),
        ProcessEventKind::ForeignCalls => Some(format!(
            "process {pid} makes calls of another architecture, which are not shown"
        )),
        ProcessEventKind::WithoutRights { program, rights } => Some(format!(
            "process {pid} runs {} without what its file gives: {rights}",
            printable(program)
        )),
    }
}
