//! A page that grows while a server runs: a small HTTP server on this machine, for browsers on this machine.
//!
//! Browsers show what other pages tell them to fetch, also from 127.0.0.1. So the address holds a secret, a request
//! must name the host that it was given, and one that another page has made is refused.
//!
//! What is published is always all there is. Who joins late gets it at once, and who is slow gets the newest when
//! there is room for it: nothing is kept for anybody, and the server that is watched waits for nobody.

use std::convert::Infallible;
use std::fs::File;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderMap, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::middleware::{self, Next};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{Stream, stream};
use harness::Server;
use harness::timeline::Timeline;
use tokio::runtime::Builder;
use tokio::sync::watch::{Receiver, Sender, channel};

/// How long a browser waits before it asks again, once the connection is gone.
const RETRY: Duration = Duration::from_secs(1);

/// The least time between two publications: to a person it is at once.
const PAUSE: Duration = Duration::from_millis(100);

/// How long a browser may take to fetch what was published last.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is published: nothing yet, data, or that there is no more.
#[derive(Clone, Debug, Default)]
struct News {
    data: Option<Arc<str>>,
    ended: bool,
}

/// A page on the web, as long as this lives.
#[derive(Debug)]
pub struct Live {
    address: SocketAddr,
    secret: String,
    news: Sender<News>,
    thread: Option<JoinHandle<()>>,
}

/// What every request is checked against and answered from.
struct Site {
    address: SocketAddr,
    secret: String,
    page: String,
    news: Receiver<News>,
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
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let secret = secret()?;
        let (news, receiver) = channel(News::default());
        let site = Site {
            address,
            secret: secret.clone(),
            page,
            news: receiver,
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let mut until = news.subscribe();
        let thread = thread::Builder::new().name("live".into()).spawn(move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                let end = async move { _ = until.wait_for(|news| news.ended).await };
                // It has no error to give. Once the end has been told, no connection goes on.
                _ = axum::serve(listener, router(site)).with_graceful_shutdown(end).await;
            });
        })?;
        Ok(Live {
            address,
            secret,
            news,
            thread: Some(thread),
        })
    }

    /// Where a browser finds the page.
    pub fn url(&self) -> String {
        format!("http://{}/{}/", self.address, self.secret)
    }

    /// Shows this in place of what was shown.
    pub fn publish(&self, data: String) {
        self.news.send_modify(|news| news.data = Some(data.into()));
    }

    /// Tells browsers that there is no more to come, once they have what was published last, and waits until they
    /// know: those that are slow, no longer than `patience`.
    pub fn finish(mut self, patience: Duration) {
        self.news.send_modify(|news| news.ended = true);
        let Some(thread) = self.thread.take() else { return };
        let limit = Instant::now() + patience;
        while !thread.is_finished() && Instant::now() < limit {
            thread::park_timeout(Duration::from_millis(10));
        }
    }
}

