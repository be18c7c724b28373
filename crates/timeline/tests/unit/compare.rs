//! Sides that are made up, number by number: each figure better, equal, worse and unknown.

use super::*;

/// A run that shows these numbers of a figure; of all others it has nothing to find fault with.
fn run(name: &str, numbers: Numbers) -> Measured {
    let place = names().position(|own| own == name).unwrap();
    let mut all = vec![Some(Ok(vec![0, 0])); names().count()];
    let of_time = |own: &str| TIMES.contains(&own).then(|| Some(Ok(vec![100, 300])));
    names()
        .enumerate()
        .for_each(|(place, own)| all[place] = of_time(own).unwrap_or(all[place].clone()));
    let segments = numbers.clone().unwrap_or_default();
    all[place] = Some(numbers);
    Measured {
        connections: 2,
        requests: 2,
        sent: 4,
        said: vec![b"one\n".to_vec(), b"two\n".to_vec()],
        segments: segments.into_iter().sum::<u64>() as usize,
        numbers: all,
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    FIGURES.into_iter().chain(RULES.iter().map(|rule| rule.name))
}

/// How a figure comes out, and what all of them come to.
fn compared(name: &str, before: &[Numbers], after: &[Numbers]) -> (Outcome, Outcome) {
    let runs = |side: &[Numbers]| -> Vec<Measured> { side.iter().map(|numbers| run(name, numbers.clone())).collect() };
    let figures = compare(&runs(before), &runs(after), 1.1);
    let figure = figures.iter().find(|figure| figure.name == name).unwrap();
    (figure.outcome, result(&figures))
}

#[test]
fn each_figure_is_better_the_same_worse_or_unknown() {
    use Outcome::{Better, NotJudged, Same, Unknown, Worse};
    let not_seen = || Err("it was not recorded".to_owned());
    for name in names().filter(|name| *name != REQUESTS) {
        // Times are judged from five runs on.
        let runs = |of: &[u64]| vec![Ok(of.to_vec()); RUNS_FOR_TIMES];
        let (few, many) = (runs(&[1, 0, 1]), runs(&[2, 0, 2]));
        assert_eq!(compared(name, &few, &few), (Same, Same), "{name}");
        assert_eq!(compared(name, &many, &few), (Better, Better), "{name}");
        assert_eq!(compared(name, &few, &many), (Worse, Worse), "{name}");
        assert_eq!(compared(name, &few, &[not_seen()]), (Unknown, Unknown), "{name}");
        assert_eq!(compared(name, &[not_seen()], &few), (Unknown, Unknown), "{name}");
        // All else is the same; of this nothing is said.
        assert_eq!(
            compared(name, &[not_seen()], &[not_seen()]),
            (NotJudged, Same),
            "{name}"
        );
    }
}

#[test]
fn other_requests_are_another_conversation() {
    use Outcome::{Same, Unknown};
    let runs = |requests: &[u64]| vec![run(REQUESTS, Ok(requests.to_vec()))];
    let outcomes = |before: &[u64], after: &[u64]| {
        let figures = compare(&runs(before), &runs(after), 1.1);
        let are_unknown = figures.iter().all(|figure| figure.outcome == Unknown);
        (are_unknown, result(&figures))
    };
    // What the second did not do could not show what comes of it. Other requests have other replies, of more packets.
    assert_eq!(outcomes(&[2, 1], &[1, 1]), (true, Unknown));
    assert_eq!(outcomes(&[2, 1], &[2, 1, 1]), (true, Unknown));
    // The order in which connections began is no difference.
    assert_eq!(outcomes(&[2, 1], &[1, 2]), (false, Same));
}

#[test]
fn other_bytes_are_another_conversation() {
    let of = |said: [&str; 2]| Measured {
        said: said.map(|said| said.as_bytes().to_vec()).to_vec(),
        ..run(REQUESTS, Ok(vec![1, 1]))
    };
    let why = |said| {
        let figures = compare(&[of(["one\n", "two\n"])], &[of(said)], 1.1);
        let requests = figures.iter().find(|figure| figure.name == REQUESTS).unwrap();
        (result(&figures), requests.why.clone())
    };
    assert_eq!(why(["one\n", "two\n"]), (Outcome::Same, None));
    // Of a capture of the first bytes of each packet not all is known.
    assert_eq!(why(["on", "two\n"]), (Outcome::Same, None));
    let (outcome, told) = why(["one\n", "tea\n"]);
    assert_eq!(outcome, Outcome::Unknown);
    let told = told.unwrap();
    assert!(told.ends_with(r#"from byte 2 on "wo\n" and "ea\n""#), "{told}");
}

#[test]
fn different_numbers_of_replies_are_compared_one_by_one() {
    use Outcome::{Better, Same, Unknown, Worse};
    let writes =
        |before: &[u64], after: &[u64]| compared("writes-per-reply", &[Ok(before.to_vec())], &[Ok(after.to_vec())]).0;
    assert_eq!(writes(&[1, 1], &[1, 1, 1]), Same);
    assert_eq!(writes(&[2, 2], &[1, 1, 1]), Better);
    assert_eq!(writes(&[1, 1, 1], &[2]), Worse);
    assert_eq!(writes(&[1, 1], &[1, 1, 2]), Unknown);
    assert_eq!(writes(&[], &[1]), Unknown);
    assert_eq!(writes(&[], &[]), Outcome::NotJudged);
}

#[test]
fn runs_that_lie_among_each_other_are_not_told_apart() {
    use Outcome::{Better, Same, Worse};
    let side = |runs: &[u64]| -> Vec<Numbers> { runs.iter().map(|packets| Ok(vec![*packets])).collect() };
    let packets = |before: &[u64], after: &[u64]| compared("packets-per-exchange", &side(before), &side(after)).0;
    assert_eq!(packets(&[4, 5], &[5, 6]), Same);
    assert_eq!(packets(&[4, 5], &[6, 7]), Worse);
    assert_eq!(packets(&[6, 7], &[4, 5]), Better);
    // A rule that has found something once has found it.
    let finding = |before: &[u64], after: &[u64]| compared("split-reply", &side(before), &side(after)).0;
    assert_eq!(finding(&[0, 0], &[0, 2]), Worse);
    assert_eq!(finding(&[0, 2], &[0, 0]), Same);
    assert_eq!(finding(&[2, 2], &[0, 0]), Better);
}

/// An ACK that is put off or not is a matter of a clock, as a time is.
#[test]
fn packets_that_are_acks_take_as_many_runs_as_times() {
    use Outcome::{NotJudged, Worse};
    let packets = |runs: usize, segments: usize| {
        let of = |packets| Measured {
            segments: 2,
            ..run(PACKETS, Ok(vec![packets]))
        };
        let after = Measured { segments, ..of(4) };
        let figures = compare(&vec![of(3); runs], &vec![after; runs], 1.1);
        figures.iter().find(|figure| figure.name == PACKETS).unwrap().outcome
    };
    assert_eq!(packets(1, 2), NotJudged);
    assert_eq!(packets(RUNS_FOR_TIMES, 2), Worse);
    assert_eq!(packets(1, 3), Worse);
}

#[test]
fn times_are_judged_by_their_spread() {
    use Outcome::{Better, NotJudged, Same, Worse};
    let side = |runs: &[u64]| -> Vec<Numbers> { runs.iter().map(|time| Ok(vec![*time, *time, 9999])).collect() };
    let time = |before: &[u64], after: &[u64]| compared(TIMES[1], &side(before), &side(after)).0;
    assert_eq!(time(&[100; 5], &[111; 5]), Worse);
    assert_eq!(time(&[100; 5], &[109; 5]), Same);
    assert_eq!(time(&[111; 5], &[100; 5]), Better);
    assert_eq!(time(&[100, 100, 100, 100, 105], &[150, 150, 150, 150, 112]), Same);
    assert_eq!(time(&[100; 4], &[900; 5]), NotJudged);
    assert_eq!(time(&[0; 5], &[900; 5]), NotJudged);
    let figures = compare(&[run(TIMES[1], Ok(vec![200]))], &[run(TIMES[1], Ok(vec![100]))], 1.1);
    let ratio = figures
        .iter()
        .find(|figure| figure.name == TIMES[1])
        .unwrap()
        .ratio
        .unwrap();
    assert_eq!(
        ratio,
        Ratio {
            middle: 0.5,
            lowest: 0.5,
            highest: 0.5
        }
    );
}

#[test]
fn what_is_cut_short_shows_nothing_for_sure() {
    let whole = run(REQUESTS, Ok(vec![2]));
    let cut = whole.clone().cut_short("the file ends in a packet");
    let figures = compare(&[whole], std::slice::from_ref(&cut), 1.1);
    assert!(figures.iter().all(|figure| figure.outcome == Outcome::Unknown));
    let figures = compare(std::slice::from_ref(&cut), std::slice::from_ref(&cut), 1.1);
    assert!(figures.iter().all(|figure| figure.outcome == Outcome::NotJudged));
    assert_eq!(result(&figures), Outcome::Unknown);
}

#[test]
fn a_rule_that_is_for_neither_side_is_no_figure() {
    let place = names().position(|name| name == "late-ack").unwrap();
    let mut run = run(REQUESTS, Ok(vec![2]));
    run.numbers[place] = None;
    let figures = compare(&[run.clone()], &[run], 1.1);
    assert!(figures.iter().all(|figure| figure.name != "late-ack"));
}
