//! The tables of pages whose numbers are measured: each of these prints the rows of one. What they assert is the order of
//! the rows, and no number.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use std::{fs, thread};

use anyhow::{Context, Result, ensure};
use course::learn::catalog;
use course::steps;
use harness::testing::Needs::{self, Program, Request, Sandbox, Wire};
use harness::{LISTEN, Server};
use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};

const ASKED: Needs = Request("measures: run with --ignored");

/// How long something may take that is waited for.
const LIMIT: Duration = Duration::from_secs(60);

/// A program that nobody traces, and where it listens.
struct Running(Child, SocketAddr);

impl Running {
    fn start(program: PathBuf, exercise: &str) -> Result<Running> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let mut command = Command::new(program);
        command.arg(address.to_string()).env("EXERCISE", exercise);
        Ok(Running(
            command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?,
            address,
        ))
    }

    /// A client, once it listens.
    fn connect(&self) -> Result<TcpStream> {
        let begun = Instant::now();
        loop {
            match TcpStream::connect(self.1) {
                Err(error) if error.kind() == ErrorKind::ConnectionRefused && begun.elapsed() < LIMIT => {
                    thread::sleep(Duration::from_millis(5)); // nothing tells when it listens
                }
                connected => return Ok(connected?),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A client that the server knows: it has told it its own line.
fn known(stream: TcpStream, name: &str) -> Result<BufReader<TcpStream>> {
    stream.set_read_timeout(Some(LIMIT))?;
    let mut stream = BufReader::new(stream);
    let own = format!("{name}\n");
    stream.get_mut().write_all(own.as_bytes())?;
    let mut line = String::new();
    while line != own {
        line.clear();
        ensure!(
            stream.read_line(&mut line)? > 0,
            "{name} was let go before it was known"
        );
    }
    Ok(stream)
}

/// Reads until the last line of a burst; false if the end comes before it.
fn gets_all(mut client: BufReader<TcpStream>) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        match client.read_line(&mut line) {
            Ok(1..) if line == "last\n" => return true,
            Ok(1..) => {}
            _ => return false,
        }
    }
}

/// How many of ten clients that read are let go when one more sends so many lines at once.
fn let_go(server: &Running, lines: usize) -> Result<usize> {
    let clients = (0..10).map(|number| known(server.connect()?, &format!("{number} is here")));
    let clients = clients.collect::<Result<Vec<_>>>()?;
    let sender = known(server.connect()?, "the sender is here")?;
    let burst = "a\n".repeat(lines - 1) + "last\n";
    let mut writer = sender.get_ref().try_clone()?;
    Ok(thread::scope(|scope| {
        let reads: Vec<_> = clients
            .into_iter()
            .map(|client| scope.spawn(|| gets_all(client)))
            .collect();
        let own = scope.spawn(|| gets_all(sender));
        let _ = writer.write_all(burst.as_bytes()); // it may be let go itself
        let _ = own.join();
        let all = reads.into_iter().map(|read| read.join());
        all.filter(|all| !matches!(all, Ok(true))).count()
    }))
}

/// Step 7: who reads is let go by `try_send`, and by one deadline for each line nobody is.
fn bursts() -> Result<()> {
    const RUNS: usize = 5;
    let full = "33-let-go/wrong/drops-whoever-is-full.rs";
    println!("\n| lines in the burst | `try_send` | one deadline for each line |\n|--:|--:|--:|");
    for lines in [200, 1000, 5000] {
        let mut row = Vec::new();
        for (program, exercise) in [
            (steps::build_example(catalog::PROGRAM)?, full),
            (steps::find("step7")?.build()?, ""),
        ] {
            let runs = (0..RUNS).map(|_| let_go(&Running::start(program.clone(), exercise)?, lines));
            row.push(runs.collect::<Result<Vec<usize>>>()?);
        }
        println!("| {lines} | {} | {} |", range(&row[0]), range(&row[1]));
        ensure!(
            row[1].iter().all(|gone| *gone == 0),
            "step 7 let clients go that read: {row:?}"
        );
    }
    Ok(())
}

fn range(of: &[usize]) -> String {
    match (of.iter().min(), of.iter().max()) {
        (Some(least), Some(most)) if least < most => format!("{least} to {most}"),
        (Some(least), _) => least.to_string(),
        _ => "none".to_owned(),
    }
}

/// Step 7: what a hundred clients take, ten of them stuck, and whose memory it is.
fn memory() -> Result<()> {
    println!("\n| whose | what | how much |\n|---|---|--:|");
    for (limit, what) in [
        (None, "send buffers of the stuck ones"),
        (Some(65_536), "the same, with `net.ipv4.tcp_wmem` at most 65,536"),
    ] {
        let mut server = Server::build(steps::find("step7")?.build()?).arg(LISTEN);
        if let Some(most) = limit {
            server = server.sysctl("net.ipv4.tcp_wmem", format!("4096 16384 {most}"));
        }
        let server = server.start()?;
        let client = |number: usize| known(server.tcp_stream()?, &format!("{number} is here"));
        let stuck = (0..10).map(client).collect::<Result<Vec<_>>>()?;
        let healthy = (10..99).map(client).collect::<Result<Vec<_>>>()?;
        let sender = client(99)?;
        let mut writer = sender.get_ref().try_clone()?;
        let line = "x".repeat(65_535) + "\n";
        thread::scope(|scope| -> Result<()> {
            for client in healthy.into_iter().chain([sender]) {
                scope.spawn(|| gets_all(client));
            }
            for _ in 0..100 {
                writer.write_all(line.as_bytes())?;
            }
            Ok(writer.write_all(b"last\n")?)
        })?;
        let mut sockets = Command::new("ss");
        sockets.args(["-tnmaH", "sport", "=", &format!(":{}", server.address().port())]);
        let output = server.client_output(sockets, LIMIT)?;
        let queued = String::from_utf8_lossy(&output.stdout)
            .split(",w")
            .skip(1)
            .filter_map(|rest| rest.split(',').next()?.parse::<u64>().ok())
            .sum::<u64>();
        if limit.is_none() {
            let (held, _) = server.held_by().into_iter().next().context("it holds no client")?;
            let pid = held.split(' ').nth(1).context("no process")?.to_owned();
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let most = status
                .lines()
                .find_map(|line| line.strip_prefix("VmHWM:"))
                .context("no VmHWM")?;
            println!("| the program's | all that it had at any time | {} |", most.trim());
        }
        println!("| the kernel's | {what} | {} kB |", queued / 1024);
        ensure!(queued > 10 * 4096, "nothing waits in the send buffers");
        drop(stuck);
    }
    Ok(())
}

/// Step 8: how long an idle connection lasts behind a cable that is cut.
fn keep_alive() -> Result<()> {
    let server = Server::build(steps::find("step3")?.build()?)
        .arg(LISTEN)
        .wire(harness::Wire::new())
        .start()?;
    let rows: [(u32, Option<u64>); 4] = [(3, None), (3, Some(20)), (30, Some(20)), (3, Some(3))];
    let two = Duration::from_secs(2);
    let clients = rows.map(|(count, limit)| -> Result<TcpStream> {
        let client = known(server.tcp_stream()?, "here")?.into_inner();
        let probes = TcpKeepalive::new()
            .with_time(two)
            .with_interval(two)
            .with_retries(count);
        SockRef::from(&client).set_tcp_keepalive(&probes)?;
        SockRef::from(&client).set_tcp_user_timeout(limit.map(Duration::from_secs))?;
        Ok(client)
    });
    server.cut()?;
    let cut = Instant::now();
    let over = thread::scope(|scope| {
        clients
            .map(|client| {
                scope.spawn(move || -> Result<Duration> {
                    let error = client?.read(&mut [0]).err().context("nothing was to be read")?;
                    ensure!(error.kind() == ErrorKind::TimedOut, "{error}");
                    Ok(cut.elapsed())
                })
            })
            .map(|read| read.join())
    });
    println!("\n| first probe after | then each | count | TCP_USER_TIMEOUT | over after |\n|--:|--:|--:|--:|--:|");
    let mut took = Vec::new();
    for ((count, limit), over) in rows.into_iter().zip(over) {
        let Ok(over) = over else {
            anyhow::bail!("a client panicked")
        };
        let over = over?;
        let limit = limit.map_or("none".to_owned(), |limit| format!("{limit} s"));
        println!("| 2 s | 2 s | {count} | {limit} | {:.1} s |", over.as_secs_f64());
        took.push(over);
    }
    ensure!(took[3] < took[0] && took[0] < took[1], "{took:?}");
    Ok(())
}

/// Step 8: how long a client lasts that lives and keeps its window closed, with five seconds of TCP_USER_TIMEOUT.
fn closed_window() -> Result<()> {
    const STOP: i32 = 19; // of signal(7)
    let server = Server::build(steps::find("step3")?.build()?)
        .arg(LISTEN)
        .buffers(4096)
        .start()?;
    let mut client = known(server.tcp_stream()?, "here")?.into_inner();
    SockRef::from(&client).set_tcp_user_timeout(Some(Duration::from_secs(5)))?;
    ensure!(server.signal_all(STOP), "the server has ended");
    let begun = Instant::now();
    let error = client.write_all(&[0; 1_000_000]).err().context("all of it was taken")?;
    println!(
        "\na closed window: over after {:.1} s, {error}",
        begun.elapsed().as_secs_f64()
    );
    ensure!(error.kind() == ErrorKind::TimedOut, "{error}");
    Ok(())
}

/// How a server is restarted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Restart {
    Plain,
    QueueFirst,
    NewFirst,
    HandedOver,
}