/// 128 random bits: nobody guesses the address.
fn secret() -> Result<String> {
    let mut bytes = [0; 16];
    let read = File::open("/dev/urandom").and_then(|mut random| random.read_exact(&mut bytes));
    read.context("cannot read /dev/urandom, from which the page's address gets its secret")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn router(site: Site) -> Router {
    let site = Arc::new(site);
    Router::new()
        .route("/{secret}/", get(page))
        .route("/{secret}/events", get(events))
        .layer(middleware::from_fn_with_state(Arc::clone(&site), guard))
        .with_state(site)
}

/// Lets through what a browser asks that was given the address.
async fn guard(State(site): State<Arc<Site>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    if !site.is_host(headers) || !site.is_origin(headers) {
        let why = "this page answers browsers that were given its address, and no other pages\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let fixed: [(HeaderName, &'static str); 4] = [
        (CACHE_CONTROL, "no-store"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    headers.extend(fixed.map(|(name, value)| (name, axum::http::HeaderValue::from_static(value))));
    response
}

impl Site {
    /// A name that leads here by somebody's DNS is not ours
    /// ([RFC 9110, section 7.2](https://www.rfc-editor.org/rfc/rfc9110#section-7.2)).
    fn is_host(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok());
        host.is_some_and(|host| self.hosts().iter().any(|ours| ours == host))
    }

    /// Browsers name the page that asks, where it is another
    /// ([RFC 6454, section 7](https://www.rfc-editor.org/rfc/rfc6454#section-7)).
    fn is_origin(&self, headers: &HeaderMap) -> bool {
        let Some(origin) = headers.get(ORIGIN) else { return true };
        let ours = |host: &String| origin.as_bytes() == format!("http://{host}").as_bytes();
        self.hosts().iter().any(ours)
    }

    fn hosts(&self) -> Vec<String> {
        let mut hosts = vec![self.address.to_string()];
        if self.address.ip().is_loopback() {
            hosts.push(format!("localhost:{}", self.address.port()));
        }
        hosts
    }

    /// Compares all of it, so that the time it takes tells nothing.
    fn knows(&self, secret: &str) -> bool {
        let differ = |(a, b): (u8, u8)| a ^ b;
        let differences = self
            .secret
            .bytes()
            .zip(secret.bytes())
            .map(differ)
            .fold(0, |all, one| all | one);
        differences == 0 && secret.len() == self.secret.len()
    }
}

fn unknown() -> Response {
    (
        StatusCode::NOT_FOUND,
        "there is no such page: the address that lab printed is the only one\n",
    )
        .into_response()
}

async fn page(State(site): State<Arc<Site>>, Path(secret): Path<String>) -> Response {
    if !site.knows(&secret) {
        return unknown();
    }
    ([(CONTENT_TYPE, "text/html; charset=utf-8")], site.page.clone()).into_response()
}

async fn events(State(site): State<Arc<Site>>, Path(secret): Path<String>) -> Response {
    if !site.knows(&secret) {
        return unknown();
    }
    Sse::new(told(site.news.clone()))
        .keep_alive(KeepAlive::default())
        .into_response()
}

/// What a browser is told: first what there is, then what is newer each time that it has taken the last, and in the
/// end that there is no more, or it would ask again.
fn told(mut news: Receiver<News>) -> impl Stream<Item = Result<Event, Infallible>> {
    news.mark_changed();
    stream::unfold(Turn::Data(news), |turn| async move {
        let (event, turn) = turn.next().await?;
        Some((Ok(event), turn))
    })
}

/// What a browser is told next.
enum Turn {
    Data(Receiver<News>),
    End,
    Nothing,
}

impl Turn {
    async fn next(self) -> Option<(Event, Turn)> {
        let mut news = match self {
            Turn::Data(news) => news,
            Turn::End => {
                return Some((
                    Event::default().event("end").data("there is no more to come"),
                    Turn::Nothing,
                ));
            }
            Turn::Nothing => return None,
        };
        loop {
            news.changed().await.ok()?;
            let News { data, ended } = news.borrow_and_update().clone();
            let turn = if ended { Turn::End } else { Turn::Data(news) };
            match (data, turn) {
                // JSON writes the ends of lines in another way, and an event has none within.
                (Some(data), turn) => return Some((Event::default().retry(RETRY).data(&*data), turn)),
                (None, Turn::Data(waiting)) => news = waiting,
                (None, turn) => return Some((Event::default().event("end").data("nothing has happened"), turn)),
            }
        }
    }
}

/// Publishes what a server does, as long as `drive` talks to it, and then all that is left. Gives the timeline.
///
/// # Errors
///
/// What `drive` says, and if the capture failed.
pub fn watch(
    live: Live,
    server: Server,
    data: impl Fn(&Timeline) -> String + Sync,
    drive: impl FnOnce(&Server) -> Result<()>,
) -> Result<Timeline> {
    let (wake, woken) = sync_channel(1);
    let follow = server.follow();
    let waker = wake.clone();
    // It ends with the observation.
    thread::spawn(move || follow.for_each(|_| _ = waker.try_send(true)));
    thread::scope(|scope| {
        let (live, server, data) = (&live, &server, &data);
        scope.spawn(move || {
            while let Ok(true) = woken.recv() {
                let began = Instant::now();
                live.publish(data(&server.so_far()));
                // A long story takes long to tell, and most of the time is to be the server's.
                thread::park_timeout(PAUSE.max(began.elapsed() * 4));
            }
        });
        let driven = drive(server);
        // The one who publishes takes what waits there, and then this.
        _ = wake.send(false);
        driven
    })?;
    let timeline = server.stop()?;
    live.publish(data(&timeline));
    live.finish(PATIENCE);
    Ok(timeline)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpStream;

    use super::*;

    fn live() -> Live {
        Live::start("127.0.0.1:0".parse().unwrap(), "<p>page</p>".into()).unwrap()
    }

    /// Sends a request as it is, and gives the lines that come.
    fn request(live: &Live, path: &str, headers: &str) -> impl Iterator<Item = String> + use<> {
        let mut stream = TcpStream::connect(live.address).unwrap();
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
        let (ours, port) = (format!("/{}/", live.secret), live.address.port());
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

    #[test]
    fn who_joins_late_gets_all_and_is_told_of_the_end() {
        let live = live();
        let events = format!("/{}/events", live.secret);
        let host = format!("Host: {}\r\n", live.address);
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
        let events = format!("/{}/events", live.secret);
        let host = format!("Host: {}\r\n", live.address);
        let mut slow = request(&live, &events, &host);
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
        assert_ne!(one.secret, other.secret);
        assert_eq!(one.secret.len(), 32);
        assert!(
            one.url().starts_with("http://127.0.0.1:") && one.url().ends_with('/'),
            "{}",
            one.url()
        );
    }
}
