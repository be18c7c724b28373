//! Where in the picture each moment is.
//!
//! Time runs down, and is not to scale: a picture says so. Between two hosts a millisecond is at least so many units.
//! What happens at nearly the same moment is drawn one below the other, which stretches it, and a long time without
//! anything is cut, with its length written there. On one host a packet takes some microseconds and a wait some milliseconds:
//! there the rows follow each other in order, and their times stand beside them.

use std::time::Duration;

use crate::format::rows::Row;
use crate::scene::{Diagram, Moment, Outcome};

/// From one row to the next, at least.
pub(super) const ROW: f64 = 30.0;
/// A line below a row.
const NOTE: f64 = 24.0;
/// From an arrow's end to what follows it, at least.
const CAME: f64 = 13.0;
/// A time that is cut.
pub(super) const CUT: f64 = 66.0;
/// How far down an arrow comes in that takes as long as most do.
pub(super) const FLIGHT: f64 = 90.0;
/// How far a packet comes that is lost, of the way: where that was is not known.
pub(super) const LOST: f64 = 0.64;
/// The shortest flight that is drawn as a slant: below it, one host is as good as the other.
const TRUE_FROM: Duration = Duration::from_millis(1);
/// A time is cut if it is longer than so many flights, and nothing happens in it.
const LONG: u32 = 3;

/// The places of moments, from the top.
pub(super) struct Axis {
    /// Moments in order with their places.
    points: Vec<(Moment, f64)>,
    /// The place of each row.
    pub rows: Vec<f64>,
    /// Times that are cut: from where to where, and from when to when.
    pub cuts: Vec<(f64, f64, Moment, Moment)>,
    /// The place of the last of it.
    pub end: f64,
    /// Set if arrows slant.
    pub flight: Option<Duration>,
    /// How far down the arrows come that were lost, with what is said of them.
    lost: f64,
}

/// How long most arrows of a diagram take, if that is long enough to be drawn.
pub(super) fn flight(diagram: &Diagram) -> Option<Duration> {
    let took = diagram
        .arrows()
        .filter_map(|arrow| Some(arrow.came.first()?.since(arrow.left)));
    let mut took: Vec<Duration> = took.collect();
    took.sort_unstable();
    took.get(took.len() / 2).copied().filter(|flight| *flight >= TRUE_FROM)
}

impl Axis {
    pub fn new(diagram: &Diagram, rows: &[Row<'_>], top: f64) -> Axis {
        let mut came: Vec<Moment> = diagram.arrows().flat_map(|arrow| &arrow.came).copied().collect();
        came.sort_unstable_by(|a, b| b.cmp(a));
        let mut axis = Axis {
            points: Vec::new(),
            rows: Vec::new(),
            cuts: Vec::new(),
            end: top,
            flight: flight(diagram),
            lost: top,
        };
        for row in rows {
            let Some(at) = row.at else {
                axis.between(row);
                continue;
            };
            while let Some(moment) = came.pop_if(|moment| *moment <= at) {
                axis.place(moment, CAME);
            }
            let gap = if axis.rows.is_empty() { 0.0 } else { ROW };
            let since_row = axis.rows.last().map_or(0.0, |last| last + gap - axis.end);
            axis.place(at, since_row.max(CAME));
            axis.rows.push(axis.end);
            if axis.flight.is_some() && row.arrow.is_some_and(|arrow| arrow.outcome == Outcome::Lost) {
                axis.lost = axis.end + FLIGHT * LOST + NOTE;
            }
        }
        while let Some(moment) = came.pop() {
            axis.place(moment, CAME);
        }
        axis.end = axis.end.max(axis.lost);
        axis
    }

    /// A row without a moment: what belongs to the row above it, or a pause.
    fn between(&mut self, row: &Row<'_>) {
        match &row.pause {
            Some(fold) if self.flight.is_none() => {
                let top = self.end;
                self.end += CUT;
                self.cuts.push((top, self.end, fold.since, fold.until));
                self.rows.push(self.end);
            }
            // Behind a wire only what is much longer than a flight is cut.
            Some(_) => self.rows.push(self.end),
            None => {
                let last = self.rows.last().copied().unwrap_or(self.end);
                self.end = self.end.max(last + NOTE);
                self.rows.push(last + NOTE);
            }
        }
    }

    /// The next moment, at least so far below the last.
    fn place(&mut self, at: Moment, gap: f64) {
        let Some(&(last, place)) = self.points.last() else {
            self.points.push((at, self.end));
            return;
        };
        // Timestamps in a file may go back, and the axis does not.
        let at = at.max(last);
        let passed = at.since(last);
        let mut next = self.end + gap;
        if let Some(flight) = self.flight {
            let length = passed.as_secs_f64() / flight.as_secs_f64() * FLIGHT;
            if passed > flight * LONG {
                self.end = self.end.max(self.lost);
                self.cuts.push((self.end, self.end + CUT, last, at));
                next = next.max(self.end + CUT + CAME);
            } else {
                next = next.max(place + length);
            }
        }
        self.end = next;
        self.points.push((at, next));
    }

    /// The last moment that has a place.
    pub fn last(&self) -> Moment {
        self.points.last().map_or(Moment::default(), |point| point.0)
    }

    /// Where a moment is: between its neighbours, as far from each as it is in time.
    pub fn at(&self, moment: Moment) -> f64 {
        let after = self.points.partition_point(|point| point.0 <= moment);
        let (Some(&(since, from)), next) = (self.points.get(after.wrapping_sub(1)), self.points.get(after)) else {
            return self.points.first().map_or(self.end, |first| first.1);
        };
        let Some(&(until, to)) = next else { return from };
        let part = moment.since(since).as_secs_f64() / until.since(since).as_secs_f64();
        from + (to - from) * part
    }
}
