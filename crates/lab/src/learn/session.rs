//! The loop of `lab learn`: shows the task, waits for saves and keys, checks, shows what came of it.

use std::io::{self, IsTerminal, Read, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use course::learn::attempt::{self, Attempt};
use course::learn::call_off::CallOff;
use course::learn::exercise::Exercise;
use course::learn::folder::Folder;
use course::learn::progress::Progress;
use course::learn::verdict::Outcome;
use harness::format::line::Line;
use harness::timeline::width::cut;
use notify::{PollWatcher, RecommendedWatcher, RecursiveMode, Watcher};

use super::keys::{self, Keys};
use super::{screen, show};
use crate::terminal;

/// An editor saves in several steps: a save is over when nothing has happened for so long.
const SAVED: Duration = Duration::from_millis(80);

/// How often to look whether the terminal has another size.
const LOOK: Duration = Duration::from_millis(250);

/// Rows of lanes where there is no terminal.
const ROWS: usize = 40;

/// What the loop waits for.
enum Event {
    /// Bytes of standard input; none at its end.
    Input(Vec<u8>),
    /// Something happened in the exercise's folder.
    Saved,
    /// The build of this check is over.
    Built(u64),
    /// This check is over.
    Checked(u64, Result<Attempt>),
}

/// What is on the screen.
enum View {
    Task,
    List,
    Hint,
    Result(Result<Attempt>),
}

/// A check that is on its way.
struct Running {
    number: u64,
    call_off: CallOff,
    is_built: bool,
}

impl Running {
    fn words(&self) -> &'static str {
        if self.is_built { "running ..." } else { "building ..." }
    }
}

/// A learner at work.
struct Session<'a> {
    exercises: &'a [Exercise],
    folder: &'a Folder,
    progress: Progress,
    /// Which exercise.
    place: usize,
    view: View,
    running: Option<Running>,
    checks: u64,
    /// The server as it was checked last.
    checked: Option<Vec<u8>>,
    /// The answers so far; `None` where one is still asked for.
    answers: Vec<Option<Vec<String>>>,
    /// Only what stands below is new.
    only_foot: bool,
    /// A line to tell, once.
    note: Option<String>,
    /// What was typed of a line.
    typed: Vec<u8>,
    /// Lines that were typed while a check ran, where that is done one after the other.
    waiting: Vec<String>,
    /// An editor is saving: the save is over when nothing has happened for a while.
    is_saving: bool,
    /// Nothing more will be typed. What is on its way is waited for.
    is_input_over: bool,
    /// The learner wants to leave.
    is_leaving: bool,
    is_terminal: bool,
    /// The terminal gives each key at once.
    keys: Option<Keys>,
    watcher: Option<Box<dyn Watcher>>,
    sender: Sender<Event>,
}

/// Goes on with the exercise that is named, or where a learner was, until the learner quits.
///
/// # Errors
///
/// If standard output is closed, or the folder cannot be watched at all.
pub fn run(exercises: &[Exercise], folder: &Folder, progress: Progress, named: Option<&Exercise>) -> Result<()> {
    let named = named.and_then(|named| exercises.iter().position(|exercise| exercise.name == named.name));
    let (sender, events) = mpsc::channel();
    read_input(sender.clone());
    let mut session = Session {
        exercises,
        folder,
        place: named.unwrap_or_else(|| place(exercises, &progress)),
        progress,
        view: View::Task,
        running: None,
        checks: 0,
        checked: None,
        answers: Vec::new(),
        only_foot: false,
        note: None,
        typed: Vec::new(),
        waiting: Vec::new(),
        is_saving: false,
        is_input_over: false,
        is_leaving: false,
        is_terminal: io::stdin().is_terminal() && io::stdout().is_terminal(),
        keys: None,
        watcher: None,
        sender,
    };
    session.warm_up();
    session.begin()?;
    session.go_on(&events)
}

/// The exercise that a learner was at, or if that is solved the next one that is not.
fn place(exercises: &[Exercise], progress: &Progress) -> usize {
    let current = progress.current.as_deref();
    let is_current = |exercise: &Exercise| Some(exercise.name.as_str()) == current;
    let at = exercises.iter().position(is_current).unwrap_or(0);
    let open = |place: &usize| !progress.of(&exercises[*place].name).passed;
    (at..exercises.len()).chain(0..at).find(open).unwrap_or(at)
}

