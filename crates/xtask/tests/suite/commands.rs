//! A reader who types what a page says gets what the page says.
//!
//! The commands of a page are the lines of its code blocks, and what stands in its sentences as code. A line behind `$ `
//! is a command, and the lines below it are what it prints; so is a block of text right behind a block of commands.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use clap::Command as Clap;
use clap::error::ErrorKind;
use course::{checkout, steps};
use harness::testing::{
    self,
    Needs::{Program, Request, Wire},
    built,
};
use lab::commands::{
    check, compare, completions, diff, doctor, explain, grade, learn, live, man, quiz, schema, shell, show,
    steps as steps_command, trace, wireshark,
};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use xtask::pages;

/// A line that somebody may type.
#[derive(Debug, PartialEq, Eq)]
struct Typed {
    line: String,
    /// In a block of code, and not within a sentence.
    in_block: bool,
    /// What the page shows of what it prints.
    shown: Vec<String>,
}

/// What a page says to type, in its order.
fn typed(text: &str) -> Vec<Typed> {
    let mut all: Vec<Typed> = Vec::new();
    let (mut block, mut follows) = (None, false);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => block = Some((kind, String::new())),
            Event::Text(text) if block.is_some() => block.as_mut().expect("it is open").1.push_str(&text),
            Event::End(TagEnd::CodeBlock) => {
                let (kind, text) = block.take().expect("it was opened");
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                let has_prompt = text.starts_with("$ ");
                if follows && language == "text" && !has_prompt {
                    let last = all.last_mut().expect("it follows one");
                    last.shown = text.lines().map(str::to_owned).collect();
                    follows = false;
                } else if language.is_empty() || language == "yaml" || has_prompt {
                    all.extend(lines(&text, has_prompt));
                    follows = all.last().is_some_and(|last| last.shown.is_empty());
                }
            }
            Event::Code(code) => {
                all.push(Typed {
                    line: code.to_string(),
                    in_block: false,
                    shown: Vec::new(),
                });
                follows = false;
            }
            // What is generated stands between two comments.
            Event::Start(Tag::HtmlBlock) | Event::Html(_) | Event::End(TagEnd::HtmlBlock) => {}
            _ if block.is_none() => follows = false,
            _ => {}
        }
    }
    all
}

/// The commands of a block, and what it shows of each.
fn lines(block: &str, has_prompt: bool) -> Vec<Typed> {
    let mut all: Vec<Typed> = Vec::new();
    let mut continued = false;
    for line in block.lines() {
        let line = line.trim_start().trim_start_matches("- run: ");
        let command = match line.strip_prefix("$ ") {
            Some(command) if has_prompt => Some(command),
            _ if has_prompt && !continued => None,
            _ => Some(line),
        };
        match (command, all.last_mut()) {
            (Some(more), Some(last)) if continued => last.line += more,
            (Some(command), _) => all.push(Typed {
                line: command.to_owned(),
                in_block: true,
                shown: Vec::new(),
            }),
            (None, Some(last)) => last.shown.push(line.to_owned()),
            (None, None) => {}
        }
        continued = all
            .last_mut()
            .is_some_and(|last| last.line.ends_with('\\') && command.is_some());
        if let (true, Some(last)) = (continued, all.last_mut()) {
            last.line.pop();
        }
    }
    all
}

