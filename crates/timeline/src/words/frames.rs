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
    action.call.as_deref().map(call_text)
}

/// What the frame of a state says; `None` for one that is no frame.
pub fn state_words(change: &StateChange) -> Option<String> {
    let name = change.to.map_or("closed".to_owned(), |state| state.to_string());
    change.is_frame().then(|| format!("socket {name}"))
}

/// What the frame of a process says, if more became of it than that it was started.
pub fn process_words(event: &ProcessEvent) -> Option<String> {
    let (what, more) = process_did(&event.kind)?;
    Some(format!("process {} {what}{more}", event.pid))
}

/// The same for who has less room, from the longest to the shortest: whole, without its first word, and without what
/// is told besides.
pub(crate) fn process_forms(event: &ProcessEvent) -> Vec<String> {
    let pid = event.pid;
    let (what, more) = process_did(&event.kind).unwrap_or_default();
    let mut forms = vec![format!("process {pid} {what}{more}"), format!("{pid} {what}{more}")];
    if !more.is_empty() {
        forms.push(format!("process {pid} {what}"));
    }
    forms
}

/// What a process did, and what is told besides.
fn process_did(kind: &ProcessEventKind) -> Option<(String, String)> {
    let (what, more) = match kind {
        ProcessEventKind::Started
        | ProcessEventKind::Settled(_)
        | ProcessEventKind::OutputNotKept
        | ProcessEventKind::Wrote { .. } => return None,
        ProcessEventKind::Dials { on } => (format!("of the server connects to {}", on.server), String::new()),
        ProcessEventKind::Holds { fd, .. } => (format!("still has descriptor {fd}"), String::new()),
        ProcessEventKind::Exited(exit) => ("ended".to_owned(), format!(": {exit}")),
        ProcessEventKind::UsesIoUring => (
            "uses io_uring".to_owned(),
            ": what it does through that is not shown".to_owned(),
        ),
        ProcessEventKind::ForeignCalls => (
            "makes calls of another architecture, which are not shown".to_owned(),
            String::new(),
        ),
        ProcessEventKind::NoStrictMode => (
            "was refused the strict mode of seccomp".to_owned(),
            ": as it is traced".to_owned(),
        ),
        ProcessEventKind::WithoutRights { program, rights } => (
            format!("runs {} without what its file gives", printable(program)),
            format!(": {rights}"),
        ),
    };
    Some((what, more))
}
