//! Keys of a terminal, one by one, while they are needed.

use std::os::fd::AsFd;

use nix::sys::termios::{LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcsetattr};

/// A terminal that gives each key at once, and shows none. Dropping it puts the terminal back as it was, also when we
/// panic; a signal that ends us does too.
#[derive(Debug)]
pub struct SingleKeys<F: AsFd> {
    /// The terminal.
    pub terminal: F,
    before: Termios,
}

impl<F: AsFd> SingleKeys<F> {
    /// Begins to give each key of this terminal.
    ///
    /// # Errors
    ///
    /// Those of tcgetattr(3) and tcsetattr(3): it may be none.
    pub fn of(terminal: F) -> nix::Result<SingleKeys<F>> {
        let before = tcgetattr(&terminal)?;
        crate::linux::put_back_when_ended(&terminal, &before);
        let mut now = before.clone();
        // Ctrl-C is a key too: whoever is asked to quit puts everything back, and whoever runs in this terminal beside
        // us, such as cargo, is not to get a signal.
        now.local_flags &= !(LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG | LocalFlags::IEXTEN);
        now.control_chars[SpecialCharacterIndices::VMIN as usize] = 1;
        now.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(&terminal, SetArg::TCSANOW, &now)?;
        Ok(SingleKeys { terminal, before })
    }
}

impl<F: AsFd> Drop for SingleKeys<F> {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.terminal, SetArg::TCSANOW, &self.before);
    }
}
