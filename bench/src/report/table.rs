//! Figures as text.

use std::fmt::Write;

use crate::figure::{Figure, Sample, Series};
use crate::load::exchange::Exchange;

/// The figure as a Markdown table, which is readable as plain text too.
pub fn of(figure: &Figure) -> String {
    let mut text = format!("\n{} ({})\n\n", figure.title, figure.unit);
    let first = figure.series.first().map_or("first", |series| series.name.as_str());
    text.push_str(&format!(
        "| server | median | least-greatest | {first} / it | per second | p50 us | p99 us | p99.9 us |\n"
    ));
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for series in &figure.series {
        text.push_str(&row(figure, series).unwrap_or_default());
    }
    text.push('\n');
    text + &work_of(figure)
}

fn row(figure: &Figure, series: &Series) -> Option<String> {
    let values = series.values()?;
    let first = figure.series.first()?;
    let ratio = match figure.ratio(&first.name, &series.name) {
        Some(ratio) if first.name != series.name => {
            format!("{:.2} ({:.2}-{:.2})", ratio.median, ratio.min, ratio.max)
        }
        _ => "-".to_owned(),
    };
    let latency = |quantile: fn(&crate::load::window::Latency) -> f64| {
        optional(series, |sample| sample.latency.as_ref().map(quantile))
    };
    Some(format!(
        "| {} | {:.1} | {:.1}-{:.1} | {ratio} | {} | {} | {} | {} |\n",
        series.name,
        values.median,
        values.min,
        values.max,
        optional(series, |sample| sample.per_second),
        latency(|latency| latency.p50),
        latency(|latency| latency.p99),
        latency(|latency| latency.p999),
    ))
}

fn optional(series: &Series, quantity: impl Fn(&Sample) -> Option<f64>) -> String {
    series.median(quantity).map_or_else(|| "-".to_owned(), |number| format!("{number:.0}"))
}

/// What was negotiated and answered, so that a reader sees that all did the same: one line for
/// the servers that did exactly the same.
fn work_of(figure: &Figure) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for series in &figure.series {
        let Some(work) = series.exchange.as_ref().and_then(describe) else { continue };
        match lines.iter_mut().find(|(line, _)| *line == work) {
            Some((_, names)) => names.push(&series.name),
            None => lines.push((work, vec![&series.name])),
        }
    }
    lines.iter().map(|(work, names)| format!("{}: {work}\n", names.join("; "))).collect()
}

fn describe(exchange: &Exchange) -> Option<String> {
    let mut text = format!(
        "status {}, body of {} bytes, {} header fields",
        exchange.status, exchange.body_bytes, exchange.header_fields
    );
    if let Some(tls) = &exchange.negotiated {
        write!(text, ", {} {} {}", tls.version, tls.cipher_suite, tls.key_exchange).ok()?;
        write!(text, " {}", tls.alpn).ok()?;
    }
    Some(text)
}
