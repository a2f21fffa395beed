//! The chapter on the chip tells the figures that areas and energies rest on as they are.

use phys::node::Blocks;

const CHAPTER: &str = include_str!("../../../docs/rtl.md");
const HEAD: &str = "| figure at 7 nm | synthesised | published | from | to | over it |";

#[test]
fn the_chapter_has_each_figure_beside_the_published_one() {
    let rows = CHAPTER.lines().skip_while(|line| *line != HEAD).skip(2).take_while(|line| line.starts_with('|'));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split('|').map(str::trim).collect()).collect();
    let (own, published) = (Blocks::builtin(), Blocks::published());
    assert_eq!(rows.len(), own.figures().len(), "{rows:?}");
    for (row, (own, published)) in rows.iter().zip(own.figures().into_iter().zip(published.figures())) {
        let name = if own.unit.is_empty() { own.what.to_owned() } else { format!("{}, {}", own.what, own.unit) };
        assert!(row[1].ends_with(&name), "{row:?}: {name}");
        let found = own.synthesised().then_some(own.range.nominal);
        let told = [found, Some(published.range.nominal), Some(published.range.low), Some(published.range.high)];
        let over = found.map(|found| found / published.range.nominal);
        for (cell, value) in row[2..].iter().zip(told.into_iter().chain([over])) {
            let shown = (!cell.is_empty()).then(|| cell.replace(',', "").parse::<f64>().unwrap());
            // Three figures, or two behind the point.
            let close = |(shown, value): (f64, f64)| (shown - value).abs() <= 0.0051_f64.max(0.005 * value);
            assert!(shown.is_some() == value.is_some() && shown.zip(value).is_none_or(close), "{row:?}: {value:?}");
        }
    }
}
