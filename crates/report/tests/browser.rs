//! The page in a real browser: narrow and wide, light and dark. Pictures go to `target/pages`, to be looked at.
//!
//! `cargo xtask pages` runs it and finds the browser; `PUCE_PAGE=report.html` looks at a page that is there in place of the sample's.

mod devtools;
mod sample;

use std::path::{Path, PathBuf};

use devtools::Browser;
use serde_json::{Value, json};

/// Names and sizes of the screens.
const SCREENS: [(&str, (u32, u32)); 3] = [("narrow", (390, 844)), ("middle", (820, 1100)), ("wide", (1400, 900))];
/// The smallest and the largest screen that the page is made for, and one between.
const EDGES: [(&str, (u32, u32)); 3] = [("small", (360, 740)), ("middle", (820, 1100)), ("large", (1600, 1000))];
const COLOURS: [&str; 2] = ["light", "dark"];

/// What the page says about itself once its charts are drawn.
const CHECK: &str = r#"(() => {
  const root = document.documentElement;
  const charts = [...document.querySelectorAll("figure[data-chart]")].map((figure) => {
    const svg = figure.querySelector("svg");
    const marks = [...figure.querySelectorAll("g.role-mark > *")].filter((mark) => mark.getBoundingClientRect().width + mark.getBoundingClientRect().height > 0);
    const unseen = [...figure.querySelectorAll("g.mark-symbol.role-mark > path")].filter((mark) => {
      const look = getComputedStyle(mark);
      const painted = (paint, opacity) => paint !== "none" && Number(opacity) > 0;
      return !painted(look.fill, look.fillOpacity) && !painted(look.stroke, look.strokeOpacity);
    }).length;
    return { name: figure.dataset.chart, unseen, state: figure.dataset.state ?? "never drawn", marks: marks.length,
      spill: svg ? Math.round(svg.getBoundingClientRect().right - figure.getBoundingClientRect().right) : 0,
      cut: svg ? [...svg.querySelectorAll("text")].filter((text) => {
        const [inner, outer] = [text.getBoundingClientRect(), figure.getBoundingClientRect()];
        return inner.width > 0 && (inner.right > outer.right + 1 || inner.left < outer.left - 1);
      }).map((text) => text.textContent) : [],
      width: svg ? Math.round(svg.getBoundingClientRect().width) : 0 };
  });
  return { wide: root.scrollWidth, screen: root.clientWidth, charts, pictures: [...document.images].filter((image) => image.naturalWidth === 0).length,
    broken: /NaN|undefined|Infinity/.test(document.body.innerText) };
})()"#;

fn chromium() -> PathBuf {
    let named = std::env::var_os("PUCE_CHROMIUM").map(PathBuf::from);
    let usual =
        || ["/usr/bin/chromium", "/usr/bin/chromium-browser"].map(PathBuf::from).into_iter().find(|path| path.exists());
    named.or_else(usual).expect("a Chromium: `cargo xtask pages` installs it, or PUCE_CHROMIUM names it")
}

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("pages");
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn save(name: &str, bytes: &[u8]) {
    std::fs::write(folder().join(name), bytes).unwrap();
}

/// Writes a page and gives its address.
fn put(name: &str, text: &str) -> String {
    save(name, text.as_bytes());
    format!("file://{}", folder().join(name).display())
}

/// Complaints about the page that is open.
fn faults(browser: &mut Browser) -> Vec<String> {
    browser.wait("document.documentElement?.dataset.charts === 'done' && document.querySelector('[data-state=drawing]') === null");
    let found = browser.evaluate(CHECK);
    let mut faults = browser.complaints();
    if found["wide"].as_f64() > found["screen"].as_f64() {
        faults.push(format!("the page is {} px wide on a screen of {}", found["wide"], found["screen"]));
    }
    if found["pictures"] != json!(0) {
        faults.push(format!("{} pictures do not show", found["pictures"]));
    }
    if found["broken"] == json!(true) {
        faults.push("NaN, Infinity or undefined is shown".to_owned());
    }
    let charts = found["charts"].as_array().cloned().unwrap_or_default();
    let bad = |chart: &&Value| {
        let size = chart["width"].as_f64().unwrap_or(0.0);
        chart["state"] != json!("drawn")
            || chart["marks"].as_u64().unwrap_or(0) == 0
            || chart["spill"].as_f64() > Some(0.0)
            || chart["cut"] != json!([])
            || chart["unseen"] != json!(0)
            || size < 150.0
    };
    faults.extend(charts.iter().filter(bad).map(|chart| format!("chart: {chart}")));
    faults
}

