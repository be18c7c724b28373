//! Where a reply ends, as far as its protocol tells: how much of what has come is one. No I/O.

use super::Wait;

/// What a request makes its reply look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// A line, or of SMTP and FTP the lines of one reply: all but its last begin with `250-`
    /// ([RFC 5321, section 4.2.1](https://www.rfc-editor.org/rfc/rfc5321#section-4.2.1)).
    Line,
    /// So many responses of HTTP/1, without a body if they answer a HEAD.
    Http {
        /// How many requests there were.
        requests: usize,
        /// They are HEAD requests.
        heads: bool,
        /// Behind them stands the head of another one, whose body waits for a `100 Continue`.
        announces: bool,
    },
    /// So many replies of Redis.
    Redis {
        /// How many commands there were.
        commands: usize,
    },
    /// Whatever comes, until nothing follows: only the protocol knows where it ends.
    Unknown,
}

/// How far a reply has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReplyEnd {
    /// There is more to come.
    More,
    /// The first so many bytes are all of it.
    Whole(usize),
    /// It is over when the server closes, or nothing follows.
    UntilQuiet,
    /// It is not what had to come.
    Differs,
}

impl Form {
    /// The form that the reply to these bytes has.
    pub fn of_reply_to(request: &[u8]) -> Form {
        if let Some(http) = http_requests(request) {
            return http;
        }
        if request.first() == Some(&b'*') {
            let commands = redis_values(request, usize::MAX).1;
            if commands > 0 {
                return Form::Redis { commands };
            }
        }
        let is_line = request.ends_with(b"\n") && request.iter().filter(|byte| **byte == b'\n').count() == 1;
        if is_line { Form::Line } else { Form::Unknown }
    }

    /// What is waited for, in words.
    pub fn wanted(self) -> &'static str {
        match self {
            Form::Line => "a line",
            Form::Http { .. } => "a whole HTTP response",
            Form::Redis { .. } => "a whole Redis reply",
            Form::Unknown => "a reply",
        }
    }

    /// How far a reply of this form has come; with `ended` nothing more comes.
    pub fn progress(self, bytes: &[u8], ended: bool) -> ReplyEnd {
        match self {
            Form::Line => line(bytes).map_or(ReplyEnd::More, ReplyEnd::Whole),
            Form::Http {
                requests,
                heads,
                announces,
            } => http(bytes, requests, heads, announces, ended),
            Form::Redis { commands } => match redis_values(bytes, commands) {
                (length, count) if count == commands => ReplyEnd::Whole(length),
                _ => ReplyEnd::More,
            },
            Form::Unknown => ReplyEnd::UntilQuiet,
        }
    }
}

impl Wait {
    /// How far what a client waits for has come, where a reply has this form; with `ended` nothing more comes.
    pub(crate) fn progress(&self, form: Form, came: &[u8], ended: bool) -> ReplyEnd {
        match self {
            Wait::Reply => form.progress(came, ended),
            Wait::Expect(pattern) => pattern.end_in(came).map_or(ReplyEnd::More, ReplyEnd::Whole),
            Wait::Receive(bytes) if came.len() >= bytes.len() => ReplyEnd::Whole(bytes.len()),
            Wait::Receive(_) => ReplyEnd::More,
            Wait::Greeting if came.ends_with(b"\n") => match Form::Line.progress(came, ended) {
                ReplyEnd::More => ReplyEnd::More,
                // A greeting of several lines that are not marked as such ends when nothing follows.
                _ => ReplyEnd::UntilQuiet,
            },
            _ => ReplyEnd::UntilQuiet,
        }
    }
}

/// The length of the first line; of lines that begin with the same three digits and a `-`, up to the one that does
/// not go on.
fn line(bytes: &[u8]) -> Option<usize> {
    let mut length = 0;
    let goes_on = |first: &&[u8]| first[..3].iter().all(u8::is_ascii_digit) && first[3] == b'-';
    let code = bytes.get(..4).filter(goes_on).map(|first| &first[..3]);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if !line.ends_with(b"\n") {
            return None;
        }
        length += line.len();
        let ends = |code: &[u8]| line.starts_with(code) && line.get(3) == Some(&b' ');
        if code.is_none_or(ends) {
            return Some(length);
        }
    }
    None
}

/// So many headers are read of a head.
const HEADERS: usize = 128;

/// What requests of HTTP/1 are answered by. `None` if the bytes begin with something else. A request whose body is still
/// to be sent has no reply yet, but for the one that it asks for first
/// ([RFC 9110, section 10.1.1](https://www.rfc-editor.org/rfc/rfc9110#section-10.1.1)).
fn http_requests(mut bytes: &[u8]) -> Option<Form> {
    let (mut count, mut heads) = (0, true);
    let form = |requests, heads, announces| Form::Http {
        requests,
        heads,
        announces,
    };
    loop {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let Ok(httparse::Status::Complete(head)) = request.parse(bytes) else {
            return (count > 0).then(|| form(count, heads, false));
        };
        let body = content_length(request.headers).unwrap_or(0);
        let Some(rest) = bytes.get(head.saturating_add(body)..) else {
            let asks =
                header(request.headers, "expect").is_some_and(|value| value.eq_ignore_ascii_case(b"100-continue"));
            return Some(form(count, heads && count > 0, asks));
        };
        count += 1;
        heads &= request.method == Some("HEAD");
        bytes = rest;
    }
}

