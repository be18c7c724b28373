//! `lab show --step`: a row for each key.

use std::fs::File;
use std::io::{self, IsTerminal, Read, Write};

use anyhow::{Context, Result, bail};
use harness::scene::Scene;

use super::keys::SingleKeys;
use super::walk::{Walk, said, sentences};
use super::{Look, print_in, terminal_size, write_line};

/// What a key asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Forward,
    Back,
    Rest,
    Quit,
}

const HINT: &str = "space or → next   ← back   e to the end   q quit";

/// Shows a scene row by row, each when a key is pressed, with what there is to say of its frame. What was
/// shown stays in the terminal afterwards. True if all of it was.
///
/// # Errors
///
/// If standard output is no terminal, or there are no keys to be read.
pub fn step(scene: &Scene, look: Look) -> Result<bool> {
    if !io::stdout().is_terminal() {
        bail!("--step shows a row for each key that is pressed, and needs a terminal: run it without a pipe behind it");
    }
    let mut keys = Keys::open()?;
    let mut walk = Walk::new(look.lanes().lines_of(scene));
    let said = sentences(scene);
    let mut width = look.lanes().width;
    let whole = {
        let mut screen = Screen::enter(&keys)?;
        loop {
            if look.lanes().width != width {
                width = look.lanes().width;
                walk.draw_anew(look.lanes().lines_of(scene));
            }
            let words = walk.frame().and_then(|frame| Some((frame, said.get(&frame)?)));
            let words = words.map(|(frame, words)| format!("frame {frame}: {words}"));
            screen.draw(&walk, words.as_deref().unwrap_or_default(), width, look)?;
            match keys.next()? {
                Key::Forward if walk.forward() => {}
                Key::Forward => break true,
                Key::Back => walk.back(),
                Key::Rest => {
                    while walk.forward() {}
                    break true;
                }
                Key::Quit => break false,
            }
        }
    };
    if whole {
        print_in(&look.lanes().lines_of(scene), look.theme)?;
    } else {
        print_in(walk.so_far(), look.theme)?;
    }
    Ok(whole)
}

/// The keys of the terminal, also where standard input is a capture.
struct Keys {
    keys: SingleKeys<File>,
    read: Vec<u8>,
}

impl Keys {
    fn open() -> Result<Keys> {
        let terminal = File::open("/dev/tty").context("cannot read keys: --step needs a terminal (/dev/tty)")?;
        let keys = SingleKeys::of(terminal).context("cannot set the terminal to single keys")?;
        Ok(Keys { keys, read: Vec::new() })
    }

    /// Waits for the next key that asks for something. A terminal that has gone asks to quit.
    fn next(&mut self) -> io::Result<Key> {
        loop {
            while let Some((key, used)) = key(&self.read) {
                self.read.drain(..used);
                if let Some(key) = key {
                    return Ok(key);
                }
            }
            let mut bytes = [0; 64];
            match self.keys.terminal.read(&mut bytes)? {
                0 => return Ok(Key::Quit),
                count => self.read.extend(&bytes[..count]),
            }
        }
    }
}

/// The key that these bytes begin with, if it asks for something, and how many bytes it has. `None` if there are
/// no bytes.
fn key(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let sequences: [(&[u8], Key); 10] = [
        (b"\x1b[C", Key::Forward),
        (b"\x1b[B", Key::Forward),
        (b"\x1bOC", Key::Forward),
        (b"\x1bOB", Key::Forward),
        (b"\x1b[6~", Key::Forward),
        (b"\x1b[D", Key::Back),
        (b"\x1b[A", Key::Back),
        (b"\x1bOD", Key::Back),
        (b"\x1bOA", Key::Back),
        (b"\x1b[5~", Key::Back),
    ];
    if let Some((sequence, key)) = sequences.iter().find(|(sequence, _)| bytes.starts_with(sequence)) {
        return Some((Some(*key), sequence.len()));
    }
    let key = match bytes.first()? {
        b' ' | b'\r' | b'\n' | b'n' | b'j' | b'l' => Some(Key::Forward),
        b'b' | b'p' | b'k' | b'h' | 0x7f | 0x08 => Some(Key::Back),
        b'e' | b'G' => Some(Key::Rest),
        // Ctrl-C and ctrl-D.
        b'q' | b'Q' | 0x03 | 0x04 => Some(Key::Quit),
        // An escape sequence of another key, which means nothing here: all of its bytes are skipped.
        0x1b if bytes.len() > 1 => {
            let end = bytes
                .iter()
                .skip(2)
                .position(|byte| byte.is_ascii_alphabetic() || *byte == b'~');
            return Some((None, end.map_or(bytes.len(), |end| end + 3)));
        }
        0x1b => Some(Key::Quit),
        _ => None,
    };
    Some((key, 1))
}

/// A screen of its own, which leaves the terminal as it was.
struct Screen;

impl Screen {
    fn enter(_: &Keys) -> io::Result<Screen> {
        let mut out = io::stdout();
        // The other screen, and no cursor: ctlseqs of xterm, as all terminals of today have them.
        out.write_all(b"\x1b[?1049h\x1b[?25l")?;
        out.flush()?;
        Ok(Screen)
    }

    fn draw(&mut self, walk: &Walk, words: &str, width: usize, look: Look) -> io::Result<()> {
        let height = terminal_size().map_or(25, |(_, height)| height);
        let words = said(words, width);
        // An empty line before the words, and the hint below them.
        let below = words.len() + 2;
        let rows = walk.screen(height.saturating_sub(below + 1));
        // Written past the stream below, which drops all escape sequences where no colours are wanted.
        io::stdout().write_all(b"\x1b[2J\x1b[H")?;
        let mut out = anstream::AutoStream::auto(io::stdout()).lock();
        rows.iter()
            .try_for_each(|line| write_line(&mut out, line, look.theme))?;
        writeln!(out)?;
        words
            .iter()
            .try_for_each(|line| write_line(&mut out, line, look.theme))?;
        write!(out, "{HINT}")?;
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = io::stdout();
        // A terminal that has gone needs nothing.
        let _ = out.write_all(b"\x1b[?25h\x1b[?1049l").and_then(|()| out.flush());
    }
}

#[cfg(test)]
#[path = "../../tests/unit/terminal_step.rs"]
mod tests;
