//! What the bytes of a segment say in clear, of those protocols that most captures hold: HTTP/1 and TLS. Only what
//! begins with a segment is looked at, and only what is in it. A handshake of TLS is followed into the next ones.

use std::fmt;

use super::http::{Asked, Messages, TO_THE_END};
use super::{Certainty, Evidence, FactKind, PacketFacts};
use crate::events::{FrameNumber, Packet};

/// What a segment begins with, as far as it has it.
pub(crate) enum Clear<'a> {
    /// Method, target, and minor version.
    Request(&'a str, &'a str, u8),
    /// Minor version, status, and reason.
    Response(u8, u16, &'a str),
    /// Whether it is fatal, and its name.
    Alert(bool, &'static str),
    /// Whether it is the client's, the host that is asked for, and the newest version.
    Hello(bool, Option<&'a str>, Option<&'static str>),
}

/// What a segment begins with: a line of HTTP, or what the records of TLS say.
pub(crate) fn in_clear(data: &[u8]) -> impl Iterator<Item = Clear<'_>> {
    tls(data).chain(http(data))
}

impl Clear<'_> {
    pub fn kind(&self) -> FactKind {
        match self {
            Clear::Request(..) => FactKind::HttpRequest,
            Clear::Response(..) => FactKind::HttpResponse,
            Clear::Alert(..) => FactKind::TlsAlert,
            Clear::Hello(true, ..) => FactKind::TlsClientHello,
            Clear::Hello(false, ..) => FactKind::TlsServerHello,
        }
    }
}

impl fmt::Display for Clear<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 100;
        let (name, line) = match self {
            Clear::Request(method, path, version) => ("request", format!("{method} {path} HTTP/1.{version}")),
            Clear::Response(version, code, reason) => ("status", format!("HTTP/1.{version} {code} {reason}")),
            Clear::Alert(true, name) => return write!(f, "a TLS alert, fatal: {name}"),
            Clear::Alert(false, name) => return write!(f, "a TLS alert, warning: {name}"),
            Clear::Hello(by_client, host, newest) => {
                let (name, most) = if *by_client {
                    ("Client", "up to ")
                } else {
                    ("Server", "")
                };
                let host = host.map(|host| format!(" for {host}")).unwrap_or_default();
                let newest = newest.map(|newest| format!(", {most}{newest}")).unwrap_or_default();
                return write!(f, "a TLS {name}Hello{host}{newest}");
            }
        };
        let more = if line.chars().count() > SHOWN { "..." } else { "" };
        write!(f, "the {name} line \"{:.SHOWN$}{more}\"", line.trim_end())
    }
}

/// So many bytes of a handshake are kept at most, until its first message is whole.
const MOST: usize = 16 << 10;

/// What one side says, followed from segment to segment.
#[derive(Clone, Debug, Default)]
pub(super) struct Message {
    /// What is there of a handshake that goes on, the place of its next byte, and the frame that it began in.
    begun: Vec<u8>,
    next: u64,
    frame: FrameNumber,
    /// The messages of HTTP since the last that began with a segment, and up to where they are known: what begins with a
    /// segment in one of them begins nothing. `None` if nothing is known of what comes next.
    http: Option<(FactKind, Messages, u64)>,
}

impl Message {
    /// Takes in a segment that has gone by for the first time.
    pub fn see(&mut self, from: u64, packet: &Packet, asked: &mut Asked, facts: &mut PacketFacts) {
        let data = &packet.segment.payload[..];
        if data.is_empty() {
            return;
        }
        let mut begun = std::mem::take(&mut self.begun);
        if begun.is_empty() || self.next != from {
            begun.clear();
            self.frame = packet.number;
            self.begins(from, packet, asked, facts);
            let may_be_hello = data.len() < 6 || matches!(data[5], 1 | 2);
            if data[0] != 22 || !may_be_hello {
                return;
            }
        }
        let goes_on = !begun.is_empty();
        begun.extend_from_slice(data);
        match first_message(&begun) {
            Some(message) if goes_on || !begun[3..].starts_with(&message[3..]) => {
                for kind in in_clear(&message).map(|clear| clear.kind()) {
                    let began = Some(Evidence::Frame(self.frame)).filter(|_| goes_on && kind != FactKind::TlsAlert);
                    facts.retract(kind);
                    facts.add(kind, Certainty::Seen, began);
                }
                facts.noted.get_or_insert_default().hello = Some(message);
            }
            None if data.len() as u64 == u64::from(packet.segment.len) && begun.len() < MOST => {
                (self.begun, self.next) = (begun, from + data.len() as u64);
            }
            _ => {}
        }
    }