fn http(bytes: &[u8], requests: usize, heads: bool, announces: bool, ended: bool) -> ReplyEnd {
    let mut length = 0;
    for _ in 0..requests {
        match http_response(bytes.get(length..).unwrap_or_default(), heads, ended) {
            ReplyEnd::Whole(more) => length += more,
            other => return other,
        }
    }
    if !announces {
        return ReplyEnd::Whole(length);
    }
    // The request waits for `100 Continue` before it sends its body. An interim response asks for the body, and a final
    // one refuses it.
    let bytes = bytes.get(length..).unwrap_or_default();
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) if response.code == Some(100) => ReplyEnd::Whole(length + head),
        _ => match http_response(bytes, false, ended) {
            ReplyEnd::Whole(more) => ReplyEnd::Whole(length + more),
            other => other,
        },
    }
}

/// One response, with those that only announce it (1xx). Its body ends as
/// [RFC 9112, section 6.3](https://www.rfc-editor.org/rfc/rfc9112#section-6.3) says.
fn http_response(bytes: &[u8], head_only: bool, ended: bool) -> ReplyEnd {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let head = match response.parse(bytes) {
        Ok(httparse::Status::Complete(head)) => head,
        Ok(httparse::Status::Partial) => return ReplyEnd::More,
        // The reply is no HTTP, so nothing but silence tells where it ends.
        Err(_) => return ReplyEnd::UntilQuiet,
    };
    let code = response.code.unwrap_or_default();
    if (100..200).contains(&code) && code != 101 {
        return match http_response(&bytes[head..], head_only, ended) {
            ReplyEnd::Whole(more) => ReplyEnd::Whole(head + more),
            other => other,
        };
    }
    // A server that says `Connection: close` will close by itself, so nothing here closes before it has.
    let closes = !ended && closes(&response);
    let whole = |length| {
        if closes {
            ReplyEnd::UntilQuiet
        } else {
            ReplyEnd::Whole(length)
        }
    };
    if head_only || matches!(code, 101 | 204 | 304) {
        return whole(head);
    }
    let is_chunked = header(response.headers, "transfer-encoding")
        .is_some_and(|value| value.to_ascii_lowercase().ends_with(b"chunked"));
    let length = if is_chunked {
        chunks(&bytes[head..]).map(|body| head + body)
    } else if let Some(body) = content_length(response.headers) {
        Some(head.saturating_add(body)).filter(|length| *length <= bytes.len())
    } else {
        // The head names no length, so the body ends where the connection does.
        Some(bytes.len()).filter(|_| ended)
    };
    length.map_or(ReplyEnd::More, whole)
}

/// True if the server is going to close once this response is sent
/// ([RFC 9112, section 9.3](https://www.rfc-editor.org/rfc/rfc9112#section-9.3)).
fn closes(response: &httparse::Response<'_, '_>) -> bool {
    let connection = header(response.headers, "connection").map(<[u8]>::to_ascii_lowercase);
    let says = |option: &[u8]| {
        let mut options = connection.iter().flat_map(|value| value.split(|byte| *byte == b','));
        options.any(|one| one.trim_ascii() == option)
    };
    says(b"close") || (response.version == Some(0) && !says(b"keep-alive"))
}

fn header<'h>(headers: &[httparse::Header<'h>], name: &str) -> Option<&'h [u8]> {
    let found = headers.iter().rfind(|header| header.name.eq_ignore_ascii_case(name));
    found.map(|header| header.value.trim_ascii())
}

fn content_length(headers: &[httparse::Header<'_>]) -> Option<usize> {
    std::str::from_utf8(header(headers, "content-length")?)
        .ok()?
        .parse()
        .ok()
}

/// The length of a chunked body, its trailer included, if all of it is there.
fn chunks(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let Ok(httparse::Status::Complete((head, size))) = httparse::parse_chunk_size(bytes.get(at..)?) else {
            return None;
        };
        at += head;
        if size == 0 {
            break;
        }
        at = at.checked_add(usize::try_from(size).ok()?)?.checked_add(2)?;
    }
    let mut headers = [httparse::EMPTY_HEADER; HEADERS];
    match httparse::parse_headers(bytes.get(at..)?, &mut headers) {
        Ok(httparse::Status::Complete((trailer, _))) => Some(at + trailer),
        _ => None,
    }
}

/// The length of the first values of Redis's protocol, at most so many, and how many are whole.
fn redis_values(bytes: &[u8], most: usize) -> (usize, usize) {
    let (mut length, mut count) = (0, 0);
    while count < most {
        let Some(value) = redis_value(bytes.get(length..).unwrap_or_default(), 0) else {
            break;
        };
        length += value;
        count += 1;
    }
    (length, count)
}

/// The length of a value: <https://redis.io/docs/latest/develop/reference/protocol-spec/>. `None` if it is not all
/// there, or is none.
fn redis_value(bytes: &[u8], depth: usize) -> Option<usize> {
    /// Nobody nests deeper.
    const DEEPEST: usize = 32;
    let line = bytes.iter().position(|byte| *byte == b'\n')? + 1;
    let number = || {
        std::str::from_utf8(&bytes[1..line])
            .ok()?
            .trim_end()
            .parse::<i64>()
            .ok()
    };
    let values = |count: i64| {
        (0..count.max(0)).try_fold(line, |at, _| at.checked_add(redis_value(bytes.get(at..)?, depth + 1)?))
    };
    match bytes[0] {
        b'+' | b'-' | b':' | b'_' | b'#' | b',' | b'(' => Some(line),
        b'$' | b'!' | b'=' => match usize::try_from(number()?) {
            Ok(size) => line.checked_add(size)?.checked_add(2).filter(|end| *end <= bytes.len()),
            // A negative length stands for a null, which has no bytes.
            Err(_) => Some(line),
        },
        b'*' | b'~' | b'>' if depth < DEEPEST => values(number()?),
        b'%' if depth < DEEPEST => values(number()?.checked_mul(2)?),
        _ => None,
    }
}

#[cfg(test)]
#[path = "../../tests/unit/conversation_reply.rs"]
mod tests;
