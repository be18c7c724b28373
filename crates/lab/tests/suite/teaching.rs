//! What a teacher uses: quizzes and their grades, reports and the table of a class.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use course::capture;
use course::learn::progress::Progress;
use course::learn::verdict::Outcome;
use course::quiz::Quiz;
use course::quiz::sheet::{self, QUESTIONS};
use harness::rules::RuleId;
use harness::testing::Needs::Sandbox;
use harness::testing::{at_once, built};

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Result<Folder> {
        let path = std::env::temp_dir().join(format!("lab-teaching-{name}-{}", std::process::id()));
        // One of a run that was killed.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn lab(folder: &Path, arguments: &[&str]) -> Result<Output> {
    let mut lab = Command::new(built("lab"));
    lab.args(arguments).current_dir(folder).env("CARGO", "/none");
    lab.output().context("cannot start lab")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A sheet with an answer to each question.
fn filled(blank: &str, answers: impl Fn(usize) -> String) -> String {
    let mut sheet = blank.to_owned();
    for number in 1..=QUESTIONS.len() {
        let line = format!("Answer {number}: ");
        sheet = sheet.replace(&line, &format!("{line}{}", answers(number - 1)));
    }
    sheet
}

/// Seeds of each server that a quiz may run, by trying.
const SEEDS: [&str; 4] = ["ada", "bob", "grace", "dora"];

/// Right answers are right and wrong ones are wrong, whatever the fault.
fn a_quiz_is_graded_by_its_own_run() -> Result<()> {
    let folder = Folder::new("quiz")?;
    at_once(SEEDS.to_vec(), |seed| {
        let written = Quiz::of(seed)?.write(&folder.0)?;
        let timeline = capture::read(&written.key)?;
        let blank = fs::read_to_string(&written.sheet)?;
        let right = |place: usize| QUESTIONS[place].shown(&timeline);
        // Of several that are right, any one.
        let one = |place: usize| right(place).split(" or ").next().unwrap_or_default().to_owned();
        let grade = |name: &str, sheet: String| -> Result<(Option<i32>, String)> {
            let folder = folder.0.join(name);
            fs::create_dir_all(&folder)?;
            let path = folder.join(format!("{seed}.md"));
            fs::write(&path, sheet)?;
            let path = path.to_str().context("no text")?;
            let keys = written.key.parent().and_then(Path::to_str).context("no text")?;
            let output = lab(&folder, &["grade", "--keys", keys, path])?;
            Ok((output.status.code(), text(&output.stdout)))
        };
        let (status, said) = grade("right", filled(&blank, one))?;
        ensure!(
            status == Some(0) && said.contains("8 of 8 right"),
            "{status:?} {said}\n{timeline}"
        );
        let (status, said) = grade("none", blank.clone())?;
        ensure!(
            status == Some(1) && said.matches("no answer").count() == 8,
            "{status:?} {said}"
        );
        let wrong = |place: usize| match right(place) == sheet::NONE {
            true if place == 7 => "blocked-write".to_owned(),
            true => "1".to_owned(),
            false => sheet::NONE.to_owned(),
        };
        let (status, said) = grade("wrong", filled(&blank, wrong))?;
        ensure!(status == Some(1) && said.contains("0 of 8 right"), "{status:?} {said}");
        let (status, said) = grade("unclear", filled(&blank, |_| "what?".to_owned()))?;
        ensure!(
            status == Some(1) && said.matches("what?").count() == 8,
            "{status:?} {said}"
        );
        Ok(())
    })
}

/// What a learner is given has the frames, and nothing of what they mean.
fn a_quiz_gives_nothing_away() -> Result<()> {
    let folder = Folder::new("private")?;
    // A server that stalls.
    let quiz = Quiz::of("bob")?;
    let written = quiz.write(&folder.0)?;
    let key = capture::read(&written.key)?;
    assert!(key.finding_ids().contains(&RuleId::NagleStall), "{key}");
    let given = capture::read(&written.capture)?;
    // That something waited, packets tell anybody. They do not tell for which call.
    assert!(given.finding_ids().iter().all(|id| *id == RuleId::LateAck), "{given}");
    let numbers = |timeline: &harness::timeline::Timeline| -> Vec<harness::timeline::FrameNumber> {
        timeline.only().packets().map(|(_, packet)| packet.number).collect()
    };
    assert_eq!(numbers(&given), numbers(&key));
    let shown = lab(&folder.0, &["show", written.capture.to_str().context("no text")?])?;
    let seen = text(&shown.stdout) + &fs::read_to_string(&written.sheet)? + &text(&fs::read(&written.capture)?);
    for word in ["held until", "Nagle", "split-reply:", "09-one-write", "12-three"] {
        assert!(
            !seen.contains(word),
            "{word:?} is in what the learner is given:\n{seen}"
        );
    }
    // What somebody works on is not written over.
    let again = quiz.write(&folder.0).err().context("it was written over")?.to_string();
    assert!(again.contains("is there already"), "{again}");
    assert!(key.to_string() == capture::read(&written.key)?.to_string());
    Ok(())
}

/// A learner who looks for frames in an exercise's capture has the frames, and no word that names one, in any form;
/// whoever has found them has all of it.
fn what_is_to_be_found_is_not_said_until_it_is() -> Result<()> {
    let checkout = course::checkout::find()?;
    let folder = Folder::new("to-be-found")?;
    let show = |arguments: &[&str]| -> Result<Output> {
        let arguments = ["show"].iter().chain(arguments);
        Ok(Command::new(built("lab"))
            .args(arguments)
            .env("LAB_EXERCISES", &folder.0)
            .current_dir(&checkout)
            .output()?)
    };
    let words = [
        "held",
        "Nagle",
        "of sendto",
        "stalls",
        "nagle-stall",
        "writes per reply",
        "waited",
        "dup ACK",
        "sent again",
    ];
    for name in ["held-newline", "strangers-server", "sent-again"] {
        let shown = text(&show(&[name])?.stdout);
        assert!(shown.contains("PSH,ACK"), "{shown}");
        for word in words {
            assert!(!shown.contains(word), "{word}: {shown}");
        }
        for format in ["html", "svg", "json", "jsonl", "markdown"] {
            let told = show(&[name, "--format", format])?;
            let refused = text(&told.stderr).contains("find it in the lanes first");
            assert!(told.stdout.is_empty() && refused, "{name} as {format}: {told:?}");
        }
    }
    Progress::change(&folder.0, |progress| progress.checked("held-newline", Outcome::Passed))?;
    let shown = text(&show(&["held-newline"])?.stdout);
    assert!(
        shown.contains("held until frame 37") && shown.contains("nagle-stall"),
        "{shown}"
    );
    assert!(show(&["held-newline", "--format", "json"])?.status.success());
    Ok(())
}

fn what_cannot_be_graded_is_said_to_be_so() -> Result<()> {
    let folder = Folder::new("ungraded")?;
    fs::write(folder.0.join("x.md"), "Answer 1: 2\n")?;
    fs::write(folder.0.join("y.md"), "no sheet")?;
    fs::create_dir_all(folder.0.join("keys"))?;
    // A capture of packets alone is no key: it knows nothing of calls.
    fs::write(folder.0.join("z.md"), "Answer 1: 2\n")?;
    let mut bare = Vec::new();
    let step = capture::read(&course::steps::find("step1")?.capture())?;
    harness::format::pcapng::write_frames(&step, "server", &mut bare)?;
    fs::write(folder.0.join("keys/z.pcapng"), bare)?;
    for (sheet, expected) in [
        (
            "x.md",
            "for x.md: --keys names its folder, and a sheet keeps the name that it was made with",
        ),
        ("y.md", "Answer 1:"),
        ("z.md", "not the key of a quiz"),
        ("none.md", "none.md"),
        ("keys", "it is no sheet"),
    ] {
        let output = lab(&folder.0, &["grade", sheet])?;
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{sheet}: {said}");
        assert!(said.contains(expected) && !said.contains("panicked"), "{sheet}: {said}");
    }
    let output = lab(&folder.0, &["quiz", "--seed", "../../x"])?;
    assert!(!output.status.success() && text(&output.stderr).contains("a seed names the files"));
    Ok(())
}

/// From the learner's folder to the teacher's table.
fn a_report_becomes_a_row_of_the_class() -> Result<()> {
    let checkout = course::checkout::find()?;
    let folder = Folder::new("class")?;
    let mine = folder.0.join("mine");
    fs::create_dir_all(&mine)?;
    fs::write(
        mine.join("progress.json"),
        r#"{"current":"one-write","exercises":{
            "one-write":{"passed":false,"tries":3,"hints":1,"seconds":200,"last":5},
            "handshake":{"passed":true,"tries":1,"hints":0,"seconds":59,"last":1}}}"#,
    )?;
    let path = |path: &Path| path.to_str().map(str::to_owned).context("no text");
    let mine = path(&mine)?;
    let report = lab(&checkout, &["learn", "--folder", &mine, "report", "--name", "Ada L."])?;
    let said = text(&report.stdout);
    assert!(report.status.success() && said.contains("Ada L.: 1 of "), "{report:?}");
    let file = folder.0.join("mine/report-Ada_L_.json");
    let written = fs::read_to_string(&file)?;
    crate::read_json(written.as_bytes(), "Report")?;
    assert!(!written.contains("fn ") && !written.contains("last"), "{written}");
    fs::write(folder.0.join("broken.json"), "{\"version\":1,")?;
    let files = [path(&file)?, path(&folder.0.join("broken.json"))?];
    // No checkout is needed for it.
    for (format, expected) in [("text", "Ada L."), ("csv", "Ada L.,one-write,false,3,1,4,false\r\n")] {
        let class = lab(
            Path::new("/"),
            &["learn", "class", "--format", format, &files[0], &files[1]],
        )?;
        let (table, complaints) = (text(&class.stdout), text(&class.stderr));
        assert_eq!(class.status.code(), Some(1), "{complaints}");
        assert!(table.contains(expected), "{table}");
        assert!(complaints.contains("broken.json: it is no report"), "{complaints}");
    }
    let class = lab(Path::new("/"), &["learn", "class", &files[0]])?;
    assert_eq!(class.status.code(), Some(0), "{class:?}");
    // Whoever has begun nothing has a report, too.
    let none = path(&folder.0.join("none/yet"))?;
    let report = lab(&checkout, &["learn", "--folder", &none, "report", "--name", "Bob"])?;
    assert!(
        report.status.success() && folder.0.join("none/yet/report-Bob.json").is_file(),
        "{report:?}"
    );
    Ok(())
}

harness::tests! {
    a_quiz_gives_nothing_away needs [Sandbox];
    a_quiz_is_graded_by_its_own_run needs [Sandbox];
    a_report_becomes_a_row_of_the_class needs [];
    what_cannot_be_graded_is_said_to_be_so needs [];
    what_is_to_be_found_is_not_said_until_it_is needs [];
}
