//! Keys of the terminal, one by one, while there is nothing to type.

/// What ctrl-C sends to such a terminal.
pub const INTERRUPT: u8 = 0x03;

/// What ctrl-D sends to it.
pub const END: u8 = 0x04;

/// A terminal that gives each key at once; dropping it puts the terminal back as it was.
#[cfg(target_os = "linux")]
pub type Keys = crate::terminal::SingleKeys<std::io::Stdin>;

/// Elsewhere a key is given with the line that it is on.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
pub enum Keys {}

/// Begins to give each key of standard input, and to show none; `None` if it is no terminal.
pub fn one_by_one() -> Option<Keys> {
    #[cfg(target_os = "linux")]
    return Keys::of(std::io::stdin()).ok();
    #[cfg(not(target_os = "linux"))]
    None
}
