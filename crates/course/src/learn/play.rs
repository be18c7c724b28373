//! What the clients of an exercise do, and whether they got back what they had to.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::time::Duration;

use anyhow::Result;
use harness::timeline::Timeline;
use harness::{Client, Error, Server};
use serde::Deserialize;

use crate::bytes::unescape;
use crate::lesson::End;

/// One thing that a client does. It connects with its first.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Which client, from 1; the first one unless told.
    pub client: Option<usize>,
    /// How many milliseconds it waits before.
    pub pause: u64,
    /// How many letters `x` it sends before that.
    pub fill: usize,
    /// What it sends. Understands the escapes of `lab trace --send`, beside those of JSON.
    pub send: Option<String>,
    /// What must come back, before the next step; `""` for nothing. Of an echo server it is what was sent, unless told.
    /// Of others nothing is read then, and whatever comes is all right.
    pub expect: Option<String>,
    /// Why that must come, in a sentence for whom it did not come.
    pub why: Option<String>,
    /// How it ends. A client that is not told to closes when all is done.
    pub end: Option<Ending>,
}

/// How a client ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// It closes, once everything is acknowledged.
    Close,
    /// It closes its sending half, reads to the end, and closes.
    HalfClose,
    /// It sends a reset.
    Reset,
    /// It reads until the server closes, and closes then.
    Read,
    /// It waits until a reply has come, and closes without reading it.
    Unread,
    /// It stays connected until the observation has ended.
    Stay,
}

impl From<End> for Ending {
    fn from(end: End) -> Ending {
        match end {
            End::Close => Ending::Close,
            End::HalfClose => Ending::HalfClose,
            End::Reset => Ending::Reset,
        }
    }
}

/// A conversation.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a> {
    /// What is done, in order.
    pub steps: &'a [Step],
    /// True if what is sent comes back where nothing else is said.
    pub echo: bool,
}

/// What a client did not get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The connection: its place among those of the run.
    pub connection: usize,
    /// What was sent last.
    pub sent: Vec<u8>,
    /// What had to come.
    pub wanted: Vec<u8>,
    /// What came.
    pub got: Vec<u8>,
    /// Why nothing more came.
    pub how: How,
    /// Why it had to come, where the exercise says so.
    pub why: Option<String>,
}

/// How waiting for a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Bytes came, and they are others.
    Differs,
    /// Nothing more came in time.
    Silence,
    /// The server closed.
    Closed,
    /// The connection failed: a reset, for instance.
    Failed,
    /// There was no connection.
    Refused,
    /// The server did not close, and it had to.
    StaysOpen,
}

/// A run, and what its clients did not get.
#[derive(Debug)]
pub struct Ran {
    /// What happened.
    pub timeline: Timeline,
    /// The first thing that went wrong: nothing is done after it.
    pub trouble: Option<Trouble>,
    /// Which script each connection belongs to.
    pub scripts: Vec<usize>,
}

/// How long a reply may take. What a kernel puts off takes 40 ms.
pub const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes that nobody asked for have come by then.
const MORE: Duration = Duration::from_millis(1);

/// Holds conversations with a server, one after the other, until one goes wrong, and stops the server.
///
/// # Errors
///
/// If the server cannot be stopped.
pub fn play(server: Server, scripts: &[Script<'_>]) -> Result<Ran> {
    let mut stage = Stage {
        server: &server,
        clients: BTreeMap::new(),
        scripts: Vec::new(),
        playing: 0,
        stay: Vec::new(),
    };
    let mut trouble = None;
    for (place, script) in scripts.iter().enumerate() {
        stage.playing = place;
        trouble = stage.script(*script).err();
        if trouble.is_some() {
            break;
        }
    }
    let Stage { scripts, stay, .. } = stage;
    let timeline = server.stop()?;
    drop(stay);
    Ok(Ran {
        timeline,
        trouble,
        scripts,
    })
}

struct Stage<'s> {
    server: &'s Server,
    /// By their numbers in the script.
    clients: BTreeMap<usize, Guest>,
    /// Which script each connection so far belongs to.
    scripts: Vec<usize>,
    /// The script that is played.
    playing: usize,
    /// Those that stay connected until the observation has ended.
    stay: Vec<Client>,
}

