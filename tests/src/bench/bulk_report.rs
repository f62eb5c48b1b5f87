//! What many certificates took, as Markdown and as a drawing of the requests in each second.

use std::fmt::Write as _;

use super::bulk::{Bulk, ZONES};

/// A table, and a second one of where the processors' time went.
pub fn markdown(all: &[Bulk]) -> String {
    let mut text = format!(
        "### Many certificates by one `acmite apply`\n\nOne name each, over {ZONES} zones, one account, one provider.\n\n\
         | certificates | at once | wall | certificates a second | acmite's peak RSS | ACME requests, each | provider \
         calls, each | most ACME requests in a second |\n|--:|--:|--:|--:|--:|--:|--:|--:|\n"
    );
    for bulk in all {
        let _ = writeln!(
            text,
            "| {} | {} | {:.2} s | {:.1} | {:.1} MB | {:.1} | {:.1} | {} |",
            bulk.certificates,
            bulk.at_once,
            bulk.run.wall.as_secs_f64(),
            bulk.rate(),
            bulk.run.peak_bytes as f64 / 1e6,
            bulk.each(bulk.run.counts.acme as f64),
            bulk.each(bulk.run.counts.provider as f64),
            bulk.by_second.iter().max().copied().unwrap_or_default(),
        );
    }
    text.push_str(
        "\nThe processors' time for each certificate, and how much of the processors all three together kept busy:\n\n\
         | certificates | at once | wall | acmite | Pebble | PowerDNS | busy |\n|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for bulk in all {
        let each = |time: std::time::Duration| bulk.each(time.as_secs_f64() * 1000.0);
        let _ = writeln!(
            text,
            "| {} | {} | {:.1} ms | {:.1} ms | {:.1} ms | {:.1} ms | {:.0} % |",
            bulk.certificates,
            bulk.at_once,
            each(bulk.run.wall),
            each(bulk.run.cpu),
            each(bulk.ca_cpu),
            each(bulk.dns_cpu),
            busy(bulk) * 100.0,
        );
    }
    text
}

/// Of all processors of the machine, from 0 to 1.
fn busy(bulk: &Bulk) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from) as f64;
    (bulk.run.cpu + bulk.ca_cpu + bulk.dns_cpu).as_secs_f64() / (bulk.run.wall.as_secs_f64() * cores)
}

/// A column for each second of the run with the most certificates.
pub fn svg(all: &[Bulk]) -> String {
    let Some(bulk) = all.iter().max_by_key(|bulk| bulk.certificates) else { return String::new() };
    let (seconds, most) = (bulk.by_second.len().max(1), bulk.by_second.iter().max().copied().unwrap_or(1).max(1));
    let column = (WIDTH - 2.0 * MARGIN) / seconds as f64;
    let mut body = format!(
        "<text x=\"{MARGIN}\" y=\"14\">ACME requests in each of {seconds} seconds, {} certificates, {} at once; at \
         most {most}</text>\n",
        bulk.certificates, bulk.at_once
    );
    for (second, count) in bulk.by_second.iter().enumerate() {
        let height = f64::from(*count) / f64::from(most) * HEIGHT;
        let (x, y, width) = (MARGIN + second as f64 * column, TOP + HEIGHT - height, (column - 1.0).max(0.5));
        let _ = writeln!(
            body,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"#2a6f97\"/>"
        );
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n",
        TOP + HEIGHT + MARGIN
    )
}

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 12.0;
const TOP: f64 = 24.0;
const HEIGHT: f64 = 120.0;

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::measure::{Counts, Run};
    use super::*;

    #[test]
    fn a_table_holds_what_one_certificate_cost_and_a_drawing_each_second() {
        let counts = Counts { acme: 140, provider: 40, dns: None };
        let run = Run { wall: Duration::from_secs(2), cpu: Duration::from_millis(150), peak_bytes: 21_000_000, counts };
        let (ca_cpu, dns_cpu, by_second) = (Duration::from_millis(300), Duration::from_millis(50), vec![90, 50]);
        let all = [Bulk { certificates: 10, at_once: 4, run, ca_cpu, dns_cpu, by_second }];
        let text = markdown(&all);
        assert!(text.contains("| 10 | 4 | 2.00 s | 5.0 | 21.0 MB | 14.0 | 4.0 | 90 |"), "{text}");
        assert!(text.contains("| 10 | 4 | 200.0 ms | 15.0 ms | 30.0 ms | 5.0 ms | "), "{text}");
        assert_eq!(svg(&all).matches("fill=\"#2a6f97\"").count(), 2);
    }
}