    fn begins(&mut self, from: u64, packet: &Packet, asked: &mut Asked, facts: &mut PacketFacts) {
        use FactKind::{HttpRequest, HttpResponse};
        let (data, len) = (&packet.segment.payload[..], u64::from(packet.segment.len));
        if let Some((of, messages, next)) = &mut self.http {
            // What was sent before what is here begins nothing new.
            let Some(gap) = from.checked_sub(*next) else { return };
            if gap > 0 && asked.follow(messages, *of == HttpRequest, &[], gap).is_none() {
                self.http = None;
            }
        }
        let kinds: Vec<FactKind> = in_clear(data).map(|clear| clear.kind()).collect();
        let kind = kinds.first().copied();
        // Unless it is known what was asked for, another response may begin anywhere: one to HEAD says how long the body
        // would be. What has no length goes on to the end, or is a tunnel for TLS.
        let begins = match &self.http {
            Some((HttpResponse, messages, _)) if asked.is_answered => messages.begins(),
            Some((_, messages, _)) if messages.left > TO_THE_END / 2 => !matches!(kind, Some(HttpRequest)),
            Some((of, messages, _)) => messages.begins() || (*of, kind) == (HttpResponse, Some(HttpResponse)),
            None => true,
        };
        if let Some(kind) = kind.filter(|_| begins) {
            kinds.into_iter().for_each(|kind| facts.add(kind, Certainty::Seen, []));
            self.http = matches!(kind, HttpRequest | HttpResponse).then(|| (kind, Messages::default(), from));
        }
        self.http = self.http.take().and_then(|(of, mut messages, _)| {
            let known = asked.follow(&mut messages, of == HttpRequest, data, len);
            // The body of a response whose length is not told goes on to the end, of a request nothing is known.
            if known.is_none() && of == HttpResponse {
                messages.left = TO_THE_END;
                return Some((of, messages, from + len));
            }
            known.map(|()| (of, messages, from + len))
        });
    }
}

/// The first message of a handshake as if it had come in one record, if it is whole, and the records behind it.
fn first_message(mut records: &[u8]) -> Option<Vec<u8>> {
    let mut message = vec![22, 3, 3, 0, 0];
    while message.len() < 9 || message.len() < 9 + number(&mut &message[6..], 3)? {
        let is_handshake = number(&mut records, 1)? == 22 && version(number(&mut records, 2)?).is_some();
        message.extend(vector(&mut records, 2).filter(|_| is_handshake)?);
    }
    let length = u16::try_from(message.len() - 5).ok()?;
    message[3..5].copy_from_slice(&length.to_be_bytes());
    message.extend(records);
    Some(message)
}

/// The first line of a request or of a response ([RFC 9112](https://www.rfc-editor.org/rfc/rfc9112)), if it is whole.
fn http(data: &[u8]) -> Option<Clear<'_>> {
    /// Those in use. What a segment begins with may be the end of one.
    #[rustfmt::skip]
    const METHODS: [&str; 26] = [
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "COPY", "MOVE", "LOCK", "UNLOCK",
        "MKCOL", "PROPFIND", "PROPPATCH", "REPORT", "SEARCH", "M-SEARCH", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "PURGE",
        "SOURCE", "RPC_IN_DATA", "RPC_OUT_DATA",
    ];
    // Most segments begin neither. That is seen before the end of a line is looked for, which may be far.
    let word = &data[..data.iter().take(16).position(|byte| *byte == b' ')?];
    let is_response = word.starts_with(b"HTTP/1.");
    if !is_response && METHODS.iter().all(|method| method.as_bytes() != word) {
        return None;
    }
    let line = &data[..=data.iter().position(|byte| *byte == b'\n')?];
    if is_response {
        let mut response = httparse::Response::new(&mut []);
        response.parse(line).ok()?;
        return Some(Clear::Response(response.version?, response.code?, response.reason?));
    }
    let mut request = httparse::Request::new(&mut []);
    request.parse(line).ok()?;
    Some(Clear::Request(request.method?, request.path?, request.version?))
}

const VERSIONS: [&str; 5] = ["SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"];

fn version(number: usize) -> Option<&'static str> {
    VERSIONS.get(number.checked_sub(0x0300)?).copied()
}

