//! Calls and client actions as text, as strace writes them.

use crate::events::{Call, CallKind, ClientActionKind, printable, quoted};
use crate::width::{columns, cut};

/// How many bytes of data strace shows, and so does this.
const SHOWN_BYTES: usize = 32;

/// A client's action as a short text: `send "1\n"`.
pub fn action_text(action: &ClientActionKind) -> String {
    match action {
        ClientActionKind::Connected => "connect".to_owned(),
        ClientActionKind::Sent { bytes, len } => format!("send {}", data_text(bytes, *len, SHOWN_BYTES)),
        ClientActionKind::Received { bytes, len } => format!("recv {}", data_text(bytes, *len, SHOWN_BYTES)),
        ClientActionKind::EndOfFile => "recv \"\"".to_owned(),
        ClientActionKind::ShutdownWrite => "shutdown(SHUT_WR)".to_owned(),
        ClientActionKind::Closed => "close".to_owned(),
        ClientActionKind::Reset => "close (SO_LINGER 0)".to_owned(),
        ClientActionKind::Failed(why) => format!("failed: {}", printable(why)),
        ClientActionKind::GaveUp { wanted, waited } => match waited {
            Some(waited) => format!("gave up: no {} in {waited:?}", unarticled(wanted)),
            None => format!("gave up: no {} before the end", unarticled(wanted)),
        },
        ClientActionKind::Called(call) => printable(call),
    }
}

/// What was waited for, without the article that it stands with elsewhere.
fn unarticled(wanted: &str) -> String {
    printable(wanted.strip_prefix("a ").unwrap_or(wanted))
}

/// Data in quotes as strace shows it: cut after `shown` bytes, with `...` behind the quotes then.
pub(crate) fn data_text(bytes: &[u8], len: u64, shown: usize) -> String {
    let shown = &bytes[..bytes.len().min(shown)];
    let cut = if (shown.len() as u64) < len { "..." } else { "" };
    format!("{}{cut}", quoted(shown))
}

/// A call as strace would write it: `sendto(9, "1", 1) = 1`.
///
/// ```
/// use timeline::{Call, CallKind, Errno, words::call_text};
///
/// let mut call = Call {
///     process: None,
///     thread: 1,
///     name: "sendto".into(),
///     kind: CallKind::Write,
///     fd: 9,
///     asked: Some(1),
///     bytes: b"\n"[..].into(),
///     detail: None,
///     argument: None,
///     result: Some(Ok(1)),
///     moved_in_messages: None,
///     entered: Default::default(),
///     ended: Default::default(),
///     tracer: Default::default(),
/// };
/// assert_eq!(call_text(&call), r#"sendto(9, "\n", 1) = 1"#);
/// call.result = Some(Err(Errno(32)));
/// assert_eq!(call_text(&call), r#"sendto(9, "\n", 1) = -1 EPIPE"#);
/// call.result = None;
/// assert_eq!(call_text(&call), r#"sendto(9, "\n", 1) <unfinished ...>"#);
/// (call.detail, call.result) = (Some(Box::new("MSG_MORE".into())), Some(Ok(1)));
/// assert_eq!(call_text(&call), r#"sendto(9, "\n", 1, MSG_MORE) = 1"#);
/// ```
pub fn call_text(call: &Call) -> String {
    render(call, SHOWN_BYTES, Shape::Whole)
}

/// A call as strace would write it, with all of its data that was kept.
pub(crate) fn whole_call(call: &Call) -> String {
    render(call, Call::KEEP, Shape::Whole)
}

/// A call in at most `width` columns: what matters least goes first, which is the number of bytes
/// asked for, then the end of the data, then the descriptor, then all arguments.
pub fn call_text_within(call: &Call, width: usize) -> String {
    let whole = [32, 24, 16, 12, 8].map(|shown| (shown, Shape::Whole));
    let short = [32, 24, 16, 12, 8, 6, 4].map(|shown| (shown, Shape::WithoutSize));
    let bare = [8, 4].map(|shown| (shown, Shape::DataOnly));
    let forms = whole
        .into_iter()
        .chain(short)
        .chain(bare)
        .map(|(shown, shape)| render(call, shown, shape));
    let least = match (&call.detail, call.result) {
        (Some(detail), Some(Ok(0))) if !moves_data(call) => printable(detail),
        (_, Some(Ok(value))) => format!("{} = {value}", call.name),
        (_, Some(Err(errno))) => format!("{}: {errno}", call.name),
        (_, None) => format!("{}: unfinished", call.name),
    };
    let named = match (&call.detail, call.result) {
        (Some(detail), Some(Ok(0))) => format!("{}({})", call.name, printable(detail)),
        _ => least.clone(),
    };
    let fitting = forms.chain([named, least.clone()]).find(|form| columns(form) <= width);
    fitting.unwrap_or_else(|| result_last(&least, width))
}

/// `sen…: EPIPE`, then `EPIPE`: what came of a call is what a reader looks for, so its end is kept for longest.
fn result_last(least: &str, width: usize) -> String {
    let Some(end) = least.find(": ").or_else(|| least.find(" = ")) else {
        return cut(least, width);
    };
    let (name, result) = least.split_at(end);
    match width.checked_sub(columns(result)) {
        Some(room) if room > 2 => cut(name, room) + result,
        _ => cut(result.trim_start_matches([':', ' ']), width),
    }
}

/// How many arguments of a call are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Whole,
    WithoutSize,
    DataOnly,
}

fn render(call: &Call, shown: usize, shape: Shape) -> String {
    let tells_more = moves_data(call) || call.detail.is_some();
    let mut arguments = Vec::new();
    if shape != Shape::DataOnly || !tells_more {
        arguments.push(call.fd.to_string());
    }
    if moves_data(call) {
        arguments.extend(data_argument(call, shown));
        arguments.extend(
            call.asked
                .filter(|_| shape == Shape::Whole)
                .map(|asked| asked.to_string()),
        );
    }
    arguments.extend(call.detail.iter().map(|detail| printable(detail)));
    format!("{}({}) {}", call.name, arguments.join(", "), result_text(call))
}

fn moves_data(call: &Call) -> bool {
    matches!(call.kind, CallKind::Read | CallKind::Write)
}

fn result_text(call: &Call) -> String {
    match call.result {
        Some(Ok(value)) => format!("= {value}"),
        Some(Err(errno)) => format!("= -1 {errno}"),
        None => "<unfinished ...>".to_owned(),
    }
}

/// The data of a read or a write. Bytes that were moved inside the kernel (sendfile, splice) or
/// that a failed read did not bring cannot be shown.
fn data_argument(call: &Call, shown: usize) -> Option<String> {
    let len = match call.result {
        // A peek moves nothing, and shows what it saw.
        Some(Ok(value)) if call.is_peek() => call.moved_in_messages.as_deref().copied().unwrap_or(value),
        Some(Ok(_)) => call.moved(),
        Some(Err(_)) | None => call.asked.unwrap_or(call.bytes.len() as u64),
    };
    let unknown = call.bytes.is_empty() && (len > 0 || !matches!(call.result, Some(Ok(_))));
    (!unknown).then(|| data_text(&call.bytes, len, shown))
}
