//! Wireshark on a running server, or on a capture, with columns and colours that suit packets
//! and calls alike.
//!
//! The user's own settings stay as they are: the columns are given on the command line, and what
//! Wireshark saves goes to a settings folder of its own.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use harness::format::pcapng::Encoder;
use harness::testing::find_program;
use harness::timeline::{Level, Side};
use harness::{Client, REPLY_IS_OVER, Server};

use crate::capture_file::write;

/// An installed Wireshark.
#[derive(Clone, Debug)]
pub struct Wireshark {
    program: PathBuf,
    /// Its settings: colours, and what it remembers of the window.
    folder: PathBuf,
    /// The host whose packets it shows, of a run with a wire.
    vantage: Option<Side>,
}

/// What helps where no window can be opened.
const WITHOUT_WINDOW: &str = "without a window: lab trace --pcapng - step1 | tshark -r -";

/// How long a line may wait for its reply. A server need not have one.
const REPLY_BEGINS: Duration = Duration::from_secs(2);

/// Columns of the packet list: title and format, as Wireshark's preference `gui.column.format`.
/// Ports in place of addresses, since both ends are the same host.
const COLUMNS: [(&str, &str); 6] = [
    ("No.", "%m"),
    ("Time", "%t"),
    ("From", "%uS"),
    ("To", "%uD"),
    ("Protocol", "%p"),
    ("Info", "%i"),
];

/// What the committed captures and `lab trace` explain of each packet.
const COMMENT: (&str, &str) = ("Why", "%Cus:frame.comment:0:R");

/// Other preferences. The Info column is for what tells packets apart.
const PREFERENCES: [&str; 4] = [
    "tcp.ignore_tcp_timestamps:TRUE",
    "tcp.relative_sequence_numbers:TRUE",
    "gui.update.enabled:FALSE",
    "gui.ask_unsaved:FALSE",
];

/// Wireshark's file of colours: name, filter, background and text (red, green, blue, 16 bits
/// each). The first that matches counts. They cannot be given on the command line.
const COLOURS: &str = r#"@State@syslog.msg matches "^[^ ]+: socket [A-Za-z0-9_]+$"@[58853,56540,63993][12850,8995,25700]
@Failed call@exported_pdu && syslog.msg contains " = -1 "@[65535,54741,46774][24672,8224,0]
@Call@exported_pdu@[65535,62965,52428][17990,13878,0]
@Sent again@tcp.analysis.retransmission || tcp.analysis.fast_retransmission@[4718,10030,11796][63479,34695,34695]
@Reset@tcp.flags.reset == 1@[42148,0,0][65535,64764,40092]
@Beginning and end@tcp.flags.syn == 1 || tcp.flags.fin == 1@[55512,55512,55512][4718,10030,11796]
@Data@tcp.len > 0@[55255,60909,65535][4112,12850,24672]
@ACK@tcp@[65535,65535,65535][4112,10280,14392]
"#;

/// What Wireshark remembers from one run to the next, as it is before the first: a window that is
/// large enough, times in microseconds, and no bytes in hexadecimal.
const REMEMBERED: [(&str, &str); 2] = [
    (
        "recent",
        "gui.time_format: RELATIVE\n\
         gui.time_precision: USEC\n\
         gui.byte_view_show: FALSE\n\
         gui.geometry_main_upper_pane: 480\n",
    ),
    (
        "recent_common",
        "gui.geometry_main_x: 0\ngui.geometry_main_y: 0\n\
         gui.geometry_main_width: 1280\ngui.geometry_main_height: 720\n",
    ),
];

