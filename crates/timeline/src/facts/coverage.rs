//! Which bytes of a stream have gone by.

/// So many holes are remembered. A capture of nothing but losses must not fill the memory.
const MOST_HOLES: usize = 256;

/// Which part of a stream has been seen, from its first byte seen on: all below `next` but the holes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    begun: bool,
    /// The end of the highest byte seen, by us or by whoever acknowledged it.
    pub next: u64,
    /// The end of the highest byte that was seen here.
    seen: u64,
    /// Ranges below `next` that were not seen, in order.
    holes: Vec<(u64, u64)>,
    /// True if the last bytes below `next` are known by hearsay, and nothing beyond was seen since.
    told: bool,
}

/// How a range of bytes stands to those seen before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It goes on where the highest ended, or is the first.
    Next,
    /// It begins after the highest: something between is missing.
    Beyond,
    /// All of it lies below the highest byte that was seen, and had not been seen.
    Fills,
    /// It had not been seen, and its receiver acknowledged some of it before.
    Late,
    /// Some of it had been seen, and it goes on beyond the highest.
    Overlaps,
    /// All of it lies below the highest, and some of it had been seen.
    Old,
}

impl Coverage {
    /// Takes in a range, which is not empty.
    pub fn see(&mut self, from: u64, to: u64) -> Place {
        let seen = self.seen;
        self.seen = seen.max(to);
        if !self.begun {
            (self.begun, self.next) = (true, to);
            return Place::Next;
        }
        if from >= self.next {
            let follows = !std::mem::take(&mut self.told) && from == self.next;
            self.skip_to(from);
            self.next = to;
            return if follows { Place::Next } else { Place::Beyond };
        }
        let old_to = to.min(self.next);
        let all_missing = self.fill(from, old_to) == old_to - from;
        if to > self.next {
            (self.next, self.told) = (to, false);
            return if all_missing { Place::Late } else { Place::Overlaps };
        }
        match all_missing {
            true if to <= seen => Place::Fills,
            true => Place::Late,
            false => Place::Old,
        }
    }

    /// Takes in that a segment without bytes has this number. True if that tells of bytes which were not
    /// seen, and nothing did before.
    pub fn goes_on_at(&mut self, from: u64) -> bool {
        let tells = self.begun && (from > self.next || from == self.next && self.told);
        if tells {
            self.skip_to(from);
            self.told = false;
        }
        tells
    }

    /// Leaves a hole up to here.
    fn skip_to(&mut self, from: u64) {
        if from > self.next {
            if self.holes.len() < MOST_HOLES {
                self.holes.push((self.next, from));
            }
            self.next = from;
        }
    }

    /// Closes the holes in a range. How many bytes of it had been missing.
    fn fill(&mut self, from: u64, to: u64) -> u64 {
        let mut missing = 0;
        if self.holes.is_empty() {
            return 0;
        }
        let mut left = Vec::with_capacity(self.holes.len() + 1);
        for &(start, end) in &self.holes {
            let (cut_from, cut_to) = (start.max(from), end.min(to));
            if cut_from >= cut_to {
                left.push((start, end));
                continue;
            }
            missing += cut_to - cut_from;
            left.extend([(start, cut_from), (cut_to, end)].into_iter().filter(|(a, b)| a < b));
        }
        self.holes = left;
        missing
    }

    /// The end of what has gone by without a hole.
    pub fn in_order(&self) -> u64 {
        self.holes.first().map_or(self.next, |hole| hole.0)
    }

    /// True if something has been seen.
    pub fn has_begun(&self) -> bool {
        self.begun
    }

    /// True if every byte of a range has been seen.
    pub fn has(&self, from: u64, to: u64) -> bool {
        self.begun && to <= self.next && !self.holes.iter().any(|&(start, end)| start < to && from < end)
    }

    /// Says that everything below this has been seen by somebody, whoever saw it.
    pub fn assume_below(&mut self, end: u64) {
        if !self.begun {
            (self.begun, self.next) = (true, end);
        } else if end > self.next {
            self.skip_to(end);
            self.told = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_is_filled_in_parts() {
        let mut seen = Coverage::default();
        assert_eq!(seen.see(0, 10), Place::Next);
        assert_eq!(seen.see(10, 20), Place::Next);
        assert_eq!(seen.see(50, 60), Place::Beyond);
        assert!(!seen.has(20, 50) && seen.has(0, 20) && seen.has(50, 60));
        assert_eq!(seen.see(30, 40), Place::Fills);
        assert_eq!(seen.see(35, 45), Place::Old);
        assert_eq!(seen.see(20, 30), Place::Fills);
        assert_eq!(seen.see(0, 10), Place::Old);
        assert_eq!(seen.see(45, 70), Place::Overlaps);
        assert!(seen.has(0, 70) && seen.next == 70);
    }

    #[test]
    fn what_was_acknowledged_unseen_is_a_hole() {
        let mut seen = Coverage::default();
        seen.see(0, 10);
        seen.assume_below(30);
        assert_eq!(seen.see(10, 20), Place::Late);
        assert_eq!(seen.see(20, 30), Place::Late);
        assert_eq!(seen.see(10, 30), Place::Old);
    }

    #[test]
    fn what_follows_acknowledged_bytes_that_were_not_seen_is_beyond_a_hole() {
        let mut seen = Coverage::default();
        seen.see(0, 10);
        seen.assume_below(30);
        assert_eq!(seen.see(30, 40), Place::Beyond);
        assert_eq!(seen.see(40, 50), Place::Next, "said once");
        assert_eq!(seen.see(10, 30), Place::Fills, "bytes beyond have been seen by now");
        seen.assume_below(60);
        assert_eq!(seen.see(70, 80), Place::Beyond);
        assert_eq!(seen.see(80, 90), Place::Next, "and once where more is missing");
    }

    #[test]
    fn new_bytes_of_which_some_were_acknowledged_are_no_repetition() {
        let mut seen = Coverage::default();
        seen.see(0, 10);
        seen.assume_below(15);
        assert_eq!(seen.see(10, 30), Place::Late);
        assert_eq!(seen.see(30, 40), Place::Next);
        assert_eq!(seen.see(35, 45), Place::Overlaps);
    }

    #[test]
    fn a_number_beyond_the_highest_tells_of_a_hole_once() {
        let mut seen = Coverage::default();
        assert!(!seen.goes_on_at(5), "the first that is known");
        seen.see(0, 10);
        assert!(!seen.goes_on_at(10) && !seen.goes_on_at(9));
        assert!(seen.goes_on_at(20));
        assert!(!seen.goes_on_at(20));
        assert_eq!(seen.see(20, 30), Place::Next);
        assert_eq!(seen.see(10, 20), Place::Fills);
        seen.assume_below(50);
        assert!(seen.goes_on_at(50));
        assert!(!seen.goes_on_at(50));
        assert_eq!(seen.see(50, 60), Place::Next);
    }

    #[test]
    fn a_capture_of_holes_stays_small() {
        let mut seen = Coverage::default();
        for at in 0..10_000 {
            seen.see(at * 10, at * 10 + 1);
        }
        assert!(seen.holes.len() <= MOST_HOLES);
    }
}
