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
pub(crate) enum Novelty {
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
    pub fn see(&mut self, from: u64, to: u64) -> Novelty {
        let seen = self.seen;
        self.seen = seen.max(to);
        if !self.begun {
            (self.begun, self.next) = (true, to);
            return Novelty::Next;
        }
        if from >= self.next {
            let follows = !std::mem::take(&mut self.told) && from == self.next;
            self.skip_to(from);
            self.next = to;
            return if follows { Novelty::Next } else { Novelty::Beyond };
        }
        let old_to = to.min(self.next);
        let all_missing = self.fill(from, old_to) == old_to - from;
        if to > self.next {
            (self.next, self.told) = (to, false);
            return if all_missing { Novelty::Late } else { Novelty::Overlaps };
        }
        match all_missing {
            true if to <= seen => Novelty::Fills,
            true => Novelty::Late,
            false => Novelty::Old,
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

    /// The first range that was not seen.
    pub fn first_hole(&self) -> Option<(u64, u64)> {
        self.holes.first().copied()
    }

    /// True if a range was not seen.
    pub fn is_holed(&self) -> bool {
        !self.holes.is_empty()
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
#[path = "../../tests/unit/facts_coverage.rs"]
mod tests;
