//! Throughput against latency, as a picture.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use plotters::prelude::{
    ChartBuilder, Circle, IntoDrawingArea, IntoLogRange, LineSeries, PathElement, SVGBackend,
};
use plotters::style::{Color, Palette, Palette99, WHITE};

use super::Measured;

/// Size of the picture, in pixels.
const SIZE: (u32, u32) = (960, 600);

/// Draws what was measured into an SVG file: for each system and work a line of the median, and a thin one of the 99th
/// percentile, a point for each number of clients.
///
/// # Errors
///
/// If the file cannot be written, or nothing was measured.
pub fn plot(measured: &[Measured], title: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    let range = |values: &mut dyn Iterator<Item = f64>| {
        let values: Vec<f64> = values.filter(|value| *value > 0.0).collect();
        let least = values.iter().copied().reduce(f64::min);
        let most = values.iter().copied().reduce(f64::max);
        Some(least? / 1.5..most? * 1.5)
    };
    let nothing = "nothing was measured";
    let throughput = range(&mut measured.iter().map(|point| point.operations_per_second));
    let latencies = measured.iter();
    let latency =
        range(&mut latencies.flat_map(|point| [point.p50_milliseconds, point.p99_milliseconds]));
    let mut lines: BTreeMap<(&str, &str), Vec<&Measured>> = BTreeMap::new();
    for point in measured {
        let line = lines.entry((&point.system, &point.work)).or_default();
        line.push(point);
    }

    let area = SVGBackend::new(file, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(
            throughput.ok_or(nothing)?.log_scale(),
            latency.ok_or(nothing)?.log_scale(),
        )?;
    chart
        .configure_mesh()
        .x_desc("operations a second")
        .y_desc("milliseconds: median (thick) and 99th percentile (thin)")
        .draw()?;
    for (number, ((system, work), points)) in lines.into_iter().enumerate() {
        let color = Palette99::pick(number).to_rgba();
        let median = points
            .iter()
            .map(|point| (point.operations_per_second, point.p50_milliseconds));
        let most = points
            .iter()
            .map(|point| (point.operations_per_second, point.p99_milliseconds));
        chart
            .draw_series(LineSeries::new(median.clone(), color.stroke_width(3)))?
            .label(format!("{system}, {work}"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], color.stroke_width(3)));
        chart.draw_series(LineSeries::new(most.clone(), color.stroke_width(1)))?;
        let points = median.chain(most);
        chart.draw_series(points.map(|point| Circle::new(point, 3, color.filled())))?;
    }
    chart
        .configure_series_labels()
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()?;
    Ok(())
}
