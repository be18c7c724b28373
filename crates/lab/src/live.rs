//! A page that grows while a server runs: a small HTTP server on this machine, for browsers on this machine.
//!
//! Browsers show what other pages tell them to fetch, also from 127.0.0.1. So the address holds a secret, a request
//! must name the host that it was given, and one that another page has made is refused.
//!
//! What is published is always all there is. Who joins late gets it at once, and who is slow gets the newest when
//! there is room for it: nothing is kept for anybody, and the server that is watched waits for nobody.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use harness::Server;
use harness::timeline::Timeline;

use crate::interrupt::Ended;

/// How many connections are served at once, each by a thread: a browser takes one to listen, and a few at first.
const CONNECTIONS: usize = 100;

/// How long a browser may take with each part of its request.
const REQUEST: Duration = Duration::from_secs(10);

/// The most bytes of a request that are read: those of browsers have a few hundred.
const LONGEST: u64 = 16 << 10;

/// The most header fields of a request that are read.
const HEADERS: usize = 64;

/// A browser that is told nothing for so long gets a comment: if it has left, this is how we find out.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The least time between two publications: to a person it is at once.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a browser may take to fetch what was published last.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is published: nothing yet, data, or that there is no more.
#[derive(Clone, Debug, Default)]
struct News {
    data: Option<Arc<str>>,
    /// How often there has been data. Who was told of as many has the newest.
    count: u64,
    ended: bool,
}

/// A page on the web, as long as this lives.
#[derive(Debug)]
pub struct Live {
    site: Arc<Site>,
}

/// What every request is checked against and answered from.
#[derive(Debug)]
struct Site {
    address: SocketAddr,
    secret: String,
    page: String,
    news: Mutex<News>,
    /// Wakes those who wait for news.
    changed: Condvar,
}

impl Live {
    /// Serves a page at this address, with port 0 at a free one.
    ///
    /// # Errors
    ///
    /// If nothing can listen there, the address is that of no host in particular, or there is no randomness to be had.
    pub fn start(address: SocketAddr, page: String) -> Result<Live> {
        ensure!(
            !address.ip().is_unspecified(),
            "{address} is every address of this machine, and a browser has to name the one that it was given: \
             give the address by which the others reach this machine"
        );
        let listener = TcpListener::bind(address).with_context(|| {
            format!("cannot listen on {address} for browsers: give another address with --address, or leave it out")
        })?;
        let site = Arc::new(Site {
            address: listener.local_addr()?,
            secret: secret()?,
            page,
            news: Mutex::default(),
            changed: Condvar::new(),
        });
        let serving = Arc::clone(&site);
        let thread = thread::Builder::new().name("live".into());
        thread.spawn(move || serve(&listener, &serving))?;
        Ok(Live { site })
    }

    /// Where a browser finds the page.
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.site.address, self.site.secret)
    }

    /// Shows this in place of what was shown.
    pub fn publish(&self, data: String) {
        let mut news = self.site.news();
        news.data = Some(data.into());
        news.count += 1;
        self.site.changed.notify_all();
    }

    /// Tells browsers that there is no more to come, once they have what was published last, and waits until they
    /// know: those that are slow, no longer than `patience`.
    pub fn finish(self, patience: Duration) {
        self.end();
        let limit = Instant::now() + patience;
        // Whoever serves a request holds the site, and so does the one who accepts connections.
        while Arc::strong_count(&self.site) > 1 && Instant::now() < limit {
            thread::park_timeout(Duration::from_millis(10));
        }
    }

    fn end(&self) {
        self.site.news().ended = true;
        self.site.changed.notify_all();
        // The one who accepts connections sees the end when there is one more.
        _ = TcpStream::connect_timeout(&self.site.address, PAUSE);
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.end();
    }
}

