//! `lab learn` as a learner types it, right and wrong, in a pipe and in a terminal.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use course::learn::catalog;
use course::learn::exercise::{self, Exercise};
use course::{checkout, steps};
use harness::testing::{Needs::Cargo, Needs::Sandbox, built};

/// A build on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// A learner with a folder, until the test has ended.
struct Learner {
    home: PathBuf,
    cargo: PathBuf,
}

impl Drop for Learner {
    fn drop(&mut self) {
        // A build that outlives its learner may put something there meanwhile.
        const TRIES: usize = 100;
        let is_gone = |_: &usize| fs::remove_dir_all(&self.home).is_ok();
        // What is left is in a folder for what nobody misses.
        let _ = (0..TRIES).find(is_gone);
    }
}

impl Learner {
    /// One whose cargo gives at once what is built already: the servers of the exercises. Other sources are errors.
    fn new() -> Result<Learner> {
        static LEARNERS: AtomicUsize = AtomicUsize::new(0);
        let number = LEARNERS.fetch_add(1, Ordering::Relaxed);
        let home = std::env::temp_dir().join(format!("lab-learner-{}-{number}", std::process::id()));
        fs::create_dir_all(&home)?;
        let cargo = home.join("cargo");
        let script = STANDS_IN
            .replace(
                "EXERCISES",
                &checkout::find()?.join(exercise::FOLDER).display().to_string(),
            )
            .replace(
                "PROGRAM",
                &steps::build_example(catalog::PROGRAM)?.display().to_string(),
            )
            .replace("HOME", &home.display().to_string());
        write_program(&cargo, &script)?;
        Ok(Learner { home, cargo })
    }