/// Passes on what is typed.
fn read_input(sender: Sender<Event>) {
    thread::spawn(move || {
        let mut part = [0; 1024];
        loop {
            let read = match io::stdin().read(&mut part) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => 0,
            };
            let sent = sender.send(Event::Input(part[..read].to_vec()));
            if read == 0 || sent.is_err() {
                return;
            }
        }
    });
}

impl Session<'_> {
    fn exercise(&self) -> &Exercise {
        &self.exercises[self.place]
    }

    fn is_code(&self) -> bool {
        self.exercise().about.kind.is_code()
    }

    fn go_on(&mut self, events: &Receiver<Event>) -> Result<()> {
        let mut size = terminal::terminal_size();
        while !self.is_over() {
            match events.recv_timeout(if self.is_saving { SAVED } else { LOOK }) {
                Ok(event) => self.take(event)?,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) if self.is_saving => self.saved()?,
                Err(RecvTimeoutError::Timeout) => {
                    let now = terminal::terminal_size();
                    if self.is_terminal && now != size {
                        size = now;
                        self.draw()?;
                    }
                }
            }
        }
        self.quit()
    }

    /// A script that has said all that it wants waits for the check that is on its way; nobody does so at a terminal.
    fn is_over(&self) -> bool {
        self.is_leaving || (self.is_input_over && (self.is_terminal || self.running.is_none()))
    }

    fn take(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Input(bytes) if bytes.is_empty() => self.is_input_over = true,
            Event::Input(bytes) => self.input(&bytes)?,
            Event::Saved => self.is_saving = !self.is_input_over,
            Event::Built(number) => self.built(number)?,
            Event::Checked(number, attempt) => self.checked(number, attempt)?,
        }
        Ok(())
    }

    /// Builds one of the servers, so that whatever has to be downloaded is, and the first check is quick.
    fn warm_up(&self) {
        let has_server = |exercise: &&Exercise| exercise.given().is_ok_and(|given| given.is_some());
        if let Some(exercise) = self.exercises.iter().find(has_server).cloned() {
            let folder = self.folder.clone();
            // An error is dropped here: the first check meets it again, and tells the learner.
            thread::spawn(move || drop(folder.build(&exercise, &CallOff::default())));
        }
    }

    /// Begins with the exercise at this place.
    fn begin(&mut self) -> Result<()> {
        self.call_off();
        self.view = View::Task;
        self.checked = None;
        self.answers = vec![None; self.exercise().about.questions.len()];
        // Only where a server is edited: an answer is typed in, and edited, as a line.
        self.keys = None;
        if self.is_terminal && self.is_code() {
            self.keys = keys::one_by_one();
        }
        self.remember(|progress, name| progress.work_on(name));
        self.watch();
        let page = std::fs::read_to_string(self.folder.page(self.exercise()));
        if page.is_ok_and(|page| self.exercise().page().is_ok_and(|given| given != page)) {
            self.note = Some("Your page.md is not the given one any more; this is the given one.".to_owned());
        }
        self.draw()?;
        if self.is_code() && (self.is_changed() || !self.is_terminal) {
            self.check()?;
        }
        Ok(())
    }

    /// True if the server is not as it was given.
    fn is_changed(&self) -> bool {
        let there = std::fs::read(self.folder.server(self.exercise())).ok();
        let given = self.exercise().given().ok().flatten().map(String::into_bytes);
        there.is_some() && there != given
    }

    /// Changes what is remembered. A disk that is full must not stop anybody.
    fn remember(&mut self, change: impl FnOnce(&mut Progress, &str)) {
        let name = self.exercise().name.clone();
        match Progress::change(&self.folder.path, |progress| change(progress, &name)) {
            Ok(progress) => self.progress = progress,
            Err(error) => self.note = Some(format!("what is done is not remembered: {error:#}")),
        }
    }

    fn watch(&mut self) {
        self.watcher = None;
        if !self.is_code() {
            return;
        }
        let server = self.folder.server(self.exercise());
        let folder = server.parent().unwrap_or(Path::new("."));
        match watcher(folder, &self.sender) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.note = Some(format!("saves are not seen here ({error:#}): press r after a save")),
        }
    }

    fn input(&mut self, bytes: &[u8]) -> Result<()> {
        if self.keys.is_some() {
            // An arrow key sends an escape and two letters, which are not to be taken for keys.
            if bytes.first() == Some(&0x1b) {
                return Ok(());
            }
            for &byte in bytes {
                match byte {
                    _ if self.is_leaving => break,
                    keys::INTERRUPT | keys::END => self.is_leaving = true,
                    _ => self.command(byte.into())?,
                }
            }
            return Ok(());
        }
        self.typed.extend(bytes);
        while let Some(end) = self.typed.iter().position(|byte| *byte == b'\n')
            && !self.is_leaving
        {
            let line: Vec<u8> = self.typed.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            match !self.is_terminal && self.running.is_some() {
                true => self.waiting.push(line),
                false => self.line(&line)?,
            }
        }
        Ok(())
    }

    /// A line: a command, or an answer.
    fn line(&mut self, line: &str) -> Result<()> {
        let mut letters = line.chars();
        match (letters.next(), letters.next()) {
            (Some(letter), None) if letter.is_ascii_alphabetic() => self.command(letter),
            (None, _) => Ok(()),
            _ if !self.is_code() => self.answer(line),
            _ => self.tell(format!("there is no key {line:?}")),
        }
    }

    fn command(&mut self, key: char) -> Result<()> {
        match key {
            'q' => {
                self.is_leaving = true;
                Ok(())
            }
            'n' if self.place + 1 < self.exercises.len() => self.go_to(self.place + 1),
            'p' if self.place > 0 => self.go_to(self.place - 1),
            'n' => self.tell("this is the last exercise".to_owned()),
            'p' => self.tell("this is the first exercise".to_owned()),
            'l' => self.show(View::List),
            't' => self.show(View::Task),
            'h' => {
                let hints = self.exercise().hints()?.len();
                self.remember(|progress, name| progress.hint(name, hints));
                self.show(View::Hint)
            }
            'r' if self.is_code() => self.check(),
            'r' => {
                self.answers.fill(None);
                self.show(View::Task)
            }
            other if other.is_ascii_graphic() => self.tell(format!("there is no key {other:?}")),
            _ => Ok(()),
        }
    }

    fn go_to(&mut self, place: usize) -> Result<()> {
        self.place = place;
        self.begin()
    }

    fn tell(&mut self, note: String) -> Result<()> {
        self.note = Some(note);
        self.draw()
    }

    fn show(&mut self, view: View) -> Result<()> {
        self.view = view;
        self.draw()
    }

    /// An answer to the question that is asked. Those that were right stay.
    fn answer(&mut self, line: &str) -> Result<()> {
        let Some(place) = self.answers.iter().position(Option::is_none) else {
            return self.check();
        };
        match attempt::form(&self.exercise().about.questions[place]).read(line) {
            Ok(answer) => self.answers[place] = Some(answer),
            Err(complaint) => self.note = Some(complaint),
        }
        if self.answers.iter().all(Option::is_some) {
            return self.check();
        }
        self.only_foot = true;
        self.show(View::Task)
    }

    /// Something was saved. Not each of an editor's steps is a save, nor each save a change.
    fn saved(&mut self) -> Result<()> {
        self.is_saving = false;
        let there = std::fs::read(self.folder.server(self.exercise())).ok();
        match there.is_some() && there != self.checked && self.is_code() {
            true => self.check(),
            false => Ok(()),
        }
    }

    fn call_off(&mut self) {
        if let Some(running) = self.running.take() {
            running.call_off.now();
        }
    }

    /// Starts a check; one that is on its way is of a server that is no more.
    fn check(&mut self) -> Result<()> {
        self.call_off();
        self.checks += 1;
        let (number, call_off, sender) = (self.checks, CallOff::default(), self.sender.clone());
        self.running = Some(Running {
            number,
            call_off: call_off.clone(),
            is_built: false,
        });
        let (folder, exercise) = (self.folder.clone(), self.exercise().clone());
        self.checked = std::fs::read(folder.server(&exercise)).ok();
        let answers: Vec<Vec<String>> = self.answers.iter().flatten().cloned().collect();
        thread::spawn(move || {
            let attempt = match exercise.about.kind.is_code() {
                // Nobody may wait for either any more.
                true => attempt::server(&folder, &exercise, &call_off, || {
                    drop(sender.send(Event::Built(number)))
                }),
                false => attempt::answers(&folder, &exercise, &answers, &call_off),
            };
            drop(sender.send(Event::Checked(number, attempt)));
        });
        self.draw_status()
    }

    fn built(&mut self, number: u64) -> Result<()> {
        let Some(running) = self.running.as_mut().filter(|running| running.number == number) else {
            return Ok(());
        };
        running.is_built = true;
        self.draw_status()
    }

    fn checked(&mut self, number: u64, attempt: Result<Attempt>) -> Result<()> {
        if self.running.as_ref().is_none_or(|running| running.number != number) {
            return Ok(());
        }
        self.running = None;
        if let Ok(attempt) = &attempt {
            let outcome = attempt.outcome();
            self.remember(|progress, name| progress.checked(name, outcome));
            if let Attempt::Judged(verdict) = attempt {
                let judged = self.answers.iter_mut().zip(&verdict.right);
                let wrong = judged.filter(|(_, right)| !**right);
                wrong.for_each(|(answer, _)| *answer = None);
            }
        }
        self.show(View::Result(attempt))?;
        while self.running.is_none() && !self.is_leaving && !self.waiting.is_empty() {
            let line = self.waiting.remove(0);
            self.line(&line)?;
        }
        Ok(())
    }

    fn quit(&mut self) -> Result<()> {
        self.call_off();
        self.keys = None;
        let done = screen::done(self.exercises, &self.progress);
        let note = format!(
            "{}; `lab learn` goes on here",
            screen::bar(done, self.exercises.len(), 20)
        );
        Ok(writeln!(io::stdout(), "\n{note}")?)
    }

    /// What is going on, below what is on the screen.
    fn draw_status(&mut self) -> Result<()> {
        if let View::Result(_) = self.view {
            self.view = View::Task;
        }
        self.draw()
    }

    /// Draws the screen anew; where there is no terminal, what is new follows what there was.
    fn draw(&mut self) -> Result<()> {
        let (width, height) = terminal::terminal_size().unwrap_or((screen::COLUMNS, 24));
        let mut out = io::stdout();
        if self.is_terminal {
            // Clear, and go to the corner: ECMA-48, ED and CUP.
            write!(out, "\x1b[2J\x1b[H")?;
        } else if let (Some(running), View::Task) = (&self.running, &self.view) {
            // In a pipe the task stands above already.
            return Ok(writeln!(out, "{}", running.words())?);
        }
        let head = screen::head(self.exercises, &self.progress, self.exercise());
        if std::mem::take(&mut self.only_foot) && !self.is_terminal {
            // In a pipe the task stands above already.
            return lines(&self.foot(width), None);
        }
        let keys = screen::keys(self.exercise().about.kind, self.keys.is_none());
        let foot = self.foot(width);
        let room = height.saturating_sub(foot.len() + 5);
        writeln!(out, "{}\n", cut(&head, width))?;
        self.body(width, self.is_terminal.then_some(room))?;
        writeln!(out)?;
        lines(&foot, None)?;
        writeln!(out, "{}", cut(&keys, width))?;
        if self.is_terminal && !self.is_code() {
            write!(out, "> ")?;
        }
        out.flush()?;
        Ok(())
    }

    /// The path of the server that is edited, from here.
    fn server(&self) -> String {
        let path = self.folder.server(self.exercise());
        let here = std::env::current_dir().unwrap_or_default();
        path.strip_prefix(here).unwrap_or(&path).display().to_string()
    }

    /// The page, and where to read and look besides.
    fn task(&self, width: usize) -> Result<Vec<String>> {
        let exercise = self.exercise();
        let mut text = screen::page(&exercise.page()?, width);
        text.push(String::new());
        if self.folder.server(exercise).is_file() {
            text.push(format!("main.rs:    {}", self.server()));
        }
        text.push(format!("taught by:  {}", exercise.about.page));
        Ok(text)
    }

    fn body(&self, width: usize, room: Option<usize>) -> Result<()> {
        match &self.view {
            View::Task => lines(&self.task(width)?, room),
            View::List => {
                let list = screen::list(self.exercises, &self.progress, Some(&self.exercise().name));
                let mut list: Vec<String> = list.iter().map(|line| cut(line, width)).collect();
                if let Some(rows) = room
                    .map(|room| room.saturating_sub(1))
                    .filter(|rows| *rows + 1 < list.len())
                {
                    // Its head, and the exercises around this one.
                    let from = self.place.saturating_sub(rows / 2).min(list.len() - 1 - rows);
                    list.drain(1..=from);
                    list.truncate(rows + 1);
                }
                lines(&list, room)
            }
            View::Hint => {
                let hints = self.exercise().hints()?;
                let shown = self.progress.of(&self.exercise().name).hints as usize;
                let (mut first, mut text) = (Vec::new(), Vec::new());
                // Hints are about all questions: where one is answered, what helps with the next one comes first.
                let open = self.answers.iter().position(Option::is_none);
                if let Some(place) = open.filter(|_| self.answers.iter().any(Option::is_some)) {
                    let look = &self.exercise().about.questions[place].look;
                    first = screen::wrapped(&format!("To question {}: {look}", place + 1), width);
                    first.push(String::new());
                }
                for (number, hint) in (1..).zip(&hints).take(shown.max(1)) {
                    text.push(format!("Hint {number} of {}", hints.len()));
                    text.extend(screen::page(hint, width));
                    text.push(String::new());
                }
                // The last one is the one that was asked for.
                let from = room.map_or(0, |room| (first.len() + text.len()).saturating_sub(room));
                lines(&[&first, &text[from.min(text.len())..]].concat(), room)
            }
            View::Result(Err(error)) => lines(&screen::wrapped(&format!("{error:#}"), width), room),
            View::Result(Ok(Attempt::NotBuilt(not))) => {
                let words: Vec<String> = not.words.lines().map(str::to_owned).collect();
                let room = room.map(|room| room.saturating_sub(1));
                lines(&words, room)?;
                let left = words.len().saturating_sub(room.unwrap_or(words.len()));
                if left > 0 {
                    writeln!(
                        io::stdout(),
                        "... {left} more lines: cargo build --bin {}, in {}",
                        self.exercise().name,
                        self.folder.path.display()
                    )?;
                }
                Ok(())
            }
            View::Result(Ok(Attempt::Judged(verdict))) => {
                let words = show::words(verdict, width);
                if let Some(timeline) = &verdict.timeline {
                    let room = room.map_or(ROWS, |room| room.saturating_sub(words.len() + 1).max(5));
                    let lanes: Vec<Line> = show::marked(timeline, &verdict.marks, width, Some(room));
                    terminal::print(&lanes)?;
                    writeln!(io::stdout())?;
                }
                lines(&words, None)
            }
        }
    }

    /// What stands above the keys: what is going on, or what to do.
    fn foot(&mut self, width: usize) -> Vec<String> {
        let mut foot = Vec::new();
        if let Some(note) = self.note.take() {
            foot.extend(screen::wrapped(&note, width));
        }
        let exercise = &self.exercises[self.place];
        let is_last = self.place + 1 == self.exercises.len();
        let next = match is_last {
            true => "Solved. That was the last one.",
            false => "Solved. n goes on to the next one.",
        };
        let status = match (&self.running, &self.view) {
            (Some(_), _) if !exercise.about.kind.is_code() => "running ...".to_owned(),
            (Some(running), _) => running.words().to_owned(),
            (None, View::Result(Ok(attempt))) if attempt.outcome() == Outcome::Passed => next.to_owned(),
            (None, View::List) => format!(
                "This is {} of {}. All of them: cargo run --bin lab -- learn list",
                self.place + 1,
                self.exercises.len()
            ),
            (None, _) => self.task_in_a_line(exercise),
        };
        if !status.is_empty() {
            foot.extend(screen::wrapped(&status, width));
        }
        foot
    }

    /// What the learner is to do now.
    fn task_in_a_line(&self, exercise: &Exercise) -> String {
        if exercise.about.kind.is_code() {
            let run = if self.is_changed() { "" } else { " r runs it as it is." };
            return format!("Edit {} and save it.{run}", self.server());
        }
        match self.answers.iter().position(Option::is_none) {
            Some(place) => {
                let question = &exercise.about.questions[place];
                let of = self.answers.len();
                format!(
                    "Question {} of {of}: {} ({})",
                    place + 1,
                    question.ask,
                    attempt::form(question).words()
                )
            }
            None => "r asks anew.".to_owned(),
        }
    }
}

fn lines(lines: &[String], room: Option<usize>) -> Result<()> {
    for line in &lines[..room.unwrap_or(lines.len()).min(lines.len())] {
        writeln!(io::stdout(), "{line}")?;
    }
    Ok(())
}

/// Watches a folder by the system's own means, or where these are used up by looking again and again.
fn watcher(folder: &Path, sender: &Sender<Event>) -> Result<Box<dyn Watcher>> {
    watcher_of::<RecommendedWatcher>(folder, sender)
        .or_else(|_| watcher_of::<PollWatcher>(folder, sender))
        .with_context(|| format!("cannot watch {}", folder.display()))
}

fn watcher_of<W: Watcher + 'static>(folder: &Path, sender: &Sender<Event>) -> notify::Result<Box<dyn Watcher>> {
    let sender = sender.clone();
    let tell = move |event: notify::Result<notify::Event>| {
        // Reading a file is no save; that the watch failed is told nowhere else.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            drop(sender.send(Event::Saved));
        }
    };
    let mut watcher = W::new(tell, notify::Config::default().with_poll_interval(LOOK))?;
    watcher.watch(folder, RecursiveMode::NonRecursive)?;
    Ok(Box::new(watcher))
}