/// The words of each simple command of a line, as a shell splits them. What stands in `$(...)` stays as it is.
fn split(line: &str) -> Vec<Vec<String>> {
    let (mut commands, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut quote = None;
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (Some(open), close) if open == close => quote = None,
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (Some('"'), '\\') if letters.peek().is_some_and(|next| "\"\\$`".contains(*next)) => {
                word.get_or_insert_default().extend(letters.next());
            }
            (None, '\\') => word.get_or_insert_default().extend(letters.next()),
            (None | Some('"'), '$') if letters.peek() == Some(&'(') => {
                let word = word.get_or_insert_default();
                word.push('$');
                let mut depth = 0;
                for letter in letters.by_ref() {
                    word.push(letter);
                    depth += i32::from(letter == '(') - i32::from(letter == ')');
                    if depth == 0 {
                        break;
                    }
                }
            }
            (None, '#') if word.is_none() => break,
            (None, ' ') => words.extend(word.take()),
            (None, '|' | '&' | ';' | '(' | ')' | '<' | '>') => {
                words.extend(word.take());
                commands.push(std::mem::take(&mut words));
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    commands.push(words);
    commands.retain(|words| !words.is_empty());
    commands
}

/// The command line of lab, of the same parts as its main.rs.
fn lab() -> Clap {
    fn of<A: clap::Args>(name: &'static str) -> Clap {
        A::augment_args(Clap::new(name))
    }
    let commands = [
        of::<steps_command::Arguments>("steps"),
        of::<show::Arguments>("show"),
        of::<trace::Arguments>("trace"),
        of::<check::Arguments>("check"),
        of::<explain::Arguments>("explain"),
        of::<shell::Arguments>("shell"),
        of::<live::Arguments>("live"),
        of::<wireshark::Arguments>("wireshark"),
        of::<learn::Arguments>("learn"),
        of::<quiz::Arguments>("quiz"),
        of::<grade::Arguments>("grade"),
        of::<doctor::Arguments>("doctor"),
        of::<diff::Arguments>("diff"),
        of::<compare::Arguments>("compare"),
        of::<completions::Arguments>("completions"),
        of::<man::Arguments>("man"),
        of::<schema::Arguments>("schema"),
    ];
    Clap::new("lab")
        .version("0")
        .subcommand_required(true)
        .subcommands(commands)
}

/// What programs of this project there are to run.
struct Known {
    folder: PathBuf,
    justfile: String,
    binaries: Vec<String>,
}

impl Known {
    fn read() -> Result<Known> {
        let folder = checkout::find()?;
        let mut binaries: Vec<String> = ["lab", "xtask", "wrong-server"].map(str::to_owned).to_vec();
        binaries.extend(steps::all()?.iter().map(|step| step.binary().to_owned()));
        let justfile = std::fs::read_to_string(folder.join("justfile"))?;
        Ok(Known {
            folder,
            justfile,
            binaries,
        })
    }

    /// Why nobody can type this, if nobody can. `whole` is a command to type, and not the name of one within a sentence.
    fn wrong(&self, words: &[String], whole: bool) -> Option<String> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let start = words
            .iter()
            .position(|word| !word.contains('=') && *word != "time" && *word != "sudo" && *word != "do");
        match words[start.unwrap_or(words.len())..] {
            ["lab", ref arguments @ ..] => parsed(lab(), arguments, whole),
            ["cargo", "run", ref rest @ ..] => {
                let name = rest.iter().position(|word| *word == "--bin" || *word == "--package")? + 1;
                let name = rest.get(name).copied().unwrap_or_default();
                let arguments = rest
                    .iter()
                    .position(|word| *word == "--")
                    .map_or(&[][..], |at| &rest[at + 1..]);
                self.program(name, arguments, whole)
            }
            ["cargo", "xtask", ref arguments @ ..] => self.program("xtask", arguments, whole),
            ["cargo", "test" | "bench", ref rest @ ..] => {
                let package = rest.get(rest.iter().position(|word| *word == "-p")? + 1)?;
                let folder = package.trim_start_matches("tcp-");
                let is_there = self.folder.join("crates").join(folder).join("Cargo.toml").exists();
                (!is_there).then(|| format!("there is no package {package}"))
            }
            ["just", recipe, ref arguments @ ..] => match self.recipe(recipe, arguments) {
                Some(line) => split(&line).iter().find_map(|words| self.wrong(words, whole)),
                None => Some(format!("the justfile has no recipe {recipe}")),
            },
            [program, ..] if program.starts_with(".ci/") => {
                (!self.folder.join(program).exists()).then(|| format!("there is no {program}"))
            }
            [program, ..] if program.starts_with("target/debug/") => {
                let name = &program["target/debug/".len()..];
                (!name.starts_with("my-") && !self.binaries.iter().any(|known| known == name))
                    .then(|| format!("nothing is built as {program}"))
            }
            _ => None,
        }
    }

    fn program(&self, name: &str, arguments: &[&str], whole: bool) -> Option<String> {
        match name {
            "lab" => parsed(lab(), arguments, whole),
            "xtask" => {
                let name = arguments.first().copied().unwrap_or("help");
                let output = Command::new(built("xtask")).args([name, "--help"]).output();
                (!output.is_ok_and(|output| output.status.success())).then(|| format!("xtask has no {name}"))
            }
            name if name == "stepN" || self.binaries.iter().any(|known| known == name) => None,
            name => Some(format!("there is no program {name}")),
        }
    }

    /// What a recipe of the justfile runs.
    fn recipe(&self, name: &str, arguments: &[&str]) -> Option<String> {
        let mut lines = self.justfile.lines();
        let head = lines.find(|line| {
            let head = line.split(':').next().unwrap_or_default();
            !line.starts_with([' ', '#', '[']) && head.split(' ').next() == Some(name)
        })?;
        let quoted = |words: &[&str]| {
            words
                .iter()
                .map(|word| format!("'{word}'"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        let mut body = lines.next()?.trim().replace("\"$@\"", &quoted(arguments));
        let head = head.split(':').next().unwrap_or_default();
        let mut arguments = arguments.iter();
        for parameter in head.split(' ').skip(1) {
            let value = match parameter.strip_prefix('*') {
                Some(_) => quoted(arguments.by_ref().as_slice()),
                None => arguments.next().copied().unwrap_or_default().to_owned(),
            };
            body = body.replace(&format!("{{{{{}}}}}", parameter.trim_start_matches('*')), &value);
        }
        Some(body)
    }
}

/// Why these words are none for a command line, if they are none.
fn parsed(command: Clap, arguments: &[&str], whole: bool) -> Option<String> {
    let error = command.try_get_matches_from([&["lab"], arguments].concat()).err()?;
    let is_name = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
    let fine = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => true,
        // A sentence that names an option names no server with it, and stands for any value by a word in capitals.
        ErrorKind::MissingRequiredArgument | ErrorKind::MissingSubcommand => !whole,
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => !whole && arguments.iter().any(|word| is_name(word)),
        _ => false,
    };
    (!fine).then(|| error.to_string())
}

/// Every command of every page is one that its program understands.
fn each_command_of_a_page_is_understood() -> Result<()> {
    let known = Known::read()?;
    let (mut wrong, mut seen) = (String::new(), 0);
    for page in pages::all()? {
        for typed in typed(&page.text) {
            for words in split(&typed.line) {
                seen += 1;
                if let Some(why) = known.wrong(&words, typed.in_block) {
                    wrong += &format!("{}: {}\n  {why}\n", page.path.display(), typed.line);
                }
            }
        }
    }
    ensure!(seen > 500, "only {seen} commands were found");
    ensure!(wrong.is_empty(), "{wrong}");
    Ok(())
}

/// The two columns of the README's table do the same.
fn a_recipe_does_what_the_table_says() -> Result<()> {
    let known = Known::read()?;
    let readme = std::fs::read_to_string(known.folder.join("README.md"))?;
    let mut rows = 0;
    for line in readme.lines().filter(|line| line.starts_with("| `just ")) {
        let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
        let words = &split(cells[1])[0];
        let arguments: Vec<&str> = words[2..].iter().map(String::as_str).collect();
        let line = known
            .recipe(&words[1], &arguments)
            .with_context(|| format!("no recipe: {}", cells[1]))?;
        let mut does = split(&line).remove(0);
        let last = does.len() - 1;
        does.truncate(if does[last] == "--" { last } else { last + 1 });
        assert_eq!(does, split(cells[2])[0], "{}", cells[1]);
        rows += 1;
    }
    ensure!(rows > 10, "only {rows} rows");
    Ok(())
}

/// What is not run, and why. A word that a line contains.
const NOT_RUN: [(&str, &str); 18] = [
    ("my-", "a server of the reader's"),
    ("lab live", "opens a page that waits for a browser"),
    ("lab shell", "waits for somebody at its keyboard"),
    ("lab wireshark", "opens a window"),
    ("lab learn\n", "waits for somebody at its keyboard"),
    ("learn solution", "waits for the exercise to be solved"),
    ("learn report", "takes what a learner has done"),
    ("learn class", "takes the reports of learners"),
    ("ANSWER", "stands for an answer"),
    ("lab grade", "takes a sheet that somebody has filled in"),
    (
        "quiz",
        "may build its servers first, for minutes; the tests of the course make such sheets",
    ),
    ("before-*", "captures of the reader's"),
    ("capture.pcap", "a capture of the reader's"),
    ("tshark", "takes tshark; `.ci/run asked` has tests with it"),
    ("check --rough step3\n", "takes minutes; `.ci/rough` runs it"),
    ("trace step8 --cut", "waits for the 20 seconds of step 8"),
    ("redis-server", "takes Redis; `.ci/servers` runs it"),
    ("smtpd", "takes a Python up to 3.11"),
];

/// What is run, and not compared with what the page shows, and why. A word that a line contains.
const NOT_COMPARED: [(&str, &str); 2] = [
    (
        "doctor --format json",
        "says what this machine has, and the page what it lacks",
    ),
    (
        "--clients 5",
        "names where most of the time went, which differs from run to run",
    ),
];

/// The commands of `lab` that are quick and harmless do what their page shows, numbers apart.
fn each_quick_command_of_a_page_does_what_it_says() -> Result<()> {
    let checkout = checkout::find()?;
    let (mut wrong, mut used, mut runs) = (Vec::new(), [false; NOT_RUN.len()], 0);
    for page in pages::all()? {
        let folder = checkout.join(format!("target/commands-of-pages-{}", std::process::id()));
        let folder = Folder::new(folder, &checkout)?;
        // The rows of this page have a command each.
        let has_rows = page.path.ends_with("linux-tcp.md");
        for typed in &typed(&page.text) {
            let line = format!("{}\n", typed.line);
            let spelled = line
                .replace("cargo run -q --bin lab --", "lab")
                .replace("cargo run --bin lab --", "lab");
            let starts = |words: &[&str]| words.iter().any(|word| spelled.starts_with(word));
            let stands_for_one = |word: &str| word.len() > 1 && word.chars().all(|c| c.is_ascii_uppercase());
            let is_ours = match typed.in_block {
                true => starts(&["lab ", "printf ", ".ci/run --list"]),
                false if has_rows => starts(&["lab "]),
                // Of what sentences name, these are whole commands and quick.
                false => starts(&["lab show ", "lab explain "]) && !spelled.split_whitespace().any(stands_for_one),
            };
            let excuse = NOT_RUN.iter().position(|(word, _)| spelled.contains(word));
            match excuse {
                Some(at) => used[at] |= is_ours,
                None if is_ours => {
                    runs += 1;
                    let ran = testing::in_time(&typed.line, || run(&folder.0, typed));
                    wrong.extend(ran.err().map(|error| error.context(page.path.display().to_string())));
                }
                None => {}
            }
        }
    }
    let idle = NOT_RUN
        .iter()
        .zip(used)
        .filter(|(_, used)| !used)
        .map(|(excuse, _)| excuse.0);
    let idle: Vec<&str> = idle.collect();
    let all: Vec<String> = wrong.iter().map(|error| format!("{error:#}")).collect();
    wrong
        .into_iter()
        .next()
        .map_or(Ok(()), |first| Err(first.context(all.join("\n\n"))))?;
    ensure!(idle.is_empty(), "no page has a command with {idle:?}");
    ensure!(runs > 30, "only {runs} were run");
    Ok(())
}

/// A folder to type in, below the checkout, with what the pages name at hand. Goes away with this.
struct Folder(PathBuf);

impl Folder {
    fn new(path: PathBuf, checkout: &Path) -> Result<Folder> {
        std::fs::create_dir_all(&path)?;
        let link = |from: &Path, name| std::os::unix::fs::symlink(from, path.join(name));
        link(&checkout.join("captures"), "captures")?;
        link(&checkout.join(".ci"), ".ci")?;
        link(Path::new(built("wrong-server")), "wrong")?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left of it is in the target folder, and in nobody's way.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Types a line as it stands, with the programs that are built in place of cargo.
fn run(folder: &Path, typed: &Typed) -> Result<()> {
    const CARGO: &str = "cargo() { while [ \"$1\" != -- ]; do shift; done; shift; lab \"$@\"; }\n";
    let programs = Path::new(built("lab")).parent().context("it stands in a folder")?;
    let output = Command::new("timeout")
        .args(["300", "bash", "-c", &format!("{CARGO}{}", typed.line)])
        .current_dir(folder)
        .env(
            "PATH",
            format!(
                "{}:{}:{}",
                programs.display(),
                folder.display(),
                std::env::var("PATH").unwrap_or_default()
            ),
        )
        .env("LAB_EXERCISES", folder.join("exercises"))
        .env_remove("RUST_LOG")
        .stdin(Stdio::null())
        .output()?;
    let judges = ["check", "doctor"].iter().any(|word| typed.line.contains(word));
    let out = String::from_utf8_lossy(&output.stdout);
    let said = format!("{out}{}", String::from_utf8_lossy(&output.stderr));
    match output.status.code() {
        Some(0) => {}
        Some(1) if judges => {}
        _ => bail!("{}\n{}\n{said}", typed.line, output.status),
    }
    if NOT_COMPARED.iter().any(|(word, _)| typed.line.contains(word)) {
        return Ok(());
    }
    // The doctor says the same names everywhere, and what stands behind them is so of a machine.
    let masked = |line: &str| match typed.line.contains("doctor") {
        true => line.split("  ").next().unwrap_or_default().to_owned(),
        false => masked(line),
    };
    let printed: Vec<String> = out.lines().map(masked).collect();
    for shown in typed
        .shown
        .iter()
        .filter(|line| !line.trim().is_empty() && line.trim() != "...")
    {
        // A run may say more than the capture that the page was made of, such as for how long it was quiet at its end.
        let wanted = masked(shown);
        let is_it = |line: &String| line.starts_with(wanted.trim_end_matches("...").trim_end());
        ensure!(
            printed.iter().any(is_it),
            "{}\nthe page shows, and it does not print\n{shown}\nbut\n{said}",
            typed.line
        );
    }
    Ok(())
}

/// A line without what differs from run to run, and what there is less of where there is less room: numbers, how wide
/// something is drawn, what is said of a call in brackets, and of data in quotes.
fn masked(line: &str) -> String {
    let (mut made, mut depth, mut quoted) = (String::new(), 0, false);
    for letter in line.trim().chars() {
        quoted ^= letter == '"';
        match letter {
            '"' | '`' => {}
            _ if quoted => {}
            '(' => depth += 1,
            ')' => depth = (depth - 1).max(0),
            _ if depth > 0 => {}
            '0'..='9' => made.push('0'),
            '.' if made.ends_with('0') => {}
            '─' => made.push(' '),
            letter => made.push(letter),
        }
    }
    let mut words: Vec<&str> = Vec::new();
    for word in made.split_whitespace() {
        let word = if word.trim_matches(['0', ',']).is_empty() {
            "0"
        } else {
            word
        };
        match words.last() {
            Some(&"seq" | &"ack") if word == "0" => drop(words.pop()),
            _ => words.push(word),
        }
    }
    words.join(" ")
}

/// What is no command is found, and what looks like one is read as a shell reads it.
fn a_command_that_nobody_can_type_is_found() -> Result<()> {
    let known = Known::read()?;
    let wrong = |line: &str| split(line).iter().find_map(|words| known.wrong(words, true));
    for line in [
        "cargo run --bin lab -- trace --no-such step1",
        "cargo run --bin lab -- show",
        "lab steps extra",
        "cargo run --bin step99",
        "cargo xtask no-such",
        "cargo test -p no-such",
        "just no-such",
        ".ci/no-such",
        "just show step1 && lab nothing | cat",
        "RUST_LOG=warn target/debug/step99",
    ] {
        ensure!(wrong(line).is_some(), "{line}");
    }
    let right = "time lab trace --send \"$(printf 'x%.0s' $(seq 9))\\n\" --lose 'server data 1' -- a --no-such";
    ensure!(wrong(right).is_none(), "{:?}", wrong(right));
    let words = split("a 'b c'\"d\" \\'e # f");
    assert_eq!(words, [["a", "b cd", "'e"]]);
    let page = "    lab steps\n\n```text\nstep0\n```\n\n    $ a \\\n      b\n    c\n\n```rust\nlab x\n```\n`lab y`\n";
    let typed: Vec<_> = typed(page).into_iter().map(|typed| (typed.line, typed.shown)).collect();
    let expected = [("lab steps", vec!["step0"]), ("a b", vec!["c"]), ("lab y", vec![])];
    let expected =
        expected.map(|(line, shown)| (line.to_owned(), shown.iter().map(|line| (*line).to_owned()).collect()));
    assert_eq!(typed, expected);
    Ok(())
}

harness::tests! {
    each_command_of_a_page_is_understood needs [];
    a_recipe_does_what_the_table_says needs [];
    a_command_that_nobody_can_type_is_found needs [];
    each_quick_command_of_a_page_does_what_it_says needs [Wire, Program("python3"), Request("runs some fifty commands of the pages")];
}
