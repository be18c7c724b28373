//! Whether to wait awake.

use std::time::Duration;

/// How long a wait is awake at most.
const MOMENT: Duration = Duration::from_micros(30);

/// Trust in waiting awake is a number from 0 to this.
const MOST_TRUST: u32 = 16;

/// What a wait in vain takes away; one that was worth it gives 1. A server that is asked one thing
/// after the other makes one long pause among some short ones, and the short ones must win.
const DISAPPOINTMENT: u32 = 2;

/// Without trust one wait in so many is awake, to see whether things have changed.
const RETRY: u32 = 64;

/// Decides, from how it went before, whether the tracer waits awake for the program's next stop.
///
/// A traced program often stops again within microseconds. To fall asleep and be woken takes
/// longer than that where the processor falls asleep too, and much longer in a virtual machine.
/// But where the program has to wait for the very processor that we keep busy, waiting awake
/// only holds it up. Which it is changes from one moment to the next.
pub(super) struct Patience {
    trust: u32,
    asleep: u32,
}

impl Patience {
    pub fn new() -> Patience {
        Patience {
            trust: MOST_TRUST / 2,
            asleep: 0,
        }
    }

    /// How long the next wait may be awake.
    pub fn awake(&mut self) -> Duration {
        if self.trust == 0 && self.asleep < RETRY {
            self.asleep += 1;
            return Duration::ZERO;
        }
        self.asleep = 0;
        MOMENT
    }

    /// Whether a wait that was awake was over in time.
    pub fn learn(&mut self, in_time: bool) {
        self.trust = match in_time {
            true => MOST_TRUST.min(self.trust + 1),
            false => self.trust.saturating_sub(DISAPPOINTMENT),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of the waits are awake, if such a one is in time or not by turns.
    fn awake(waits: usize, in_time: &[bool]) -> usize {
        let mut patience = Patience::new();
        let mut turns = in_time.iter().cycle();
        let mut is_awake = || {
            let awake = !patience.awake().is_zero();
            if awake && let Some(in_time) = turns.next() {
                patience.learn(*in_time);
            }
            awake
        };
        (0..waits).filter(|_| is_awake()).count()
    }

    #[test]
    fn a_long_pause_among_short_ones_changes_nothing() {
        assert_eq!(awake(1000, &[true, true, true, false]), 1000);
    }

    #[test]
    fn in_vain_it_is_hardly_tried() {
        assert!(awake(10_000, &[false]) < 200);
    }

    #[test]
    fn it_is_tried_again_once_it_helps() {
        let mut patience = Patience::new();
        for _ in 0..1000 {
            if !patience.awake().is_zero() {
                patience.learn(false);
            }
        }
        let awake = (0..1000).filter(|_| {
            let awake = !patience.awake().is_zero();
            if awake {
                patience.learn(true);
            }
            awake
        });
        assert!(awake.count() > 900);
    }
}
