//! The public cases of `puce validate`: those about money from `econ`, those about speed and energy from `validate`.

use crate::facts::figures;
use crate::failure::Result;
use crate::ui::{self, Align};
use ::validate::public::{Kind, Public, summary};
use ::validate::report::Verdict;
use ::validate::{mlperf, throughput};
use econ::cases::{self, Outcome};
use econ::facts::Facts;

/// The rows whose names hold all the words.
pub fn rows(wanted: &dyn Fn(&str) -> bool) -> Result<Vec<Public>> {
    let named = |kind: Kind, id: &str| wanted(&format!("public {} {id}", kind.word()));
    let money = cases::evaluate(&Facts::builtin()?)?;
    let money = money.iter().map(row).filter(|row| named(row.kind, &row.id));
    let mut rows: Vec<Public> = money.collect();
    rows.extend(mlperf::rows(&mlperf::File::embedded(), |id| named(Kind::Rate, id)));
    rows.extend(throughput::rows(&throughput::File::embedded(), |id| named(Kind::Throughput, id)));
    Ok(rows)
}

/// A case about money as a row.
fn row(Outcome { case, computed, .. }: &Outcome) -> Public {
    Public {
        kind: Kind::Money,
        id: case.id.clone(),
        title: case.title.clone(),
        label: case.label.name(),
        published: case.published,
        computed: *computed,
        low: case.low,
        high: case.high,
        unit: case.unit.symbol.into(),
        judged: true,
        detail: case.misses.clone(),
        source: case.source.clone(),
    }
}

/// A table per kind that fits 80 columns; `brief` leaves out what agrees.
pub fn tables(rows: &[Public], brief: bool) -> String {
    let shown = |row: &&Public| !brief || row.verdict() == Some(Verdict::Miss);
    let table = |kind: Kind| {
        let own: Vec<&Public> = rows.iter().filter(|row| row.kind == kind).collect();
        let head = ui::styled(ui::STRONG, kind.name());
        let lines: Vec<Vec<String>> = own.into_iter().filter(shown).map(cells).collect();
        let lines = if lines.is_empty() { String::new() } else { ui::table(&HEAD, &lines) };
        format!("\n{head}\n{}\n{lines}", summary(rows, kind))
    };
    Kind::ALL.into_iter().filter(|kind| rows.iter().any(|row| row.kind == *kind)).map(table).collect()
}

const HEAD: [(&str, Align); 6] = [
    ("", Align::Left),
    ("published", Align::Right),
    ("computed", Align::Right),
    ("off", Align::Right),
    ("", Align::Left),
    ("", Align::Left),
];

fn cells(row: &Public) -> Vec<String> {
    let mark = match row.verdict() {
        Some(Verdict::Pass) => "agrees".into(),
        Some(Verdict::Miss) => ui::styled(ui::ALARM, "misses"),
        None => ui::styled(ui::FAINT, "factor"),
    };
    // What all rows of a kind have in common stands in its head.
    let (id, unit) = match row.kind {
        Kind::Money => (row.id.as_str(), row.unit.as_str()),
        Kind::Throughput | Kind::Rate | Kind::Order | Kind::Energy => {
            (row.id.split_once(' ').map_or("", |(_, rest)| rest), "")
        }
    };
    vec![
        format!("  {id}"),
        figures(row.published),
        figures(row.computed),
        format!("{:+.1} %", 100.0 * row.deviation()),
        unit.into(),
        mark,
    ]
}

/// Says of what misses why, where it is known case by case. How a rate came about is in the JSON, why rates miss in the documentation.
pub fn notes(rows: &[Public]) {
    let rate = |row: &Public| matches!(row.kind, Kind::Rate | Kind::Throughput);
    let missed = |row: &&Public| !rate(row) && row.verdict() == Some(Verdict::Miss);
    for row in rows.iter().filter(missed) {
        ui::note(&format!("{}: {}", row.id, row.detail.as_deref().unwrap_or("no reason is known")));
    }
}