impl Wireshark {
    /// Looks for Wireshark and for a display.
    ///
    /// # Errors
    ///
    /// If one of them is not there, with the cure.
    pub fn find() -> Result<Wireshark> {
        let program = find_program("wireshark").with_context(|| {
            format!("Wireshark is not installed: install it (on Debian and Ubuntu: sudo apt install wireshark); {WITHOUT_WINDOW}")
        })?;
        let is_set = |name: &&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let has_display = ["DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"].iter().any(is_set);
        ensure!(
            has_display || !cfg!(target_os = "linux"),
            "there is no display for Wireshark's window (DISPLAY and WAYLAND_DISPLAY are not set): \
             run this on a desktop or through ssh -X; {WITHOUT_WINDOW}"
        );
        let cache = std::env::var_os("XDG_CACHE_HOME").filter(|folder| !folder.is_empty());
        let home = || std::env::home_dir().map(|home| home.join(".cache"));
        let cache = cache.map(PathBuf::from).or_else(home);
        let cache = cache.context("there is no folder for Wireshark's settings: set HOME")?;
        Ok(Wireshark::at(program, cache.join("lab-wireshark")))
    }

    /// The Wireshark at this path, with its settings in this folder.
    pub fn at(program: impl Into<PathBuf>, folder: impl Into<PathBuf>) -> Wireshark {
        Wireshark {
            program: program.into(),
            folder: folder.into(),
            vantage: None,
        }
    }

    /// Shows of a run with a wire what could have been captured on one host.
    #[must_use]
    pub fn at_host(self, host: Option<Side>) -> Wireshark {
        Wireshark { vantage: host, ..self }
    }

    /// Opens Wireshark on a running server and shows each packet, call and state when it happens,
    /// until the window is closed. Meanwhile `drive` talks to the server, on a thread of its own.
    ///
    /// Ctrl-C ends the server and this process; the window stays, with what it has.
    ///
    /// # Errors
    ///
    /// If Wireshark cannot be started or fails, or the capture did. An error of `drive` is told on
    /// standard error and leaves the window open: it may show why.
    pub fn watch<D>(&self, server: Server, name: &str, drive: D) -> Result<()>
    where
        D: FnOnce(&Server) -> Result<()> + Send + 'static,
    {
        if server.level() < Level::Loopback {
            tell("no packets can be captured here, only calls and states; `lab doctor` has the cure");
        }
        let input = ["-k", "-i", "-"].map(OsStr::new);
        let mut window = self.start(&COLUMNS, &input, Stdio::piped())?;
        let pipe = window.stdin.take().context("Wireshark has no standard input")?;
        let records = self
            .vantage
            .map_or_else(|| server.follow(), |host| server.follow_at(host));
        let (name, level) = (name.to_owned(), server.level());
        // This thread ends when the observation does, or when the user stops the capture in the window.
        thread::spawn(
            move || match write(records, pipe, &name, level).and_then(Encoder::finish) {
                Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
                    tell(&format!("cannot write to Wireshark: {error}"));
                }
                _ => {}
            },
        );
        let server = Arc::new(server);
        let driven = Arc::clone(&server);
        thread::spawn(move || {
            if let Err(error) = drive(&driven) {
                tell(&format!("{error:#}"));
            }
            tell(&match driven.ended() {
                Some(exit) => format!("the server has ended ({exit}): close Wireshark, or press Ctrl-C"),
                None => "the server goes on: close Wireshark, or press Ctrl-C, to end it".to_owned(),
            });
        });
        self.wait(window)?;
        // Where somebody could still type, the driving thread holds the server, and the server ends with this process.
        match Arc::into_inner(server).map(Server::stop).transpose()? {
            Some(timeline) if timeline.dropped > 0 => tell(&format!(
                "{} packets are missing: the capture did not keep up, and --buffer 256 gives it more room",
                timeline.dropped
            )),
            _ => {}
        }
        Ok(())
    }

    /// Opens Wireshark on a capture file, until the window is closed.
    ///
    /// # Errors
    ///
    /// If there is no such file, or Wireshark cannot be started or fails.
    pub fn open(&self, file: &Path) -> Result<()> {
        let file = file
            .canonicalize()
            .with_context(|| format!("cannot open {}", file.display()))?;
        let columns = [&COLUMNS[..], &[COMMENT]].concat();
        let window = self.start(&columns, &["-r".as_ref(), file.as_os_str()], Stdio::null())?;
        self.wait(window)
    }

    /// Starts it in a process group of its own, so that Ctrl-C in the terminal is not for it.
    fn start(&self, columns: &[(&str, &str)], input: &[&OsStr], stdin: Stdio) -> Result<Child> {
        let log = self.prepare().with_context(|| {
            let folder = self.folder.display();
            format!("cannot write Wireshark's settings to {folder}: set XDG_CACHE_HOME to a folder of yours")
        })?;
        let titles_and_formats: Vec<String> = columns
            .iter()
            .map(|(title, format)| format!("\"{title}\",\"{format}\""))
            .collect();
        let columns = format!("gui.column.format:{}", titles_and_formats.join(","));
        let mut command = Command::new(&self.program);
        command.env("WIRESHARK_CONFIG_DIR", &self.folder).arg("-n");
        for preference in PREFERENCES.into_iter().chain([columns.as_str()]) {
            command.args(["-o", preference]);
        }
        command.args(input).stdin(stdin).stdout(Stdio::null()).stderr(log);
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))
    }

    /// Fills the settings folder. Returns the file for what Wireshark says.
    fn prepare(&self) -> io::Result<File> {
        fs::create_dir_all(&self.folder)?;
        fs::write(self.folder.join("colorfilters"), COLOURS)?;
        for (name, text) in REMEMBERED {
            let path = self.folder.join(name);
            if !path.exists() {
                fs::write(path, text)?;
            }
        }
        File::create(self.log())
    }

    fn log(&self) -> PathBuf {
        self.folder.join("wireshark.log")
    }

    fn wait(&self, mut window: Child) -> Result<()> {
        let status = window.wait().context("cannot wait for Wireshark")?;
        if !status.success() {
            let said = fs::read(self.log()).unwrap_or_default();
            bail!(
                "Wireshark failed ({status}): {}",
                String::from_utf8_lossy(&said).trim_end()
            );
        }
        Ok(())
    }
}