/// 128 random bits: nobody guesses the address.
fn secret() -> Result<String> {
    let mut bytes = [0; 16];
    let read = File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
    read.context("cannot read /dev/urandom, from which the page's address gets its secret")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Accepts connections until the end.
fn serve(listener: &TcpListener, site: &Arc<Site>) {
    for stream in listener.incoming() {
        if site.news().ended {
            return;
        }
        match stream {
            Ok(stream) if Arc::weak_count(site) < CONNECTIONS => {
                // Browsers connect early and ask later, or never. The end waits for those alone that have asked.
                let site = Arc::downgrade(site);
                let thread = thread::Builder::new().name("live-browser".into());
                // A browser that has left needs no answer, and one for which there is no thread sees its connection
                // closed.
                _ = thread.spawn(move || _ = serve_one(&stream, &site));
            }
            Ok(_) => {}
            // This process has too many files open, say. It may have fewer soon.
            Err(_) => thread::park_timeout(PAUSE),
        }
    }
}

/// Answers the one request of a connection.
fn serve_one(mut stream: &TcpStream, site: &Weak<Site>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(REQUEST))?;
    let mut reader = BufReader::new(stream.take(LONGEST));
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && reader.read_until(b'\n', &mut head)? > 0 {}
    if let Some(site) = site.upgrade() {
        site.answer(&head, &mut stream)?;
    }
    // Closed with bytes unread, the connection would be reset, and the browser might lose its answer
    // (RFC 9112, section 9.6).
    stream.shutdown(Shutdown::Write)?;
    io::copy(&mut stream.take(LONGEST), &mut io::sink())?;
    Ok(())
}

impl Site {
    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets through what a browser asks that was given the address.
    fn answer(&self, head: &[u8], out: &mut impl Write) -> io::Result<()> {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        let whole = request.parse(head).is_ok_and(|parsed| parsed.is_complete());
        let path = request.path.and_then(|path| path.split('?').next());
        let (status, words) = match path.and_then(|path| self.below_secret(path)) {
            _ if !whole => ("400 Bad Request", "this is no request that a browser makes\n"),
            _ if !self.is_host(request.headers) || !self.is_origin(request.headers) => (
                "403 Forbidden",
                "this page answers browsers that were given its address, and no other pages\n",
            ),
            _ if request.method != Some("GET") => ("501 Not Implemented", "this page is there to be read\n"),
            Some("") => {
                let length = format!("Content-Length: {}\r\n", self.page.len());
                let head = response("200 OK", "text/html; charset=utf-8", &length);
                return out.write_all((head + &self.page).as_bytes());
            }
            Some("events") => return self.tell(out),
            _ => (
                "404 Not Found",
                "there is no such page: the address that lab printed is the only one\n",
            ),
        };
        let length = format!("Content-Length: {}\r\n", words.len());
        out.write_all((response(status, "text/plain; charset=utf-8", &length) + words).as_bytes())
    }

    /// A name that leads here by somebody's DNS is not ours
    /// ([RFC 9110, section 7.2](https://www.rfc-editor.org/rfc/rfc9110#section-7.2)).
    fn is_host(&self, headers: &[httparse::Header<'_>]) -> bool {
        value(headers, "host").is_some_and(|host| self.hosts().iter().any(|ours| ours.as_bytes() == host))
    }

    /// Browsers name the page that asks, where it is another
    /// ([RFC 6454, section 7](https://www.rfc-editor.org/rfc/rfc6454#section-7)).
    fn is_origin(&self, headers: &[httparse::Header<'_>]) -> bool {
        value(headers, "origin").is_none_or(|origin| {
            let ours = |host: &String| origin == format!("http://{host}").as_bytes();
            self.hosts().iter().any(ours)
        })
    }

    fn hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.address.to_string()];
        if self.address.ip().is_loopback() {
            hosts.push(format!("localhost:{}", self.address.port()));
        }
        hosts
    }