/// A client that is connected.
struct Guest {
    client: Client,
    /// Its place among the connections of the run.
    connection: usize,
    /// True as long as all that came was expected, or nothing.
    is_strict: bool,
}

impl Stage<'_> {
    fn script(&mut self, script: Script<'_>) -> Result<(), Trouble> {
        let mut done = Ok(());
        for step in script.steps {
            done = self.step(step, script.echo);
            if done.is_err() {
                break;
            }
        }
        // Also after trouble: how the server goes on is worth seeing.
        for guest in std::mem::take(&mut self.clients).into_values() {
            let ended = self.end(guest, Ending::Close);
            done = done.and(ended);
        }
        done
    }

    fn step(&mut self, step: &Step, echo: bool) -> Result<(), Trouble> {
        if step.pause > 0 {
            // What the exercise asks for: nothing is waited for but the clock.
            std::thread::sleep(Duration::from_millis(step.pause));
        }
        let number = step.client.unwrap_or(1);
        let mut guest = match self.clients.remove(&number) {
            Some(known) => known,
            None => self.connect()?,
        };
        let sent = step
            .send
            .as_deref()
            .map(|text| [vec![b'x'; step.fill], bytes(text)].concat());
        let wanted = match (&step.expect, &sent) {
            (Some(text), _) => Some(bytes(text)),
            (None, Some(sent)) if echo => Some(sent.clone()),
            _ => None,
        };
        guest.is_strict &= wanted.is_some() || sent.is_none();
        let done = guest.exchange(&sent.unwrap_or_default(), &wanted.unwrap_or_default());
        let done = match step.end {
            Some(ending) if done.is_ok() => self.end(guest, ending),
            _ => {
                self.clients.insert(number, guest);
                done
            }
        };
        done.map_err(|trouble| Trouble {
            why: step.why.clone(),
            ..trouble
        })
    }

    fn connect(&mut self) -> Result<Guest, Trouble> {
        let connection = self.scripts.len();
        self.scripts.push(self.playing);
        let failed = |_| Trouble {
            connection,
            sent: Vec::new(),
            wanted: Vec::new(),
            got: Vec::new(),
            how: How::Refused,
            why: None,
        };
        let mut client = self.server.connect().map_err(failed)?;
        client.wait_at_most(PATIENCE).map_err(failed)?;
        Ok(Guest {
            client,
            connection,
            is_strict: true,
        })
    }

    fn end(&mut self, guest: Guest, ending: Ending) -> Result<(), Trouble> {
        let Guest {
            mut client,
            connection,
            is_strict,
        } = guest;
        match ending {
            Ending::Close => {
                client.settle();
                let more = nothing_more(&mut client, connection);
                client.close();
                if is_strict { more } else { Ok(()) }
            }
            Ending::HalfClose | Ending::Read => {
                let shut = (ending == Ending::HalfClose).then(|| client.shutdown_write());
                let read = shut.unwrap_or(Ok(())).and_then(|()| client.read_to_end());
                client.close();
                let ended = to_the_end(read, connection);
                if is_strict { ended } else { Ok(()) }
            }
            Ending::Unread => {
                // If nothing comes, there is nothing to leave unread: the timeline shows it.
                let _ = client.socket().peek(&mut [MaybeUninit::uninit()]);
                client.settle();
                drop(client);
                Ok(())
            }
            Ending::Reset => {
                client.settle();
                // A socket that refuses the option is reset by nobody; the timeline shows its FIN.
                let _ = client.reset();
                Ok(())
            }
            Ending::Stay => {
                client.settle();
                self.stay.push(client);
                Ok(())
            }
        }
    }
}

