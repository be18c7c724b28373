//! Colours, lines and type of the pictures.
//!
//! The colours are those of Okabe and Ito, which people of all kinds of sight tell apart. None carries a meaning
//! alone: a line has its width and its dashes, a state its hatching, a loss its cross.

use super::Theme;

/// So narrow is a telephone: the pictures have larger type and fewer words then.
const NARROW: u32 = 560;

/// What has a colour, in the order of a palette.
const NAMES: &str = "paper ink soft line client server held held-text open closing close-wait fold";

/// The colours of a theme.
type Palette = [&'static str; 12];

const LIGHT: Palette = [
    "#ffffff", "#1b1f24", "#4d555e", "#8c959f", "#0072b2", "#00805d", "#d55e00", "#a84a00", "#bfe3f7", "#f0d0e1",
    "#e69f00", "#f3f4f6",
];
const DARK: Palette = [
    "#0f1419", "#eef2f6", "#aab4be", "#6e7781", "#56b4e9", "#1fb98c", "#ee7733", "#ff9b57", "#1c5378", "#6d3e58",
    "#e69f00", "#1c232b",
];
const MONO: Palette = [
    "#ffffff", "#000000", "#000000", "#808080", "#000000", "#000000", "#000000", "#000000", "#e0e0e0", "#d0d0d0",
    "#a0a0a0", "#f4f4f4",
];

/// The style sheet of a picture.
pub(super) fn sheet(theme: Theme) -> String {
    let colours = match theme {
        Theme::Light => rules(&LIGHT),
        Theme::Dark => rules(&DARK),
        Theme::Mono => rules(&MONO),
        // Paper is white, so a print has the light colours even if the screen is dark.
        Theme::Auto => format!(
            "{}@media (prefers-color-scheme: dark) {{\n{}}}\n@media print {{\n{}}}\n",
            rules(&LIGHT),
            rules(&DARK),
            rules(&LIGHT)
        ),
    };
    format!("{SHAPES}{colours}@media (max-width: {NARROW}px) {{\n{NARROW_SHAPES}}}\n")
}

/// The colours that pages have in common with pictures.
pub(crate) fn variables() -> String {
    let [light, dark] = [LIGHT, DARK].map(|palette| {
        let named = NAMES.split(' ').zip(palette);
        named
            .map(|(name, colour)| format!("--p-{name}: {colour};"))
            .collect::<String>()
    });
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
"#;

const NARROW_SHAPES: &str = ".wide { display: none; }
.narrow { display: inline; }
text, .name { font-size: 20px; }
.title { font-size: 21px; }
.small { font-size: 17px; }
.sign { font-size: 16px; }
";

fn rules(palette: &Palette) -> String {
    let named = NAMES.split(' ').zip(palette);
    named.fold(RULES.to_owned(), |rules, (name, colour)| {
        rules.replace(&format!("[{name}]"), colour)
    })
}

/// What has which colour.
const RULES: &str = ".paper { fill: [paper]; }
text { fill: [ink]; }
.soft { fill: [soft]; }
.over { stroke: [paper]; }
.life, .cut, .grid { stroke: [line]; }
.fold { fill: [fold]; }
.client .way { stroke: [client]; }
.client .head { fill: [client]; }
.server .way { stroke: [server]; }
.server .head { fill: [server]; }
.call, .hatch { stroke: [ink]; }
.dot { fill: [ink]; }
.cross, .wait { stroke: [held]; }
.held { fill: [held]; }
.held-text { fill: [held-text]; }
.sign { fill: [paper]; }
.band { fill: [paper]; stroke: [line]; }
.band.open { fill: [open]; }
.band.closing { fill: [closing]; }
.band.close-wait { fill: [close-wait]; }
";