    /// What a path names below the secret, if it has the secret.
    fn below_secret<'p>(&self, path: &'p str) -> Option<&'p str> {
        let (secret, rest) = path.strip_prefix('/')?.split_once('/')?;
        // All of it is compared, so that the time it takes tells nothing.
        let pairs = self.secret.bytes().zip(secret.bytes());
        let differences = pairs.fold(0, |all, (a, b)| all | (a ^ b));
        (differences == 0 && secret.len() == self.secret.len()).then_some(rest)
    }

    /// Tells a browser in [events](https://html.spec.whatwg.org/multipage/server-sent-events.html) first what there is,
    /// then what is newer each time that it has taken the last, and in the end that there is no more, or it would ask
    /// again.
    fn tell(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(response("200 OK", "text/event-stream", "").as_bytes())?;
        let mut told = 0;
        loop {
            let news = self.newer(told);
            match news.data {
                // The data of an event may hold no line break. JSON has none: it writes them as \n. A browser whose
                // connection is gone asks again after a second.
                Some(data) if news.count > told => {
                    out.write_all(format!("retry: 1000\ndata: {data}\n\n").as_bytes())?
                }
                _ if !news.ended => out.write_all(b":\n\n")?,
                _ => {}
            }
            if news.ended {
                return out.write_all(b"event: end\ndata: there is no more to come\n\n");
            }
            told = news.count;
        }
    }

    /// Waits for news of which somebody was not told, or as long as a connection may be silent.
    fn newer(&self, told: u64) -> News {
        let is_old = |news: &mut News| news.count == told && !news.ended;
        let waited = self.changed.wait_timeout_while(self.news(), KEEP_ALIVE, is_old);
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

/// The value of a header field, if it is there.
fn value<'h>(headers: &[httparse::Header<'h>], name: &str) -> Option<&'h [u8]> {
    let field = headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
    field.map(|header| header.value)
}

/// The head of a response, with `fields` of its own.
fn response(status: &str, kind: &str, fields: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{fields}Connection: close\r\nCache-Control: no-store\r\n\
         Referrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\n\r\n"
    )
}

/// Publishes what a server does, as long as `drive` talks to it, and then all that is left. Gives the timeline: of work
/// that was interrupted, and goes on, what there was until then.
///
/// # Errors
///
/// What `drive` says, and if the capture failed.
pub fn watch<T>(
    live: Live,
    server: Server,
    data: impl Fn(&Timeline) -> String + Sync,
    drive: impl FnOnce(&Arc<Server>) -> Result<Ended<T>>,
) -> Result<Timeline> {
    let server = Arc::new(server);
    let (wake, woken) = sync_channel(1);
    let follow = server.follow();
    let waker = wake.clone();
    // This thread ends when the observation does.
    let no_thread = "cannot start to publish what happens";
    let wakes = thread::Builder::new().spawn(move || follow.for_each(|_| _ = waker.try_send(true)));
    wakes.context(no_thread)?;
    // What `drive` gives lives on until the end: clients that stay connected.
    let driven = thread::scope(|scope| {
        let (live, server, data) = (&live, &server, &data);
        let publishes = thread::Builder::new().spawn_scoped(scope, move || {
            while let Ok(true) = woken.recv() {
                let began = Instant::now();
                live.publish(data(&server.so_far()));
                // To write a long timeline takes long. Four fifths of the time are left to the server that is observed.
                thread::park_timeout(PAUSE.max(began.elapsed() * 4));
            }
        });
        publishes.context(no_thread)?;
        let driven = drive(server);
        // The publishing thread has at most one wake-up before this one, which ends it.
        _ = wake.send(false);
        driven
    })?;
    let timeline = match &driven {
        Ended::Done(_) => Arc::into_inner(server).context("the server is still in use")?.stop()?,
        Ended::Interrupted => server.conclude()?,
    };
    live.publish(data(&timeline));
    live.finish(PATIENCE);
    Ok(timeline)
}

#[cfg(test)]
#[path = "../tests/unit/live.rs"]
mod tests;
