//! The pages say what the captures and sources say.

use anyhow::{Result, ensure};
use xtask::{frames, pages, pictures, schema};

/// Each page's generated parts are what the captures and sources give.
fn pages_have_not_drifted() -> Result<()> {
    for page in pages::all()? {
        let made = pages::generate(&page)?;
        let changes = pages::changes(&page.text, &made);
        assert!(
            changes.is_empty(),
            "{} has drifted; `just docs` writes it anew\n{changes}",
            page.path.display()
        );
    }
    Ok(())
}

/// Each picture is what its capture gives, and a page shows it with words for who cannot see it.
fn pictures_have_not_drifted_and_are_shown() -> Result<()> {
    let pages = pages::all()?;
    for (path, text) in pictures::all()? {
        let name = path.display();
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(old == text, "{name} has drifted; `just docs` draws it anew");
        let file = path.file_name().unwrap_or_default().to_string_lossy();
        let link = format!("images/{file})");
        let told = |text: &str| {
            let before = text.split(&link).next().filter(|before| before.len() < text.len());
            before
                .and_then(|before| Some(before.rsplit_once("![")?.1.len()))
                .is_some_and(|words| words > 40)
        };
        assert!(
            pages.iter().any(|page| told(&page.text)),
            "no page shows {name} and tells what it shows"
        );
    }
    Ok(())
}

/// The schema is that of what is written today.
fn the_schema_has_not_drifted() -> Result<()> {
    let (path, made) = schema::file()?;
    ensure!(
        std::fs::read_to_string(path)? == made,
        "the JSON Schema has drifted; `just docs` writes it anew"
    );
    Ok(())
}

/// A sentence that names a frame means the one that has this number in the committed capture.
fn frames_in_prose_are_those_of_the_captures() -> Result<()> {
    let mut wrong = String::new();
    for page in pages::all()? {
        for complaint in frames::check(&page.text)? {
            wrong += &format!("{}: {complaint}\n", page.path.display());
        }
    }
    ensure!(wrong.is_empty(), "{wrong}");
    Ok(())
}

harness::tests! {
    pages_have_not_drifted needs [];
    pictures_have_not_drifted_and_are_shown needs [];
    the_schema_has_not_drifted needs [];
    frames_in_prose_are_those_of_the_captures needs [];
}
