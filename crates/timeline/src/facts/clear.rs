//! What the bytes of a segment say in clear, of those protocols that most captures hold: HTTP/1 and TLS. Only what
//! begins with the segment is looked at, and only what is in it: a message goes on in the next one, or was cut.

use super::FactKind;

/// What a segment begins with, and that in words, as far as the segment has it.
pub(crate) fn in_clear(data: &[u8]) -> Option<(FactKind, String)> {
    tls(data).or_else(|| http(data))
}

/// The first line of a request or of a response ([RFC 9112](https://www.rfc-editor.org/rfc/rfc9112)), if it is whole.
fn http(data: &[u8]) -> Option<(FactKind, String)> {
    const SHOWN: usize = 100;
    let end = data.iter().position(|byte| *byte == b'\n')?;
    let line = &data[..=end];
    let (mut request, mut response) = (httparse::Request::new(&mut []), httparse::Response::new(&mut []));
    let (kind, name, text) = if request.parse(line).is_ok() {
        let text = format!("{} {} HTTP/1.{}", request.method?, request.path?, request.version?);
        (FactKind::HttpRequest, "request", text)
    } else {
        response.parse(line).ok()?;
        let text = format!("HTTP/1.{} {} {}", response.version?, response.code?, response.reason?);
        (FactKind::HttpResponse, "status", text)
    };
    let more = if text.chars().count() > SHOWN { "..." } else { "" };
    Some((kind, format!("the {name} line \"{:.SHOWN$}{more}\"", text.trim_end())))
}

const VERSIONS: [&str; 5] = ["SSL 3.0", "TLS 1.0", "TLS 1.1", "TLS 1.2", "TLS 1.3"];

fn version(number: usize) -> Option<&'static str> {
    VERSIONS.get(number.checked_sub(0x0300)?).copied()
}

/// A record (RFC 8446, section 5.1): an alert, or the first message of a handshake.
fn tls(data: &[u8]) -> Option<(FactKind, String)> {
    let rest = &mut &*data;
    let kind = number(rest, 1)?;
    version(number(rest, 2)?)?;
    match (kind, number(rest, 2)?, *rest) {
        (22, length, _) => hello(&rest[..rest.len().min(length)]),
        // One that is encrypted is longer.
        (21, 2, &[level @ 1..=2, code]) => {
            let (_, name) = ALERTS.iter().find(|(known, _)| *known == code)?;
            let level = if level == 2 { "fatal" } else { "warning" };
            Some((FactKind::TlsAlert, format!("a TLS alert, {level}: {name}")))
        }
        _ => None,
    }
}

/// RFC 8446, sections 4.1.2 and 4.1.3.
fn hello(record: &[u8]) -> Option<(FactKind, String)> {
    let rest = &mut &*record;
    let (kind, name) = match number(rest, 1)? {
        1 => (FactKind::TlsClientHello, "a TLS ClientHello"),
        2 => (FactKind::TlsServerHello, "a TLS ServerHello"),
        _ => return None,
    };
    let by_client = kind == FactKind::TlsClientHello;
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
    let host = host.map(|host| format!(" for {host}")).unwrap_or_default();
    let most = if by_client { "up to " } else { "" };
    let newest = newest.map(|newest| format!(", {most}{newest}")).unwrap_or_default();
    Some((kind, format!("{name}{host}{newest}")))
}

/// [RFC 6066, section 3](https://www.rfc-editor.org/rfc/rfc6066#section-3).
fn server_name(content: &mut &[u8]) -> Option<String> {
    let list = &mut vector(content, 2)?;
    let name = (number(list, 1)? == 0).then(|| vector(list, 2))??;
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| String::from_utf8_lossy(name).into_owned())
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
