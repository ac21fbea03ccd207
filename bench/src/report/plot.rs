//! A figure as a bar chart: one bar a server, with its median and spread.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::{
    BLACK, ChartBuilder, Color, IntoDrawingArea, IntoSegmentedCoord, PathElement, RGBColor,
    Rectangle, SVGBackend, SegmentValue, Text, WHITE,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{IntoFont, TextStyle};

use crate::figure::Figure;

/// Writes the figure as SVG.
///
/// # Errors
///
/// The file cannot be written.
pub fn write(figure: &Figure, directory: &Path) -> Result<()> {
    let path = directory.join(format!("{}.svg", figure.name));
    draw(figure, &path).map_err(|error| anyhow!("cannot draw {}: {error}", path.display()))
}

const OURS: RGBColor = RGBColor(0x1f, 0x77, 0xb4);
const OTHERS: RGBColor = RGBColor(0x9a, 0xa5, 0xb1);

fn draw(figure: &Figure, path: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let bars: Vec<_> = figure
        .series
        .iter()
        .filter_map(|series| Some((series.name.as_str(), series.values()?)))
        .collect();
    let greatest = bars.iter().map(|(_, spread)| spread.max).fold(0.0, f64::max);
    let area = SVGBackend::new(path, (640, 360)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(&figure.title, ("sans-serif", 20))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(70)
        .build_cartesian_2d((0..bars.len().max(1) - 1).into_segmented(), 0.0..greatest * 1.15)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .y_desc(format!("{}, less is better", figure.unit))
        .x_labels(bars.len())
        .x_label_formatter(&|segment| match segment {
            SegmentValue::CenterOf(bar) => {
                bars.get(*bar).map_or(String::new(), |(n, _)| (*n).into())
            }
            _ => String::new(),
        })
        .draw()?;
    let label =
        TextStyle::from(("sans-serif", 15).into_font()).pos(Pos::new(HPos::Center, VPos::Bottom));
    for (number, (name, spread)) in bars.iter().enumerate() {
        let color = if name.starts_with("ours") { OURS } else { OTHERS };
        let (left, right) = (SegmentValue::Exact(number), SegmentValue::Exact(number + 1));
        let mut bar = Rectangle::new([(left, 0.0), (right, spread.median)], color.filled());
        bar.set_margin(0, 0, 25, 25);
        let center = SegmentValue::CenterOf(number);
        let range = [(center.clone(), spread.min), (center.clone(), spread.max)];
        chart.draw_series([bar])?;
        chart.draw_series([PathElement::new(range, BLACK.stroke_width(2))])?;
        let text = format!("{:.1}", spread.median);
        chart.draw_series([Text::new(text, (center, spread.max), label.clone())])?;
    }
    area.present()?;
    Ok(())
}

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
