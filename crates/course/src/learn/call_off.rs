//! A way to say that nobody waits for a check any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Result, ensure};

/// Says that nobody waits for a check any more.
#[derive(Clone, Debug, Default)]
pub struct CallOff(Arc<AtomicBool>);

impl CallOff {
    /// Calls it off.
    pub fn now(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Goes on only as long as somebody waits for it.
    ///
    /// # Errors
    ///
    /// If it was called off.
    pub fn ensure_wanted(&self) -> Result<()> {
        ensure!(!self.is_so(), "the check was called off");
        Ok(())
    }

    /// True if it was called off.
    pub fn is_so(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
