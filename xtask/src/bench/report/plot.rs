//! The plot: for each row Perigee as a bar and its peers as dots, as ratios to the best peer. Its colours
//! are those of the page, light or dark.

use crate::bench::{peers::Peer, results::Results, rows::ROWS};

const LEFT: f64 = 330.0;
const WIDTH: f64 = 560.0;
const HEIGHT: f64 = 30.0;
const TOP: f64 = 56.0;
/// The ratio at the right edge.
const MOST: f64 = 2.5;
/// Peers that have a colour of their own.
const COLOURS: [(&str, &str); 5] = [
    ("nginx", "#2e9e5b"),
    ("HAProxy", "#d1762b"),
    ("Varnish", "#8a63d2"),
    ("ATS", "#c2405a"),
    ("Squid", "#8a8a8a"),
];

/// As SVG.
pub(super) fn draw(results: &Results) -> String {
    let rows: Vec<_> = ROWS
        .iter()
        .filter_map(|row| Some((row, results.rows.get(row.key)?)))
        .collect();
    let height = TOP + HEIGHT * rows.len() as f64 + 34.0;
    let width = LEFT + WIDTH + 60.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"system-ui, sans-serif\" font-size=\"13\">\n<style>\n\
         text {{ fill: #24292f; }} .axis {{ stroke: #d0d7de; }} .one {{ stroke: #57606a; }}\n\
         .ours {{ fill: #2f6fde; }} .reach {{ stroke: #24292f; }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3; }} .axis {{ stroke: #30363d; }}\n\
         .one {{ stroke: #8b949e; }} .ours {{ fill: #4c8dff; }} .reach {{ stroke: #e6edf3; }} }}\n</style>\n"
    );
    svg += &legend();
    let bottom = TOP + HEIGHT * rows.len() as f64;
    for tenth in (0..=25).step_by(5) {
        let (x, class) = (
            place(f64::from(tenth) / 10.0),
            if tenth == 10 { "one" } else { "axis" },
        );
        svg += &format!(
            "<line class=\"{class}\" x1=\"{x}\" x2=\"{x}\" y1=\"{TOP}\" y2=\"{bottom}\"/>\n"
        );
        let (whole, part) = (tenth / 10, tenth % 10);
        svg += &text(x, bottom + 18.0, "middle", &format!("{whole}.{part}"));
    }
    for (number, (row, measured)) in rows.iter().enumerate() {
        let middle = TOP + HEIGHT * (number as f64 + 0.5);
        svg += &text(LEFT - 10.0, middle + 4.0, "end", row.title);
        let Some((_, best)) = measured.best_rival() else {
            continue;
        };
        if let Some(ours) = measured.median("Perigee") {
            let (end, y) = (place(ours / best), middle - 8.0);
            let long = end - LEFT;
            svg += &format!(
                "<rect class=\"ours\" x=\"{LEFT}\" y=\"{y}\" width=\"{long:.1}\" height=\"16\" rx=\"2\"/>\n"
            );
            svg += &text(
                LEFT + WIDTH + 8.0,
                middle + 4.0,
                "start",
                &format!("{:.2}", ours / best),
            );
        }
        for name in measured.rounds.keys().filter(|name| Peer::is_rival(name)) {
            let ratio = measured.median(name).unwrap_or_default() / best;
            svg += &dot(place(ratio), middle, colour(name));
        }
        if let Some(reach) = row.reach {
            let (x, from, to) = (place(reach), middle - 12.0, middle + 12.0);
            svg += &format!(
                "<line class=\"reach\" stroke-width=\"2\" stroke-dasharray=\"3 2\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{from}\" y2=\"{to}\"/>\n"
            );
        }
    }
    svg + "</svg>\n"
}

fn legend() -> String {
    let title = "Work for each CPU second of the server; the best peer is 1";
    let mut svg = text(10.0, 20.0, "start", title);
    let mut x = LEFT;
    svg +=
        &format!("<rect class=\"ours\" x=\"{x}\" y=\"32\" width=\"22\" height=\"12\" rx=\"2\"/>\n");
    svg += &text(x + 28.0, 43.0, "start", "Perigee");
    x += 96.0;
    for (name, colour) in COLOURS {
        svg += &dot(x, 38.0, colour);
        svg += &text(x + 10.0, 43.0, "start", name);
        x += 34.0 + 8.0 * name.len() as f64;
    }
    svg += &format!(
        "<line class=\"reach\" stroke-width=\"2\" stroke-dasharray=\"3 2\" x1=\"{x}\" x2=\"{x}\" y1=\"29\" y2=\"47\"/>\n"
    );
    svg + &text(x + 8.0, 43.0, "start", "to be reached")
}

fn dot(x: f64, y: f64, colour: &str) -> String {
    format!("<circle cx=\"{x:.1}\" cy=\"{y}\" r=\"5\" fill=\"{colour}\" stroke=\"#fff\"/>\n")
}

fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y}\" text-anchor=\"{anchor}\">{text}</text>\n")
}

/// Where a ratio is.
fn place(ratio: f64) -> f64 {
    LEFT + WIDTH * (ratio / MOST).min(1.0)
}

fn colour(name: &str) -> &'static str {
    let found = COLOURS.iter().find(|(known, _)| *known == name);
    found.map_or("#8a8a8a", |(_, colour)| colour)
}