/// Sends each line that somebody types to the server, and prints what it answers. Ctrl-D closes
/// the connection, and the next line opens another; a second Ctrl-D ends.
///
/// # Errors
///
/// If no more can be read. What a client cannot do is told, and the next line tries anew.
pub fn type_lines(
    server: &Server,
    address: SocketAddr,
    mut lines: impl BufRead,
    mut replies: impl Write,
) -> Result<()> {
    tell("type lines for the server; Ctrl-D closes the connection, Ctrl-C ends");
    let mut client: Option<Client> = None;
    let mut line = Vec::new();
    loop {
        line.clear();
        if lines
            .read_until(b'\n', &mut line)
            .context("cannot read what is typed")?
            == 0
        {
            let Some(open) = client.take() else { return Ok(()) };
            open.close();
            tell("closed; the next line opens another connection");
            continue;
        }
        let connected = client.take().map_or_else(|| server.connect_to(address), Ok);
        let answered = connected.and_then(|client| exchange(client, &line, &mut replies));
        client = answered.unwrap_or_else(|error| {
            tell(&error.to_string());
            None
        });
    }
}

/// Sends a line and prints the reply as it comes. Gives the client back, unless the server has
/// closed.
fn exchange(mut client: Client, line: &[u8], replies: &mut impl Write) -> Result<Option<Client>, harness::Error> {
    client.send(line)?;
    let mut wait = REPLY_BEGINS;
    while let Some(part) = client.read_within(wait)? {
        if part.is_empty() {
            tell("the server has closed the connection");
            return Ok(None);
        }
        // A standard output that is closed does not end the conversation: Wireshark shows it too.
        let _ = replies.write_all(&part).and_then(|()| replies.flush());
        wait = REPLY_IS_OVER;
    }
    Ok(Some(client))
}

/// Says something on standard error. If that is closed, nobody listens.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "lab: {text}");
}
