//! The name by which this program was called, for what somebody is to type next.

/// How this program is called by whoever has called it: `lab` if it was found on the PATH, or is part of another program,
/// `cargo run --bin lab --` if cargo started it, else the path that was typed.
pub fn typed() -> String {
    let program = std::env::args().next().unwrap_or_default();
    let by_cargo = std::env::var("CARGO_PKG_NAME").is_ok_and(|name| name == env!("CARGO_PKG_NAME"));
    match program.rsplit_once('/') {
        Some((_, "lab")) if by_cargo => "cargo run --bin lab --".to_owned(),
        Some((_, "lab")) => program,
        _ => "lab".to_owned(),
    }
}
