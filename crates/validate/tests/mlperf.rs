//! MLPerf's published results beside predictions, as a text: `UPDATE_GOLDEN=1` writes it again.
//!
//! Deviations are in whole percents, so that it changes when a prediction does and not with the last digit. The servers of DeepSeek-R1 take long to
//! simulate and are left out.

use validate::mlperf::{File, Scenario, outcome};
use validate::public::Public;
use validate::report::Verdict;

fn line(row: &Public) -> String {
    let mark = match row.verdict() {
        Some(Verdict::Pass) => "agrees",
        Some(Verdict::Miss) => "misses",
        None => "factor",
    };
    // Adding zero takes the sign off a zero.
    let percent = (100.0 * row.deviation()).round() + 0.0;
    format!("{}: {:.3} {} {percent:+} % {mark}\n", row.id, row.published, row.unit)
}

#[test]
fn rates_orders_and_energies_are_those_of_the_golden_text() {
    let file = File::embedded();
    let quick =
        |point: &validate::mlperf::file::Point| point.benchmark != "deepseek-r1" || point.scenario == Scenario::Offline;
    let text: String = outcome(&file, quick).rows(&file).iter().map(line).collect();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/mlperf.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(std::path::Path::new(path).parent().unwrap()).unwrap();
        std::fs::write(path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap_or_default(), text, "UPDATE_GOLDEN=1 writes it again");
}