/// A listener that may stand beside another one on its port.
fn listener(port: u16, beside: bool) -> Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(beside)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(128)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// The same, once nobody has the port. The old listener was closed here. A child that another test has just forked has
/// it too, until it executes its program.
fn once_free(port: u16) -> Result<TcpListener> {
    let begun = Instant::now();
    loop {
        match listener(port, false) {
            Err(error) if is_in_use(&error) && begun.elapsed() < LIMIT => thread::yield_now(),
            listens => return listens,
        }
    }
}

fn is_in_use(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<std::io::Error>();
    error.is_some_and(|error| error.kind() == ErrorKind::AddrInUse)
}

/// Serves a request of each client, one after the other, until it is told to stop: with the queue as it is, or empty.
fn serve(listener: &TcpListener, stop: &AtomicBool, queue_first: bool) {
    loop {
        if stop.load(Ordering::SeqCst) && !queue_first {
            return;
        }
        match listener.accept() {
            Ok((mut client, _)) => {
                let _ = client.set_nonblocking(false);
                let _ = client.read_exact(&mut [0; 2]);
                thread::sleep(Duration::from_millis(1)); // its work
                let _ = client.write_all(b"x\n");
            }
            Err(_) if stop.load(Ordering::SeqCst) => return,
            Err(_) => thread::sleep(Duration::from_micros(100)),
        }
    }
}