    /// One with the cargo of this machine.
    fn with_cargo() -> Result<Learner> {
        let mut learner = Learner::new()?;
        learner.cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()).into();
        Ok(learner)
    }

    fn folder(&self) -> PathBuf {
        self.home.join("exercises")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built("lab"));
        command.arg("learn").args(arguments);
        command.env("LAB_EXERCISES", self.folder()).env("CARGO", &self.cargo);
        command
    }

    fn learn(&self, arguments: &[&str]) -> Result<Output> {
        let output = self.command(arguments).stdin(Stdio::null()).output();
        output.context("cannot start lab")
    }

    /// The status and all words.
    fn told(&self, arguments: &[&str]) -> Result<(i32, String)> {
        let output = self.learn(arguments)?;
        let words = [output.stdout, output.stderr].concat();
        let words = String::from_utf8_lossy(&words).into_owned();
        assert!(!words.contains("panicked") && !words.contains("backtrace"), "{words}");
        Ok((output.status.code().context("killed")?, words))
    }

    /// Types some lines into the loop, in a pipe.
    fn typed(&self, lines: &str) -> Result<String> {
        let mut child = self.command(&[]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.take().context("no input")?.write_all(lines.as_bytes())?;
        let output = child.wait_with_output()?;
        assert!(output.status.success(), "{output:?}");
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn server(&self, exercise: &Exercise) -> PathBuf {
        self.folder().join(&exercise.slug).join("main.rs")
    }

    /// Begins at an exercise.
    fn is_at(&self, exercise: &Exercise) -> Result<()> {
        self.learn(&["list"])?;
        let progress = format!("{{ \"current\": {:?} }}", exercise.name);
        Ok(fs::write(self.folder().join("progress.json"), progress)?)
    }
}

/// Finds which server of an exercise the learner's file is, and gives it as cargo would.
const STANDS_IN: &str = r#"#!/bin/sh
while [ "$1" != --bin ]; do shift; done
for given in EXERCISES/*-"$2"/main.rs EXERCISES/*-"$2"/solution.rs EXERCISES/*-"$2"/wrong/*.rs; do
    path=${given#EXERCISES/}
    if cmp -s "$given" "${4%/Cargo.toml}/${path%%/*}/main.rs"; then
        program=HOME/server-$$
        printf '#!/bin/sh\nexec env EXERCISE=%s PROGRAM "$@"\n' "$path" >"$program"
        chmod +x "$program"
        echo "{\"target\":{\"name\":\"$2\"},\"executable\":\"$program\"}"
        exit
    fi
done
echo "error: could not compile \`exercises\`" >&2
exit 101
"#;

/// Writes it by another process: a child that another test forks meanwhile would have our descriptor, and a file that
/// somebody may write cannot be executed.
fn write_program(path: &Path, text: &str) -> Result<()> {
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"printf %s "$1" >"$0" && chmod 755 "$0""#]);
    let written = shell.arg(path).arg(text).status()?;
    anyhow::ensure!(written.success(), "{} was not written: {written}", path.display());
    Ok(())
}

fn exercise(name: &str) -> Result<Exercise> {
    Ok(exercise::find(&exercise::all()?, name)?.clone())
}

/// A check that answers each question with the same.
fn answers(name: &str, answer: &str) -> Result<Vec<String>> {
    let answered = exercise(name)?
        .about
        .questions
        .into_iter()
        .flat_map(|_| ["--answer", answer]);
    Ok(["check", name].into_iter().chain(answered).map(str::to_owned).collect())
}

fn check_tells_by_its_status() -> Result<()> {
    let learner = Learner::new()?;
    let one_write = exercise("one-write")?;
    let (status, words) = learner.told(&["check", "one-write"])?;
    assert_eq!(status, 1, "{words}");
    // To check what was given, as on the night before a class, leads nobody away from the first exercise.
    let progress = fs::read_to_string(learner.folder().join("progress.json"));
    assert!(!progress.is_ok_and(|progress| progress.contains("one-write")));
    assert!(words.contains("Still 2 writes for one reply: frames 1"), "{words}");
    assert!(words.lines().all(|line| line.chars().count() <= 80), "{words}");
    assert!(
        words
            .lines()
            .any(|line| line.starts_with("▶") && line.contains("sendto")),
        "{words}"
    );
    fs::write(learner.server(&one_write), one_write.solution()?)?;
    let (status, words) = learner.told(&["check", "one-write"])?;
    assert_eq!(status, 0, "{words}");
    let (_, words) = learner.told(&["list"])?;
    assert!(words.contains("[█") && words.contains(" 1 of "), "{words}");
    fs::write(learner.server(&one_write), "fn main() { nothing }")?;
    let (status, words) = learner.told(&["check", "one-write"])?;
    assert_eq!(status, 1, "{words}");
    assert!(
        words.contains("could not compile") && words.contains("it does not build"),
        "{words}"
    );
    let progress = fs::read_to_string(learner.folder().join("progress.json"))?;
    assert!(
        progress.contains("\"passed\": true") && progress.contains("\"tries\": 1"),
        "{progress}"
    );
    Ok(())
}

fn wrong_words_are_told_apart_from_wrong_answers() -> Result<()> {
    let learner = Learner::new()?;
    let many = answers("first-exchange", "many")?;
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let cases: [(&[&str], &str); 10] = [
        (
            &["no-such-thing"],
            "there is no exercise \"no-such-thing\"; there are handshake, ",
        ),
        (&["check", "two-end"], "; is it two-ends?"),
        (&["check", "99"], "they have the numbers 1 to 43"),
        (&["check", "one-write", "--answer", "3"], "takes no answer"),
        (&["one-write", "list"], "stands behind the command"),
        (&["check", "nothing-like-it"], "there is no exercise"),
        (&["check", "first-exchange"], "give an answer to each question"),
        (&many, "is no answer to this: give a number"),
        (&["solution", "one-write"], "is not solved yet"),
        (&["solution", "first-exchange", "--anyway"], "is solved by an answer"),
    ];
    for (arguments, expected) in cases {
        let (status, words) = learner.told(arguments)?;
        assert_eq!(status, 2, "{arguments:?}: {words}");
        assert!(words.contains(expected), "{arguments:?}: {words}");
    }
    Ok(())
}

fn what_a_learner_wrote_is_kept() -> Result<()> {
    let learner = Learner::new()?;
    let one_write = exercise("one-write")?;
    learner.learn(&["list"])?;
    let server = learner.server(&one_write);
    assert_eq!(fs::read_to_string(&server)?, one_write.given()?.context("no server")?);
    fs::write(&server, "mine")?;
    let page = server.with_file_name("page.md");
    fs::write(&page, "my notes")?;
    learner.learn(&["list"])?;
    assert_eq!(
        (fs::read_to_string(&server)?, fs::read_to_string(&page)?),
        ("mine".into(), "my notes".into())
    );
    let (status, words) = learner.told(&["reset", "one-write"])?;
    assert!(status == 0 && words.contains("main.1.rs"), "{words}");
    assert_eq!(fs::read_to_string(server.with_file_name("main.1.rs"))?, "mine");
    fs::write(&server, "mine again")?;
    learner.learn(&["reset", "one-write"])?;
    assert_eq!(fs::read_to_string(server.with_file_name("main.1.rs"))?, "mine");
    assert_eq!(fs::read_to_string(server.with_file_name("main.2.rs"))?, "mine again");
    // One that was deleted does not come back by itself, and the check says how.
    fs::remove_file(&server)?;
    let (status, words) = learner.told(&["check", "one-write"])?;
    assert!(status == 2 && words.contains("learn reset one-write"), "{words}");
    assert!(!server.exists());
    // A folder that is gone is made anew.
    fs::remove_dir_all(server.parent().context("no folder")?)?;
    assert_eq!(learner.told(&["check", "one-write"])?.0, 1);
    Ok(())
}

fn what_is_done_is_a_file_to_read_and_to_spoil() -> Result<()> {
    let learner = Learner::new()?;
    learner.learn(&["list"])?;
    let file = learner.folder().join("progress.json");
    let misspelt = br#"{ "exercise": { "one-write": { "passed": true } } }"#;
    for spoilt in [&b"not \xff a progress"[..], misspelt] {
        fs::write(&file, spoilt)?;
        let (status, words) = learner.told(&["list"])?;
        assert!(status == 0 && words.contains("the file is kept as"), "{words}");
        let (_, words) = learner.told(&["list"])?;
        assert!(!words.contains("kept"), "{words}");
    }
    for expected in [1, 2, 3, 3] {
        let (_, words) = learner.told(&["hint", "one-write"])?;
        assert_eq!(words.matches("hint ").count(), expected, "{words}");
    }
    let text = fs::read_to_string(&file)?;
    assert!(text.contains("\"hints\": 3"), "{text}");
    let (status, words) = learner.told(&["solution", "one-write", "--anyway"])?;
    assert!(status == 0 && words.contains("fn main"), "{words}");
    // Whoever grades sees that.
    let (_, report) = learner.told(&["report", "--name", "x", "--output", "-"])?;
    assert!(report.contains("\"shown\": true"), "{report}");
    Ok(())
}

/// Fix has no way on without cargo; predict has its capture.
fn without_a_toolchain_captures_answer() -> Result<()> {
    let mut learner = Learner::new()?;
    learner.cargo = "/there/is/no/cargo".into();
    let (status, words) = learner.told(&["check", "one-write"])?;
    assert!(
        status == 2 && words.contains("is a Rust toolchain installed"),
        "{words}"
    );
    let wrong = answers("first-exchange", "99")?;
    let (status, words) = learner.told(&wrong.iter().map(String::as_str).collect::<Vec<_>>())?;
    assert!(
        status == 1 && words.contains("the committed capture answers"),
        "{words}"
    );
    Ok(())
}

fn a_folder_that_cannot_be_made_is_told() -> Result<()> {
    let learner = Learner::new()?;
    let mut command = learner.command(&["list"]);
    let output = command.env("LAB_EXERCISES", "/proc/no/exercises").output()?;
    let words = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{words}");
    assert!(
        words.contains("/proc/no/exercises") && words.contains("--folder DIR"),
        "{words}"
    );
    let elsewhere = learner.home.join("elsewhere");
    let output = learner.learn(&["list", "--folder", &elsewhere.display().to_string()])?;
    assert!(
        output.status.success() && elsewhere.join("Cargo.toml").is_file(),
        "{output:?}"
    );
    assert!(!learner.folder().exists());
    Ok(())
}

fn the_loop_does_what_is_typed() -> Result<()> {
    let learner = Learner::new()?;
    let one_write = exercise("one-write")?;
    learner.is_at(&one_write)?;
    let words = learner.typed("h\nx\nwhatever\nr\np\nl\nq\nnever read\n")?;
    for expected in [
        "One reply, one write",
        "Still 2 writes",
        "Hint 1 of 3",
        "there is no key 'x'",
        "there is no key \"whatever\"",
        "q quit",
        "`lab learn` goes on here",
    ] {
        assert!(words.contains(expected), "{expected} is missing in\n{words}");
    }
    assert!(words.lines().all(|line| line.chars().count() <= 80), "{words}");
    // Where it was left it goes on, and an end of input is an end.
    let words = learner.typed("")?;
    assert!(!words.contains("One reply, one write"), "{words}");
    // Whoever names one is there, and after that goes on from there.
    let (status, named) = learner.told(&["the-stall"])?;
    assert!(status == 0 && named.contains("04-the-stall"), "{named}");
    assert!(learner.typed("")?.contains("04-the-stall"));
    // What helps with an answered question does not come first.
    let words = learner.typed("four\nh\nq\n")?;
    let (first, hint) = (words.find("To question 2: "), words.find("Hint 1 of 3"));
    assert!(first.is_some() && first < hint, "{words}");
    Ok(())
}

/// A program that is read while it runs.
struct Reading {
    child: Child,
    parts: Receiver<Vec<u8>>,
    seen: String,
}

impl Reading {
    fn of(mut child: Child, mut from: impl Read + Send + 'static) -> Reading {
        let (sender, parts) = mpsc::channel();
        thread::spawn(move || {
            let mut part = [0; 4096];
            // A terminal whose other end is closed reads as an error.
            while let Ok(length @ 1..) = from.read(&mut part) {
                if sender.send(part[..length].to_vec()).is_err() {
                    return;
                }
            }
        });
        child.stdout.take();
        Reading {
            child,
            parts,
            seen: String::new(),
        }
    }

    /// Waits for words that were not there before.
    fn until(&mut self, wanted: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.seen.find(wanted) {
                self.seen.drain(..at + wanted.len());
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.parts.recv_timeout(left) {
                Ok(part) => self.seen += &String::from_utf8_lossy(&part),
                Err(_) => bail!("{wanted:?} did not come; what came last: {}", self.seen),
            }
        }
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Each save is checked; one in the middle of a run is checked in place of what was there before.
fn a_save_is_seen() -> Result<()> {
    let learner = Learner::new()?;
    let one_write = exercise("one-write")?;
    learner.is_at(&one_write)?;
    let mut child = learner
        .command(&[])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let output = child.stdout.take().context("no output")?;
    let mut input = child.stdin.take().context("no input")?;
    let mut lab = Reading::of(child, output);
    lab.until("Still 2 writes")?;
    let wrong = |name: &str| fs::read(one_write.folder().join("wrong").join(name));
    let server = learner.server(&one_write);
    // This one answers nothing, so its run takes seconds. It is still under way when the next save comes.
    fs::write(&server, wrong("answers-nothing.rs")?)?;
    lab.until("running")?;
    // As an editor does that writes beside the file and moves it there.
    let beside = server.with_extension("rs~");
    fs::write(&beside, wrong("nodelay.rs")?)?;
    fs::rename(&beside, &server)?;
    lab.until("switches Nagle's algorithm off")?;
    assert!(!lab.seen.contains("made no write call"), "{}", lab.seen);
    fs::write(&server, one_write.solution()?)?;
    lab.until("Solved.")?;
    input.write_all(b"q\n")?;
    lab.until("goes on here")?;
    assert!(lab.child.wait()?.success());
    Ok(())
}

/// `lab learn` in a terminal, at an exercise whose server is edited.
#[cfg(target_os = "linux")]
struct InTerminal {
    keys: fs::File,
    lab: Reading,
    terminal: std::os::fd::OwnedFd,
    before: nix::sys::termios::LocalFlags,
}

#[cfg(target_os = "linux")]
impl InTerminal {
    fn begin(learner: &Learner) -> Result<Self> {
        use nix::pty::{Winsize, openpty};
        learner.is_at(&exercise("one-write")?)?;
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        let pty = openpty(&size, None)?;
        let before = local_flags(&pty.slave)?;
        let mut command = learner.command(&[]);
        command
            .stdin(pty.slave.try_clone()?)
            .stdout(pty.slave.try_clone()?)
            .stderr(Stdio::null());
        let child = command.spawn()?;
        let keys = fs::File::from(pty.master.try_clone()?);
        let mut lab = Reading::of(child, fs::File::from(pty.master));
        lab.until("q quit")?;
        let flags = local_flags(&pty.slave)?;
        assert!(!flags.contains(nix::sys::termios::LocalFlags::ICANON));
        Ok(Self {
            keys,
            lab,
            terminal: pty.slave,
            before,
        })
    }

    fn is_as_before(&self) -> Result<bool> {
        Ok(local_flags(&self.terminal)? == self.before)
    }
}

/// PENDIN says only that there is input to read again.
#[cfg(target_os = "linux")]
fn local_flags(terminal: impl std::os::fd::AsFd) -> Result<nix::sys::termios::LocalFlags> {
    let flags = nix::sys::termios::tcgetattr(terminal)?.local_flags;
    Ok(flags & !nix::sys::termios::LocalFlags::PENDIN)
}

/// A terminal gives single keys while a server is edited, and is as before afterwards.
#[cfg(target_os = "linux")]
fn ctrl_c_puts_the_terminal_back() -> Result<()> {
    let learner = Learner::new()?;
    let mut terminal = InTerminal::begin(&learner)?;
    let (keys, lab) = (&mut terminal.keys, &mut terminal.lab);
    keys.write_all(b"h")?;
    lab.until("Hint 1 of 3")?;
    keys.write_all(b"r")?;
    lab.until("Still 2 writes")?;
    keys.write_all(b"r")?;
    lab.until("building")?;
    // In the middle of a run.
    keys.write_all(&[0x03])?;
    lab.until("goes on here")?;
    assert!(lab.child.wait()?.success());
    assert!(terminal.is_as_before()?);
    Ok(())
}

/// Whoever ends it from elsewhere finds the terminal as it was too. (This test may have been started with other signals
/// ignored, as nohup(1) does with SIGHUP.)
#[cfg(target_os = "linux")]
fn a_signal_puts_the_terminal_back() -> Result<()> {
    use nix::sys::signal::{Signal, kill};
    use std::os::unix::process::ExitStatusExt;
    let learner = Learner::new()?;
    let mut terminal = InTerminal::begin(&learner)?;
    let process = nix::unistd::Pid::from_raw(terminal.lab.child.id().cast_signed());
    kill(process, Signal::SIGTERM)?;
    assert_eq!(terminal.lab.child.wait()?.signal(), Some(Signal::SIGTERM as i32));
    assert!(terminal.is_as_before()?);
    Ok(())
}

/// With the cargo of this machine: the folder is a package that builds offline, and errors are cargo's words.
fn a_learners_folder_builds() -> Result<()> {
    let learner = Learner::with_cargo()?;
    let one_write = exercise("one-write")?;
    learner.is_at(&one_write)?;
    let source = one_write.solution()?;
    fs::write(learner.server(&one_write), source.replace("write_all", "write_al"))?;
    let (status, words) = learner.told(&["check", "one-write"])?;
    assert!(status == 1 && words.contains("error[E0599]"), "{words}");
    fs::write(learner.server(&one_write), source)?;
    let (status, words) = learner.told(&["check", "one-write"])?;
    assert_eq!(status, 0, "{words}");
    Ok(())
}

harness::tests! {
    a_learners_folder_builds needs [Sandbox, Cargo];
    check_tells_by_its_status needs [Sandbox];
    wrong_words_are_told_apart_from_wrong_answers needs [];
    what_a_learner_wrote_is_kept needs [Sandbox];
    what_is_done_is_a_file_to_read_and_to_spoil needs [];
    without_a_toolchain_captures_answer needs [];
    a_folder_that_cannot_be_made_is_told needs [];
    the_loop_does_what_is_typed needs [Sandbox];
    a_save_is_seen needs [Sandbox];
    #[cfg(target_os = "linux")]
    ctrl_c_puts_the_terminal_back needs [Sandbox];
    #[cfg(target_os = "linux")]
    a_signal_puts_the_terminal_back needs [];
}
