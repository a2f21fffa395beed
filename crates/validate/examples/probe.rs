//! probe
use std::path::Path;
use validate::report::Report;
use validate::run;
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let data = Path::new("/work/shared/data");
    if args[1] == "points" {
        let rows = validate::sets::points::read(&data.join("measured/serving/points.csv")).unwrap();
        let stated = validate::serving::deployment::Stated::of(&rows);
        let only = args.get(2).cloned().unwrap_or_default();
        for row in rows.iter() {
            if !only.is_empty()
                && !format!("{} {} {} {}", row.model_path, row.system, row.backend, row.mode).contains(&only)
            {
                continue;
            }
            let t = std::time::Instant::now();
            match validate::serving::deployment::Deployment::of(row, &stated) {
                Err(e) => println!("ERR {} {e}", row.id),
                Ok(d) => {
                    let device = perf::device::Device::find(d.device).unwrap();
                    let p = validate::serving::predict(&d, &device);
                    println!(
                        "{},{},{},{},{},{},{},{},{},{:.2},{:.2},{:.3},{:.3},{:.3},{:?}",
                        row.id,
                        row.backend,
                        row.model_path,
                        row.system,
                        row.precision,
                        row.mode,
                        d.concurrency,
                        row.isl,
                        row.osl,
                        p.ttft.0 * 1e3,
                        row.silicon_ttft_ms,
                        p.tpot.0 * 1e3,
                        row.silicon_tpot_ms,
                        t.elapsed().as_secs_f64() * 1e3,
                        format!("{:?}", d.arrangement).replace(',', ";")
                    );
                }
            }
        }
        return;
    }
    if args[1] == "fit" {
        let c =
            validate::calibrate::calibrate(data, &|k| perf::device::Device::find(k).ok(), 1500, |f| eprintln!("{f}"))
                .unwrap();
        println!("{}\n{}", c.calibration(), c.intervals());
        return;
    }
    let mut report = Report::default();
    for set in run::sets() {
        if args[1..].iter().all(|w| set.name.contains(w)) {
            run::one(&set, data, &mut report).unwrap();
        }
    }
    for l in report.lines() {
        println!(
            "{:26} {:10} {:24} n{:6} mean {:5.1} med {:5.1} bias {:+5.1} floor {:?} cov {:?} target {} {:?}",
            l.kind,
            l.device,
            l.regime.clone().unwrap_or_default(),
            l.summary.cases,
            100. * l.summary.mean,
            100. * l.summary.median,
            100. * l.summary.bias,
            l.summary.floor,
            l.summary.coverage,
            l.target,
            l.verdict
        );
    }
    if let Ok(f) = std::env::var("HTML") {
        std::fs::write(f, validate::report::html::page(&report)).unwrap();
    }
}
