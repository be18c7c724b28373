//! Whether to spin before sleeping: for the tracer, and for the relay of a wire.

use std::time::Duration;

/// How long a wait spins at most.
const SPIN: Duration = Duration::from_micros(30);

/// Trust in spinning is a number from 0 to this.
const MOST_TRUST: u32 = 16;

/// What a wait in vain takes away; one that was worth it gives 1. A server that is asked one thing
/// after the other makes one long pause among some short ones, and the short ones must win.
const DISAPPOINTMENT: u32 = 2;

/// Without trust one wait in so many spins, to see whether things have changed.
const RETRY: u32 = 64;

/// Decides, from how it went before, whether to spin for a moment before sleeping until
/// the program's next stop, as an adaptive mutex does.
///
/// A traced program often stops again within microseconds. To fall asleep and be woken takes
/// longer than that where the processor falls asleep too, and much longer in a virtual machine.
/// But where the program has to wait for the very processor that we keep busy, spinning only
/// holds it up. Which it is changes from one moment to the next.
pub(in crate::observe) struct AdaptiveSpin {
    trust: u32,
    /// How many waits have not spun since the last one that did.
    slept: u32,
}

impl AdaptiveSpin {
    pub fn new() -> AdaptiveSpin {
        AdaptiveSpin {
            trust: MOST_TRUST / 2,
            slept: 0,
        }
    }

    /// How long the next wait may spin.
    pub fn limit(&mut self) -> Duration {
        if self.trust == 0 && self.slept < RETRY {
            self.slept += 1;
            return Duration::ZERO;
        }
        self.slept = 0;
        SPIN
    }

    /// Whether the program stopped while a wait spun.
    pub fn learn(&mut self, in_time: bool) {
        self.trust = match in_time {
            true => MOST_TRUST.min(self.trust + 1),
            false => self.trust.saturating_sub(DISAPPOINTMENT),
        };
    }
}

#[cfg(test)]
#[path = "../../tests/unit/observe_spin.rs"]
mod tests;
