//! A conversation as a file: a step on each line. No I/O.

use std::time::Duration;

use super::Step;
use super::pattern::Pattern;
use course::bytes::unescape;

/// Reads a script:
///
/// ```text
/// # SMTP
/// expect 220
/// send EHLO x\r\n
/// expect 250
/// ```
///
/// What follows the one space after a step's name belongs to it, spaces at the end included.
///
/// # Errors
///
/// The line that is no step, and what there is.
pub fn parse(text: &str) -> Result<Vec<Step>, String> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    let steps = numbered.filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    let steps: Vec<Step> = steps
        .map(|(number, line)| step(line).map_err(|why| format!("line {number}: {why}")))
        .collect::<Result<_, _>>()?;
    if steps.is_empty() {
        return Err("it has no step".to_owned());
    }
    Ok(steps)
}

fn step(line: &str) -> Result<Step, String> {
    let (name, rest) = line.split_once(' ').unwrap_or((line.trim_end(), ""));
    let milliseconds = || {
        let number = rest
            .trim()
            .parse()
            .map_err(|_| format!("{name} takes a number of milliseconds, not {rest:?}"));
        number.map(Duration::from_millis)
    };
    match name {
        "send" if rest.is_empty() => Err("send what? send TEXT".to_owned()),
        "send" => Ok(Step::Send(unescape(rest)?.0)),
        "expect" => Ok(Step::Expect(Pattern::parse(rest)?)),
        "quiet" => Ok(Step::Quiet(milliseconds()?)),
        "pause" => Ok(Step::Pause(milliseconds()?)),
        "end" if rest.trim().is_empty() => Ok(Step::End),
        _ => Err(format!(
            "{line:?} is no step; there are: send TEXT, expect TEXT, expect /REGEX/, quiet MS, pause MS, end"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_a_step_on_each_line() {
        let steps =
            parse("# hello\nexpect 220\n\nsend EHLO x\\r\\n\nexpect 250 \nexpect /^2../\nquiet 100\npause 5\nend\n")
                .unwrap();
        let words: Vec<String> = steps.iter().map(|step| format!("{step:?}")).collect();
        assert_eq!(steps.len(), 7, "{words:?}");
        assert!(matches!(&steps[1], Step::Send(bytes) if bytes == b"EHLO x\r\n"));
        assert!(matches!(&steps[2], Step::Expect(Pattern::Text(bytes, _)) if bytes == b"250 "));
        assert!(matches!(steps[4], Step::Quiet(time) if time.as_millis() == 100));
        assert!(matches!(steps[6], Step::End));
    }

    #[test]
    fn what_is_no_step_is_named_with_its_line() {
        for (text, says) in [
            ("expect 1\nsay hi\n", "line 2"),
            ("send \\q\n", "\\q"),
            ("send\n", "send TEXT"),
            ("expect\n", "empty"),
            ("pause soon\n", "milliseconds"),
            ("expect /(/\n", "regular expression"),
            ("# nothing\n", "no step"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
