//! The numbers as Markdown, JSON and a drawing.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};

use super::measure::{Series, ms};

/// One scenario with all that took part.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// As it is chosen by.
    pub id: &'static str,
    /// What is done.
    pub title: String,
    /// The one all others are compared with stands first.
    pub series: Vec<Series>,
    /// What the numbers do not say.
    pub notes: Vec<String>,
}

/// All tables below each other.
pub fn markdown(scenarios: &[Scenario]) -> String {
    scenarios.iter().map(table).collect()
}

fn table(scenario: &Scenario) -> String {
    let mut text = format!("### {}\n\n", scenario.title);
    text.push_str(
        "| client | runs | wall, median (range) | CPU | peak RSS | ACME requests | provider calls | DNS queries | ",
    );
    let _ = writeln!(text, "{} to it |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|", first(scenario));
    for series in &scenario.series {
        text.push_str(&row(series, scenario.series.first()));
    }
    for note in &scenario.notes {
        let _ = writeln!(text, "\n{note}");
    }
    text.push('\n');
    text
}

fn first(scenario: &Scenario) -> &'static str {
    scenario.series.first().map_or("", |series| series.client)
}

fn row(series: &Series, first: Option<&Series>) -> String {
    let (least, most) = series.range();
    let counts = series.counts();
    let count = |number: u64| if number == 0 { "-".to_owned() } else { number.to_string() };
    let ratio = first.map_or(1.0, |first| first.wall().as_secs_f64() / series.wall().as_secs_f64().max(f64::EPSILON));
    format!(
        "| {} | {} | {} ({}–{}) | {} | {:.1} MB | {} | {} | {} | {ratio:.2} |\n",
        series.client,
        series.runs.len(),
        shown(series.wall()),
        shown(least),
        shown(most),
        shown(series.cpu()),
        series.peak_bytes() as f64 / 1e6,
        count(counts.acme),
        count(counts.provider),
        counts.dns.map_or_else(|| "-".to_owned(), count),
    )
}

fn shown(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 1.0 => format!("{:.0} ms", ms(duration)),
        seconds => format!("{seconds:.2} s"),
    }
}

/// For machines.
pub fn json(scenarios: &[Scenario], conditions: &str) -> Value {
    let one = |scenario: &Scenario| {
        let series: Vec<Value> = scenario.series.iter().map(Series::json).collect();
        json!({"id": scenario.id, "title": scenario.title, "series": series, "notes": scenario.notes})
    };
    json!({"conditions": conditions, "scenarios": scenarios.iter().map(one).collect::<Vec<_>>()})
}

/// A bar for each client, those of one scenario in proportion to each other.
pub fn svg(scenarios: &[Scenario]) -> String {
    let (mut body, mut y) = (String::new(), MARGIN);
    for scenario in scenarios {
        let _ =
            writeln!(body, "<text x=\"8\" y=\"{}\" font-weight=\"bold\">{}</text>", y + 13, escaped(&scenario.title));
        y += LINE;
        let longest = scenario.series.iter().map(Series::wall).max().unwrap_or_default().as_secs_f64();
        for series in &scenario.series {
            body.push_str(&bar(series, longest, y));
            y += LINE;
        }
        y += MARGIN;
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

fn bar(series: &Series, longest: f64, y: u32) -> String {
    let share = series.wall().as_secs_f64() / longest.max(f64::EPSILON);
    let width = (share * f64::from(WIDTH - LABEL - VALUE)).max(1.0);
    let fill = if series.client.starts_with("acmite") { "#2a6f97" } else { "#a9b4c2" };
    let (label, end) = (escaped(series.client), f64::from(LABEL) + width + 6.0);
    format!(
        "<text x=\"16\" y=\"{}\">{label}</text><rect x=\"{LABEL}\" y=\"{y}\" width=\"{width:.0}\" height=\"14\" \
         fill=\"{fill}\"/><text x=\"{end:.0}\" y=\"{}\">{}</text>\n",
        y + 12,
        y + 12,
        shown(series.wall())
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

const WIDTH: u32 = 760;
const LABEL: u32 = 150;
const VALUE: u32 = 80;
const LINE: u32 = 20;
const MARGIN: u32 = 12;

#[cfg(test)]
mod tests {
    use super::super::measure::{Counts, Run};
    use super::*;

    fn series(client: &'static str, wall_ms: u64) -> Series {
        let (wall, cpu) = (Duration::from_millis(wall_ms), Duration::from_millis(7));
        let counts = Counts { acme: 21, provider: 4, dns: None };
        Series { client, runs: vec![Run { wall, cpu, peak_bytes: 12_300_000, counts }] }
    }

    #[test]
    fn a_row_holds_the_times_the_counts_and_how_the_first_compares() {
        let series = vec![series("acmite", 150), series("other & co", 1500)];
        let scenario = Scenario { id: "x", title: "Something".to_owned(), series, notes: vec!["Why.".to_owned()] };
        let text = table(&scenario);
        assert!(
            text.contains("| acmite | 1 | 150 ms (150 ms–150 ms) | 7 ms | 12.3 MB | 21 | 4 | - | 1.00 |"),
            "{text}"
        );
        assert!(text.contains("| other & co | 1 | 1.50 s"), "{text}");
        assert!(text.contains("| 0.10 |") && text.ends_with("Why.\n\n"), "{text}");
        assert!(svg(&[scenario]).contains("other &amp; co"));
    }
}
