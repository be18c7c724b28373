//! Colours, lines and type of the pictures.
//!
//! The colours are those of Okabe and Ito, which people of all kinds of sight tell apart. None carries a meaning
//! alone: a line has its width and its dashes, a state its hatching, a loss its cross.

use super::Theme;

/// So narrow is a telephone: the pictures have larger type and fewer words then.
const NARROW: u32 = 560;

/// The colours of a theme.
struct Palette {
    paper: &'static str,
    ink: &'static str,
    soft: &'static str,
    line: &'static str,
    client: &'static str,
    server: &'static str,
    held: &'static str,
    held_text: &'static str,
    open: &'static str,
    closing: &'static str,
    close_wait: &'static str,
    fold: &'static str,
}

const LIGHT: Palette = Palette {
    paper: "#ffffff",
    ink: "#1b1f24",
    soft: "#4d555e",
    line: "#8c959f",
    client: "#0072b2",
    server: "#00805d",
    held: "#d55e00",
    held_text: "#a84a00",
    open: "#bfe3f7",
    closing: "#f0d0e1",
    close_wait: "#e69f00",
    fold: "#f3f4f6",
};

const DARK: Palette = Palette {
    paper: "#0f1419",
    ink: "#eef2f6",
    soft: "#aab4be",
    line: "#6e7781",
    client: "#56b4e9",
    server: "#1fb98c",
    held: "#ee7733",
    held_text: "#ff9b57",
    open: "#1c5378",
    closing: "#6d3e58",
    close_wait: "#e69f00",
    fold: "#1c232b",
};

const MONO: Palette = Palette {
    paper: "#ffffff",
    ink: "#000000",
    soft: "#000000",
    line: "#808080",
    client: "#000000",
    server: "#000000",
    held: "#000000",
    held_text: "#000000",
    open: "#e0e0e0",
    closing: "#d0d0d0",
    close_wait: "#a0a0a0",
    fold: "#f4f4f4",
};

/// The style sheet of a picture.
pub(super) fn sheet(theme: Theme) -> String {
    let colours = match theme {
        Theme::Light => LIGHT.rules(),
        Theme::Dark => DARK.rules(),
        Theme::Mono => MONO.rules(),
        // Paper is white, so a print has the light colours even if the screen is dark.
        Theme::Auto => format!(
            "{}@media (prefers-color-scheme: dark) {{\n{}}}\n@media print {{\n{}}}\n",
            LIGHT.rules(),
            DARK.rules(),
            LIGHT.rules()
        ),
    };
    format!("{SHAPES}{colours}@media (max-width: {NARROW}px) {{\n{NARROW_SHAPES}}}\n")
}

/// The colours that pages have in common with pictures.
pub(crate) fn variables() -> String {
    let (light, dark) = (LIGHT.variables(), DARK.variables());
    format!(
        ":root {{ {light} }}\n@media (prefers-color-scheme: dark) {{ :root:not([data-theme=\"light\"]) {{ {dark} }} }}\n\
         :root[data-theme=\"dark\"] {{ {dark} }}\n"
    )
}

/// What does not depend on colours. Sizes are units of the drawing: a diagram is 772 of them wide.
const SHAPES: &str = r#"text { font: 14px ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; }
.words { font-family: system-ui, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", "Liberation Sans", Arial, sans-serif; }
.name { font-size: 17px; font-weight: bold; }
.title { font-size: 18px; font-weight: bold; }
.strong { font-weight: bold; }
.narrow { display: none; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.over { paint-order: stroke; stroke-width: 5px; stroke-linejoin: round; }
.life { stroke-width: 1.5; }
.way { fill: none; stroke-width: 1.4; }
.data .way { stroke-width: 3; }
.again .way { stroke-dasharray: 9 4; }
.cross { fill: none; stroke-width: 3; }
.call { fill: none; stroke-width: 1.8; }
.wait { fill: none; stroke-width: 2.6; stroke-dasharray: 2 5; stroke-linecap: round; }
.band { stroke-width: 1; }
.band.unsure { stroke-dasharray: 3 2; }
.hatch { stroke-width: 1.6; }
.cut { fill: none; stroke-width: 1.5; }
.sign { font-size: 13px; font-weight: bold; text-anchor: middle; }
.grid { stroke-width: 1; stroke-dasharray: 1 4; }
.acked { fill: none; stroke-width: 2; }
.room { fill: none; stroke-width: 2; stroke-dasharray: 7 5; }
"#;

const NARROW_SHAPES: &str = ".wide { display: none; }
.narrow { display: inline; }
text, .name { font-size: 20px; }
.title { font-size: 21px; }
.small { font-size: 17px; }
.sign { font-size: 16px; }
";

impl Palette {
    fn variables(&self) -> String {
        let named = [
            ("client-line", self.client),
            ("server-line", self.server),
            ("held-line", self.held),
            ("held", self.held_text),
            ("open", self.open),
            ("closing", self.closing),
            ("close-wait", self.close_wait),
        ];
        named.map(|(name, colour)| format!("--{name}: {colour};")).join(" ")
    }

    fn rules(&self) -> String {
        let Palette {
            paper,
            ink,
            soft,
            line,
            client,
            server,
            held,
            held_text,
            open,
            closing,
            close_wait,
            fold,
        } = self;
        format!(
            ".paper {{ fill: {paper}; }}
text {{ fill: {ink}; }}
.soft {{ fill: {soft}; }}
.over {{ stroke: {paper}; }}
.life, .cut, .grid {{ stroke: {line}; }}
.fold {{ fill: {fold}; }}
.client .way {{ stroke: {client}; }}
.client .head {{ fill: {client}; }}
.server .way {{ stroke: {server}; }}
.server .head {{ fill: {server}; }}
.call, .hatch, .acked, .room {{ stroke: {ink}; }}
.dot {{ fill: {ink}; }}
.cross, .wait {{ stroke: {held}; }}
.held {{ fill: {held}; }}
.held-text {{ fill: {held_text}; }}
.sign {{ fill: {paper}; }}
.band {{ fill: {paper}; stroke: {line}; }}
.band.open {{ fill: {open}; }}
.band.closing {{ fill: {closing}; }}
.band.close-wait {{ fill: {close_wait}; }}
"
        )
    }
}
