//! Keys of a terminal, one by one, while it is needed.

/// A terminal that gives each key at once. Dropping it puts the terminal back as it was, also when we panic.
#[derive(Debug)]
pub struct Keys {
    #[cfg(target_os = "linux")]
    before: nix::sys::termios::Termios,
}

/// What ctrl-C sends to such a terminal.
pub const INTERRUPT: u8 = 0x03;

/// What ctrl-D sends to it.
pub const END: u8 = 0x04;

#[cfg(target_os = "linux")]
impl Keys {
    /// Begins to give each key at once, and to show none; `None` if standard input is no terminal.
    pub fn one_by_one() -> Option<Keys> {
        use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, tcgetattr, tcsetattr};
        let input = std::io::stdin();
        let before = tcgetattr(&input).ok()?;
        let mut now = before.clone();
        // Ctrl-C is a key too: whoever runs in this terminal beside us, such as cargo, is not to get a signal.
        now.local_flags
            .remove(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG);
        now.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        now.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(&input, SetArg::TCSANOW, &now).ok()?;
        Some(Keys { before })
    }
}

#[cfg(target_os = "linux")]
impl Drop for Keys {
    fn drop(&mut self) {
        use nix::sys::termios::{SetArg, tcsetattr};
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(std::io::stdin(), SetArg::TCSANOW, &self.before);
    }
}

#[cfg(not(target_os = "linux"))]
impl Keys {
    /// Elsewhere a key is given with the line that it is on.
    pub fn one_by_one() -> Option<Keys> {
        None
    }
}