/// Points at the chosen design and at a dominated one; both must say what they are.
fn hover(browser: &mut Browser) {
    for (mark, said) in [("last", "chosen"), ("first", "design")] {
        let place = browser.evaluate(&format!(
            "(() => {{ const marks = [...document.querySelectorAll('figure[data-chart=designs] g.mark-symbol.role-mark > path')]; const mark = {}; \
             mark.scrollIntoView({{ block: 'center' }}); const box = mark.getBoundingClientRect(); return [box.x + box.width / 2, box.y + box.height / 2]; }})()",
            if mark == "last" { "marks.at(-1)" } else { "marks[0]" }
        ));
        let at = |index: usize| place[index].as_f64().expect("a place");
        browser.point(at(0) - 3.0, at(1) - 3.0);
        browser.point(at(0), at(1));
        browser.wait("document.querySelector('#vg-tooltip-element.visible') !== null");
        let text = browser.evaluate("document.querySelector('#vg-tooltip-element').innerText");
        assert!(text.as_str().is_some_and(|text| text.contains(said) && text.contains("cost, $/M tokens")), "{text}");
    }
    save("hover.png", &browser.picture(false));
}

/// Chooses an entry of the list that fills a place.
fn select(browser: &mut Browser, place: &str, value: &str) {
    browser.evaluate(&format!(
        "(() => {{ const list = document.querySelector(`select[data-place='{place}']`); list.value = '{value}'; list.dispatchEvent(new Event('change')); }})()"
    ));
}

/// Measures can stand on both axes, and any rival beside our chip.
fn choose(browser: &mut Browser) {
    let titles = "[...document.querySelectorAll('figure[data-chart=designs] g.role-axis-title text')].map((text) => text.textContent).join(' | ')";
    for (place, measure, title) in
        [("@x", "carbon", "grams of CO2"), ("@y", "area", "mm2 of die"), ("@x", "watts", "watts of a package")]
    {
        select(browser, place, measure);
        browser.wait(&format!("{titles}.includes('{title}')"));
    }
    select(browser, "@rival", "gaudi3");
    browser.wait("document.querySelector('figure[data-chart=waterfall-rival]').textContent.includes('$0.7380')");
    assert_eq!(faults(browser), Vec::<String>::new(), "after a choice");
}

/// Words in the field leave the rows that have them.
fn filter(browser: &mut Browser) {
    let rows = "[...document.querySelectorAll('#rows tr')].filter((row) => !row.hidden).length";
    let all = browser.evaluate(rows).as_u64();
    browser.evaluate("(() => { const find = document.getElementById('find'); find.value = 'HBM4 price'; find.dispatchEvent(new Event('input')); })()");
    assert_eq!(browser.evaluate(rows), json!(1), "of {all:?}");
}

#[test]
#[ignore = "needs Chromium: `cargo xtask pages`"]
fn the_page_in_a_browser() {
    let mut browser = Browser::start(&chromium());
    let given = std::env::var_os("PUCE_PAGE")
        .map(|path| std::fs::read_to_string(&path).expect("the page that PUCE_PAGE names"));
    let is_sample = given.is_none();
    let address = put("report.html", &given.unwrap_or_else(|| report::page(&sample::outcome())));
    let mut complaints = Vec::new();
    for colours in COLOURS {
        for (name, size) in SCREENS {
            browser.open(&address, size, colours);
            complaints.extend(faults(&mut browser).into_iter().map(|fault| format!("{name} {colours}: {fault}")));
            save(&format!("{name}-{colours}.png"), &browser.picture(true));
            save(&format!("{name}-{colours}-first.png"), &browser.picture(false));
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
    save("print.pdf", &browser.print());
    if is_sample {
        hover(&mut browser);
        filter(&mut browser);
        choose(&mut browser);
    }
}

#[test]
#[ignore = "needs Chromium: `cargo xtask pages`"]
fn without_scripts_the_tables_remain() {
    let mut browser = Browser::start(&chromium());
    let address = put("silent.html", &report::page(&sample::outcome()));
    browser.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    browser.open(&address, SCREENS[2].1, "light");
    browser.wait("document.readyState === 'complete' && document.querySelector('footer') !== null");
    let seen = |what: &str| {
        format!("[...document.querySelectorAll('{what}')].filter((it) => it.getClientRects().length > 0).length")
    };
    assert_eq!(browser.evaluate(&seen(".chart, .choose, select")), json!(0), "empty places are seen");
    assert_eq!(browser.evaluate(&seen(".note")), json!(1), "the reader is told");
    assert!(browser.evaluate(&seen("table")).as_u64() > Some(8), "tables are not seen");
    save("silent.png", &browser.picture(true));
}

#[test]
#[ignore = "needs Chromium: `cargo xtask pages`"]
fn odd_outcomes_in_a_browser() {
    let mut browser = Browser::start(&chromium());
    for (name, outcome) in
        [("nothing", sample::nothing_feasible()), ("hostile", sample::hostile()), ("crowded", sample::crowded())]
    {
        let address = put(&format!("{name}.html"), &report::page(&outcome));
        for (screen, size) in EDGES {
            browser.open(&address, size, "light");
            if name == "hostile" {
                browser.wait("document.documentElement?.dataset.charts === 'done'");
                select(&mut browser, "@y", "carbon");
            }
            assert_eq!(faults(&mut browser), Vec::<String>::new(), "{name} {screen}");
            save(&format!("{name}-{screen}.png"), &browser.picture(true));
        }
        assert_eq!(browser.evaluate("window.attacked === undefined"), json!(true), "{name}");
    }
}