/// Restarts a server under clients that keep connecting, and counts who of them is refused, who is reset, and who waits
/// in vain.
fn restarted(how: Restart, times: usize) -> Result<[usize; 3]> {
    const PORT: u16 = 4000;
    let [refused, reset, waits] = [(); 3].map(|()| AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    let ask = || -> std::io::Result<()> {
        let mut stream = TcpStream::connect(("127.0.0.1", PORT))?;
        stream.set_read_timeout(Some(LIMIT / 20))?;
        let asked = stream.write_all(b"x\n").and_then(|()| stream.read_exact(&mut [0; 2]));
        match asked {
            Err(error) if error.kind() == ErrorKind::WouldBlock => _ = waits.fetch_add(1, Ordering::SeqCst),
            Err(_) => _ = reset.fetch_add(1, Ordering::SeqCst),
            Ok(()) => {}
        }
        Ok(())
    };
    let beside = how == Restart::NewFirst;
    let mut current = listener(PORT, beside)?;
    thread::scope(|scope| -> Result<()> {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    if ask().is_err() {
                        refused.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
        let restarts = (0..=times).try_for_each(|time| {
            let stop = AtomicBool::new(false);
            let next = thread::scope(|serving| {
                serving.spawn(|| serve(&current, &stop, how == Restart::QueueFirst));
                thread::sleep(Duration::from_millis(30)); // it serves for so long
                let next = match how {
                    Restart::NewFirst => Some(listener(PORT, beside)),
                    Restart::HandedOver => Some(current.try_clone().map_err(Into::into)),
                    _ => None,
                };
                // The last one serves whoever is still there.
                done.store(time == times, Ordering::SeqCst);
                if time == times {
                    thread::sleep(Duration::from_millis(200));
                }
                stop.store(true, Ordering::SeqCst);
                next
            });
            if time == times {
                return Ok(());
            }
            match next {
                Some(next) => current = next?,
                None => {
                    // Closed, and so long a process takes to start.
                    let address = current.local_addr()?;
                    drop(std::mem::replace(&mut current, TcpListener::bind("127.0.0.1:0")?));
                    thread::sleep(Duration::from_millis(5));
                    current = once_free(address.port())?;
                }
            }
            anyhow::Ok(())
        });
        done.store(true, Ordering::SeqCst);
        restarts
    })?;
    Ok([refused, reset, waits].map(AtomicUsize::into_inner))
}

/// Step 9: whom a restart costs what.
fn restarts() -> Result<()> {
    const TIMES: usize = 20;
    let rows = [
        (Restart::Plain, "0", "stop, then start"),
        (
            Restart::QueueFirst,
            "0",
            "the queue is accepted first, then stop and start",
        ),
        (
            Restart::NewFirst,
            "0",
            "the new one starts before, both with SO_REUSEPORT",
        ),
        (Restart::NewFirst, "1", "the same, and `net.ipv4.tcp_migrate_req`"),
        (
            Restart::HandedOver,
            "0",
            "the listening socket is handed over to the new process",
        ),
    ];
    println!("\n| how it is restarted | refused | reset | no answer in 3 s |\n|---|--:|--:|--:|");
    let mut seen = Vec::new();
    for (how, migrates, words) in rows {
        let network = Server::build(steps::find("step3")?.build()?).arg(LISTEN);
        let network = network.sysctl("net.ipv4.tcp_migrate_req", migrates).start()?;
        let counted = network.inside(|| restarted(how, TIMES))??;
        let [refused, reset, waits] = counted;
        println!("| {words} | {refused} | {reset} | {waits} |");
        seen.push(counted);
    }
    let refused = seen.iter().map(|counted| counted[0] > 0);
    ensure!(refused.eq([true, true, false, false, false]), "{seen:?}");
    let reset = seen.iter().map(|counted| counted[1] > 0);
    ensure!(reset.eq([true, true, true, false, false]), "{seen:?}");
    Ok(())
}

harness::tests! {
    keep_alive needs [ASKED, Wire];
    closed_window needs [ASKED, Sandbox];
    bursts needs [ASKED];
    memory needs [ASKED, Sandbox, Program("ss")];
    restarts needs [ASKED, Sandbox];
}
