//! Several requests come in one segment, and each has to be answered.

use super::day::Day;
use super::ruling::{Ruling, failed, policy};
use super::talk::Came;

pub(super) fn run(day: &Day<'_>) -> Ruling {
    day.gently()?;
    let asked = |place: &usize| !day.ground.exchanges[*place].request.is_empty();
    let mut places: Vec<usize> = (0..day.ground.exchanges.len()).filter(asked).collect();
    let speaks_first = places.len() < day.ground.exchanges.len();
    if let [only] = places[..] {
        places = vec![only; 3];
    }
    let requests: Vec<&[u8]> = places
        .iter()
        .map(|place| &*day.ground.exchanges[*place].request)
        .collect();
    let mut talk = day.client_in_view()?;
    if speaks_first {
        let came = talk.ask(&day.ground.exchanges[0]);
        day.is_as_ever(0, &came)?;
    }
    talk.send(&requests.concat());
    for (number, place) in places.iter().enumerate() {
        let came = talk.reply(&day.ground.exchanges[*place]);
        let Err(sentence) = day.is_as_ever(*place, &came) else {
            continue;
        };
        let reason = format!(
            "of {} requests in one segment {number} were answered: {}",
            places.len(),
            sentence.reason
        );
        return match came {
            // HTTP lets a server close behind any reply (RFC 9112, section 9.6).
            Came::Cut(bytes, _) if bytes.is_empty() && number > 0 && (day.gentle.closes || is_http(day)) => {
                policy(format!("it closes behind a reply: {reason}"))
            }
            _ if speaks_first => policy(format!(
                "a protocol in which the server speaks first may forbid it: {reason}"
            )),
            _ => failed(reason),
        };
    }
    talk.close();
    Ok(format!(
        "each of {} requests in one segment got its reply",
        places.len()
    ))
}

fn is_http(day: &Day<'_>) -> bool {
    day.ground.exchanges.iter().any(|exchange| exchange.is_http())
}
