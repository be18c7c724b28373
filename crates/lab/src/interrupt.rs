//! Ctrl-C while clients talk: the run ends, and what there is of it is shown.

use std::io::{self, Write as _};
use std::sync::mpsc::{Sender, channel};
use std::thread;

use anyhow::{Context, Result, anyhow};
use harness::timeline::Timeline;

/// How a run ended.
#[derive(Debug)]
pub enum Ended<T> {
    /// The work was done: what came of it.
    Done(T),
    /// The user will not wait for its end.
    Interrupted,
}

/// What the threads tell the one that waits.
enum Told<T> {
    /// The timeline has grown. The work goes on once somebody has seen it.
    Grown(Box<Timeline>, Sender<()>),
    Done(Result<T>),
    Interrupted,
}

/// Does some work on a thread of its own, until it is done or the user presses ctrl-C. The work may show a timeline that
/// grows. Work that was interrupted is left where it is, for the end of the process.
///
/// # Errors
///
/// Those of the work, and of `watch`.
pub fn until_interrupted<T: Send + 'static>(
    work: impl FnOnce(&mut dyn FnMut(Timeline) -> Result<()>) -> Result<T> + Send + 'static,
    mut watch: impl FnMut(Timeline) -> Result<()>,
) -> Result<Ended<T>> {
    let (tell, told) = channel();
    #[cfg(target_os = "linux")]
    let _told_interrupt = listen(tell.clone())?;
    let spawned = thread::Builder::new().spawn(move || {
        let grown = tell.clone();
        let mut watch = move |timeline| {
            let (seen, wait) = channel();
            // A send that fails means that the run is over. Then the next line fails too, and ends the work.
            let _ = grown.send(Told::Grown(Box::new(timeline), seen));
            wait.recv().map_err(|_| anyhow!("the run was interrupted"))
        };
        let done = work(&mut watch);
        // It fails if the run is over, and nobody waits for this any more.
        let _ = tell.send(Told::Done(done));
    });
    spawned.context("cannot start a thread that ctrl-C can interrupt")?;
    loop {
        match told.recv() {
            Ok(Told::Grown(timeline, seen)) => {
                watch(*timeline)?;
                let _ = seen.send(());
            }
            Ok(Told::Done(done)) => return done.map(Ended::Done),
            Ok(Told::Interrupted) => return Ok(Ended::Interrupted),
            Err(_) => return Err(anyhow!("a thread that ctrl-C can interrupt panicked")),
        }
    }
}

/// Says so, and waits until the user presses enter, or ctrl-C.
///
/// # Errors
///
/// If no thread can be started, or nothing can be said.
pub fn until_enter(words: &str) -> Result<()> {
    let (tell, told) = channel::<Told<()>>();
    #[cfg(target_os = "linux")]
    let _told_interrupt = listen(tell.clone())?;
    writeln!(io::stderr(), "{words}")?;
    let spawned = thread::Builder::new().spawn(move || {
        // A standard input that cannot be read has ended too.
        let _ = io::stdin().read_line(&mut String::new());
        tell.send(Told::Done(Ok(())))
    });
    spawned.context("cannot start to wait for enter")?;
    told.recv().map(drop).context("nobody waits for enter any more")
}

/// Has the first ctrl-C told, as long as what this returns lives.
#[cfg(target_os = "linux")]
fn listen<T: Send + 'static>(tell: Sender<Told<T>>) -> Result<crate::linux::ToldInterrupt> {
    use std::io::Read;
    let (interrupt, mut pipe) = crate::linux::ToldInterrupt::begin()?;
    let spawned = thread::Builder::new().spawn(move || {
        if let Ok(1..) = pipe.read(&mut [0]) {
            let _ = tell.send(Told::Interrupted);
        }
    });
    spawned.context("cannot start to listen for ctrl-C")?;
    Ok(interrupt)
}
