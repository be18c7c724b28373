//! Tests of `src/live.rs`, which see what is private there.

use super::*;

fn live() -> Live {
    Live::start("127.0.0.1:0".parse().unwrap(), "<p>page</p>".into()).unwrap()
}

/// Sends a request as it is, and gives the lines that come.
fn request(live: &Live, path: &str, headers: &str) -> impl Iterator<Item = String> + use<> {
    let mut stream = TcpStream::connect(live.site.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n").unwrap();
    BufReader::new(stream).lines().map_while(Result::ok)
}

fn status(live: &Live, path: &str, headers: &str) -> String {
    request(live, path, headers).next().unwrap()
}

fn data(lines: &mut impl Iterator<Item = String>) -> String {
    lines.find(|line| line.starts_with("data: ")).unwrap()
}

#[test]
fn only_who_was_given_the_address_gets_an_answer() {
    let live = live();
    let (ours, port) = (format!("/{}/", live.site.secret), live.site.address.port());
    let host = format!("Host: 127.0.0.1:{port}\r\n");
    assert!(status(&live, &ours, &host).contains("200"));
    assert!(status(&live, &ours, &format!("Host: localhost:{port}\r\n")).contains("200"));
    assert!(status(&live, &ours, &format!("{host}Origin: http://127.0.0.1:{port}\r\n")).contains("200"));
    for wrong in [
        "/",
        "/events",
        "/0123456789abcdef0123456789abcdef/",
        "//",
        "/../etc/passwd",
    ] {
        assert!(status(&live, wrong, &host).contains("404"), "{wrong}");
    }
    let elsewhere = format!("Host: example.org:{port}\r\n");
    let foreign = format!("{host}Origin: http://example.org\r\n");
    let nameless = format!("{host}Origin: null\r\n");
    for headers in [&elsewhere, &foreign, &nameless, ""] {
        let status = status(&live, &ours, headers);
        assert!(
            status.contains("403") || status.contains("400"),
            "{headers:?}: {status}"
        );
    }
}

/// As browsers connect early, to ask later.
#[test]
fn who_asks_nothing_does_not_hold_up_the_end() {
    let live = live();
    let mut silent = TcpStream::connect(live.site.address).unwrap();
    let mut lines = request(
        &live,
        &format!("/{}/events", live.site.secret),
        &format!("Host: {}\r\n", live.site.address),
    );
    assert!(lines.next().unwrap().contains("200"));
    let began = Instant::now();
    live.finish(Duration::from_secs(60));
    assert!(began.elapsed() < REQUEST);
    assert!(lines.any(|line| line == "event: end"));
    // Nobody is asked for a page that is gone.
    write!(silent, "GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(silent.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn what_no_browser_asks_is_refused() {
    let live = live();
    let host = format!("Host: {}\r\n", live.site.address);
    let path = format!("/{}/", live.site.secret);
    assert!(status(&live, "no path", &host).contains("400"));
    let many = "a: b\r\n".repeat(HEADERS + 1);
    assert!(status(&live, &path, &(host.clone() + &many)).contains("400"));
    let long = format!("a: {}\r\n", "b".repeat(LONGEST as usize));
    assert!(status(&live, &path, &(host.clone() + &long)).contains("400"));
    let mut stream = TcpStream::connect(live.site.address).unwrap();
    write!(stream, "POST {path} HTTP/1.1\r\n{host}Content-Length: 2\r\n\r\n{{}}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 501 "), "{answer}");
}

#[test]
fn who_joins_late_gets_all_and_is_told_of_the_end() {
    let live = live();
    let events = format!("/{}/events", live.site.secret);
    let host = format!("Host: {}\r\n", live.site.address);
    let mut early = request(&live, &events, &host);
    live.publish("[1]".into());
    assert_eq!(data(&mut early), "data: [1]");
    live.publish("[1,2]".into());
    assert_eq!(data(&mut early), "data: [1,2]");
    let mut late = request(&live, &events, &host);
    assert_eq!(data(&mut late), "data: [1,2]");
    live.finish(Duration::from_secs(20));
    for mut lines in [Box::new(early) as Box<dyn Iterator<Item = String>>, Box::new(late)] {
        assert!(lines.any(|line| line == "event: end"));
        lines.for_each(drop);
    }
}

/// One that reads nothing holds up neither who publishes nor the end.
#[test]
fn who_is_slow_holds_nobody_up() {
    let live = live();
    let events = format!("/{}/events", live.site.secret);
    let host = format!("Host: {}\r\n", live.site.address);
    let mut slow = request(&live, &events, &host);
    // Only who is being answered is told of the end: who has asked, and no more, may come too late for it.
    assert!(slow.next().unwrap().contains("200"));
    let much = "1".repeat(1 << 20);
    for _ in 0..64 {
        live.publish(much.clone());
    }
    live.publish("last".into());
    let mut quick = request(&live, &events, &host);
    assert_eq!(data(&mut quick), "data: last");
    live.finish(Duration::from_millis(1));
    assert!(slow.any(|line| line == "data: last"));
}

#[test]
fn every_address_is_none() {
    let refused = Live::start("0.0.0.0:0".parse().unwrap(), String::new()).unwrap_err();
    assert!(refused.to_string().contains("give the address"), "{refused}");
}

#[test]
fn two_pages_have_two_secrets() {
    let (one, other) = (live(), live());
    assert_ne!(one.site.secret, other.site.secret);
    assert_eq!(one.site.secret.len(), 32);
    assert!(
        one.url().starts_with("http://127.0.0.1:") && one.url().ends_with('/'),
        "{}",
        one.url()
    );
}