/// The records of a segment (RFC 8446, section 5.1), up to what is encrypted: alerts, and the first message of a handshake.
fn tls(mut data: &[u8]) -> impl Iterator<Item = Clear<'_>> {
    /// So many are looked at.
    const MOST: usize = 16;
    let mut begun = false;
    let record = move || {
        let kind = number(&mut data, 1)?;
        version(number(&mut data, 2)?)?;
        let length = number(&mut data, 2)?;
        let (record, behind) = data.split_at(data.len().min(length));
        data = behind;
        match (kind, record) {
            (22, _) if std::mem::replace(&mut begun, true) => Some(None),
            (22, _) => Some(hello(record)),
            // One that is encrypted is longer.
            (21, &[level @ 1..=2, code]) if length == 2 => {
                let alert = ALERTS.iter().find(|(known, _)| *known == code);
                Some(alert.map(|(_, name)| Clear::Alert(level == 2, name)))
            }
            (20 | 21, _) => Some(None),
            _ => None,
        }
    };
    std::iter::from_fn(record).take(MOST).flatten()
}

/// RFC 8446, sections 4.1.2 and 4.1.3.
fn hello(record: &[u8]) -> Option<Clear<'_>> {
    let rest = &mut &*record;
    let by_client = match number(rest, 1)? {
        1 => true,
        2 => false,
        _ => return None,
    };
    let length = number(rest, 3)?;
    let is_cut = rest.len() < length;
    let rest = &mut &rest[..rest.len().min(length)];
    // What comes before supported_versions was known.
    let old = version(number(rest, 2)?)?;
    take(rest, 32)?;
    vector(rest, 1)?;
    match by_client {
        true => vector(rest, 2).and_then(|_| vector(rest, 1))?,
        false => take(rest, 3)?,
    };
    let (mut host, mut newest) = (None, None);
    let _ = number(rest, 2);
    while let (Some(extension), Some(content)) = (number(rest, 2), &mut vector(rest, 2)) {
        match extension {
            0 if by_client => host = server_name(content),
            43 if by_client => {
                let offered = vector(content, 1).unwrap_or_default().chunks_exact(2);
                let known = offered.filter_map(|two| version(number(&mut &*two, 2)?));
                newest = Some(known.max());
            }
            43 => newest = Some(version(number(content, 2)?)),
            _ => {}
        }
    }
    let newest = newest.unwrap_or(Some(old).filter(|_| !is_cut && rest.is_empty()));
    Some(Clear::Hello(by_client, host, newest))
}

/// [RFC 6066, section 3](https://www.rfc-editor.org/rfc/rfc6066#section-3).
fn server_name<'a>(content: &mut &'a [u8]) -> Option<&'a str> {
    let list = &mut vector(content, 2)?;
    let name = (number(list, 1)? == 0).then(|| vector(list, 2))??;
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    std::str::from_utf8(name).ok().filter(|_| is_name)
}

/// The next bytes, if they are all there.
fn take<'a>(rest: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(count)?;
    *rest = left;
    Some(taken)
}

fn number(rest: &mut &[u8], bytes: usize) -> Option<usize> {
    let bytes = take(rest, bytes)?.iter();
    Some(bytes.fold(0, |value, byte| value << 8 | usize::from(*byte)))
}

/// Bytes behind their length, which has so many bytes itself.
fn vector<'a>(rest: &mut &'a [u8], bytes: usize) -> Option<&'a [u8]> {
    let length = number(rest, bytes)?;
    take(rest, length)
}

/// RFC 8446, section 6, and one of RFC 5246.
#[rustfmt::skip]
const ALERTS: [(u8, &str); 27] = [
    (0, "close_notify"), (10, "unexpected_message"), (20, "bad_record_mac"), (22, "record_overflow"),
    (40, "handshake_failure"), (42, "bad_certificate"), (43, "unsupported_certificate"), (44, "certificate_revoked"),
    (45, "certificate_expired"), (46, "certificate_unknown"), (47, "illegal_parameter"), (48, "unknown_ca"),
    (49, "access_denied"), (50, "decode_error"), (51, "decrypt_error"), (70, "protocol_version"), (80, "internal_error"),
    (71, "insufficient_security"), (86, "inappropriate_fallback"), (90, "user_canceled"), (100, "no_renegotiation"),
    (109, "missing_extension"), (110, "unsupported_extension"), (112, "unrecognized_name"),
    (115, "unknown_psk_identity"), (116, "certificate_required"), (120, "no_application_protocol"),
];