impl Guest {
    /// Sends, and reads what has to come.
    fn exchange(&mut self, sent: &[u8], wanted: &[u8]) -> Result<(), Trouble> {
        let connection = self.connection;
        let mut got = Vec::new();
        let trouble = |got: &[u8], how| Trouble {
            connection,
            sent: sent.to_vec(),
            wanted: wanted.to_vec(),
            got: got.to_vec(),
            how,
            why: None,
        };
        if !sent.is_empty() {
            self.client.send(sent).map_err(|_| trouble(&[], How::Failed))?;
        }
        while got.len() < wanted.len() {
            match self.client.read_some() {
                Ok(part) if part.is_empty() => return Err(trouble(&got, How::Closed)),
                Ok(part) => got.extend(part),
                Err(error) if error.is_timeout() => return Err(trouble(&got, How::Silence)),
                Err(_) => return Err(trouble(&got, How::Failed)),
            }
            if !wanted.starts_with(&got[..got.len().min(wanted.len())]) || got.len() > wanted.len() {
                return Err(trouble(&got, How::Differs));
            }
        }
        Ok(())
    }
}

/// Nothing has come that nobody asked for.
fn nothing_more(client: &mut Client, connection: usize) -> Result<(), Trouble> {
    match client.read_within(MORE) {
        Ok(Some(got)) if !got.is_empty() => Err(Trouble {
            connection,
            sent: Vec::new(),
            wanted: Vec::new(),
            got,
            how: How::Differs,
            why: None,
        }),
        _ => Ok(()),
    }
}

fn to_the_end(read: Result<Vec<u8>, Error>, connection: usize) -> Result<(), Trouble> {
    let (got, how) = match read {
        Ok(got) if got.is_empty() => return Ok(()),
        Ok(got) => (got, How::Differs),
        Err(error) if error.is_timeout() => (Vec::new(), How::StaysOpen),
        Err(_) => (Vec::new(), How::Failed),
    };
    Err(Trouble {
        connection,
        sent: Vec::new(),
        wanted: Vec::new(),
        got,
        how,
        why: None,
    })
}

/// The bytes of a text with escapes. One without a known escape stands for itself.
pub fn bytes(text: &str) -> Vec<u8> {
    unescape(text).map_or_else(|_| text.as_bytes().to_vec(), |bytes| bytes.0)
}

/// What every server must hold that gives lines back: other lines than the ones in the page. `token` is one that
/// nobody can know before.
pub fn echo_probes(token: &str) -> Vec<Vec<Step>> {
    let line = |text: &str| Step {
        send: Some(text.to_owned()),
        ..Step::default()
    };
    let of = |client: usize, text: &str| Step {
        client: Some(client),
        ..line(text)
    };
    let later = |text: &str| Step {
        pause: 60,
        ..line(text)
    };
    vec![
        vec![
            line(&format!("{token}\n")),
            line("\n"),
            later("a b\tc\r\n"),
            line("\\xff\\xfe\\x80\n"),
        ],
        vec![line(&format!("{}\n", "0123456789abcdef".repeat(1250)))],
        vec![line(&format!("one\ntwo {token}\nthree\n"))],
        vec![
            Step {
                expect: Some(String::new()),
                ..line("in two ")
            },
            Step {
                pause: 60,
                expect: Some(format!("in two parts {token}\n")),
                ..line(&format!("parts {token}\n"))
            },
        ],
        vec![
            of(1, "first\n"),
            of(2, &format!("second {token}\n")),
            of(1, "first again\n"),
            of(2, "second\n"),
        ],
    ]
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let what = match self.how {
            How::Differs => "the bytes that came back are not the right ones",
            How::Silence => "a client waited in vain for its reply",
            How::Closed => "the server closed while a client waited for its reply",
            How::Failed => "the connection failed while a client waited for its reply",
            How::Refused => "a client could not connect",
            How::StaysOpen => "a client waited in vain for the server to close",
        };
        f.write_str(what)
    }
}
