//! A figure as a bar chart: one bar a server, with its median and spread.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::coord::ranged1d::SegmentedCoord;
use plotters::coord::types::{RangedCoordf64, RangedCoordusize};
use plotters::prelude::{
    BLACK, Cartesian2d, ChartBuilder, ChartContext, Color, IntoDrawingArea, IntoSegmentedCoord,
    PathElement, RGBColor, Rectangle, SVGBackend, SegmentValue, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoFont, TextStyle};

use crate::figure::Figure;
use crate::figure::spread::Spread;

/// Writes the figure as SVG.
///
/// # Errors
///
/// The file cannot be written.
pub fn write(figure: &Figure, directory: &Path) -> Result<()> {
    let path = directory.join(format!("{}.svg", figure.name));
    let bars = figure.series.iter().rev();
    let bars: Vec<_> = bars.filter_map(|bar| Some((bar.name.as_str(), bar.values()?))).collect();
    draw(figure, &bars, &path).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OTHERS: RGBColor = RGBColor(0x9a, 0xa5, 0xb1);
const WIDTH: u32 = 720;
const BAR_HEIGHT: u32 = 34;
const FRAME_HEIGHT: u32 = 110;

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw(figure: &Figure, bars: &[(&str, Spread)], path: &Path) -> Drawn {
    let count = u32::try_from(bars.len())?.max(1);
    let greatest = bars.iter().map(|(_, spread)| spread.max).fold(0.0, f64::max);
    let size = (WIDTH, FRAME_HEIGHT + BAR_HEIGHT * count);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(&figure.title, ("sans-serif", 19))
        .margin(10)
        .x_label_area_size(45)
        .y_label_area_size(160)
        .build_cartesian_2d(0.0..greatest * 1.15, (0..bars.len().max(1) - 1).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_desc(format!("{}, less is better", figure.unit))
        .label_style(("sans-serif", 14))
        .y_labels(bars.len() + 1)
        .y_label_formatter(&|segment| match segment {
            SegmentValue::CenterOf(bar) => {
                bars.get(*bar).map_or(String::new(), |(name, _)| (*name).into())
            }
            _ => String::new(),
        })
        .draw()?;
    for (number, (name, spread)) in bars.iter().enumerate() {
        draw_bar(&mut chart, number, (name, *spread))?;
    }
    area.present()?;
    Ok(())
}

type Chart<'a, 'b> =
    ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, SegmentedCoord<RangedCoordusize>>>;

/// A bar up to the median, a line from the least to the greatest value, and the median as text.
fn draw_bar(chart: &mut Chart<'_, '_>, number: usize, (name, spread): (&str, Spread)) -> Drawn {
    let is_ours = !OTHER_NAMES.iter().any(|other| name.starts_with(other));
    let color = if is_ours { OURS } else { OTHERS };
    let (below, above) = (SegmentValue::Exact(number), SegmentValue::Exact(number + 1));
    let mut bar = Rectangle::new([(0.0, below), (spread.median, above)], color.filled());
    bar.set_margin(6, 6, 0, 0);
    let center = SegmentValue::CenterOf(number);
    let range = [(spread.min, center.clone()), (spread.max, center.clone())];
    let label =
        TextStyle::from(("sans-serif", 14).into_font()).pos(Pos::new(HPos::Left, VPos::Center));
    let text = format!("  {:.1}", spread.median);
    chart.draw_series([bar])?;
    chart.draw_series([PathElement::new(range, BLACK.stroke_width(2))])?;
    chart.draw_series([Text::new(text, (spread.max, center), label)])?;
    Ok(())
}

/// The servers that are not ours, and the floor.
const OTHER_NAMES: &[&str] =
    &["TCP", "caddy", "envoy", "floor", "nginx", "rustls in memory", "traefik"];

#[cfg(test)]
mod tests {
    use crate::figure::{Figure, Sample, Series};

    #[test]
    fn each_series_is_drawn_with_its_median() {
        let directory = tempfile::tempdir().unwrap();
        let mut figure = Figure::new("handshakes", "Handshakes", "us");
        for (name, value) in [("ours", 12.5), ("nginx", 20.25)] {
            let samples = vec![Sample { value, ..Sample::default() }];
            figure.series.push(Series { exchange: None, name: name.into(), samples });
        }

        super::write(&figure, directory.path()).unwrap();

        let svg = std::fs::read_to_string(directory.path().join("handshakes.svg")).unwrap();
        for text in ["Handshakes", "ours", "nginx", "12.5", "20.2"] {
            assert!(svg.contains(text), "{text} is missing: {svg}");
        }
    }
}
