//! What page and memo say of outcomes of every kind. `UPDATE_GOLDEN=1` rewrites the memos.

mod sample;

use explore::outcome::{Action, Outcome};
use serde_json::Value;

/// The JSON that the page's script reads.
fn data(page: &str) -> Value {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"data\">").expect("the data");
    let (text, _) = rest.split_once("</script>").expect("its end");
    serde_json::from_str(text).expect("JSON")
}

/// The page without its style, scripts and data.
fn body(page: &str) -> &str {
    let (_, rest) = page.split_once("<body>").expect("a body");
    rest.split_once("<script type=\"application/json\"").expect("data at the end").0
}

fn charts(page: &str) -> Vec<String> {
    data(page)["charts"].as_object().expect("charts").keys().cloned().collect()
}

#[test]
fn every_section_and_chart_is_there() {
    let page = report::page(&sample::outcome());
    for section in [
        "why",
        "devices",
        "cost",
        "speed",
        "designs",
        "chip",
        "doubt",
        "deployments",
        "search",
        "question",
        "assumptions",
    ] {
        assert!(page.contains(&format!("<section id=\"{section}\">")), "{section}");
        assert!(page.contains(&format!("<a href=\"#{section}\">")), "{section} in the list");
    }
    let drawn = charts(&page);
    for chart in [
        "contenders",
        "waterfall-ours",
        "waterfall-rival",
        "frontier",
        "designs",
        "roofline",
        "tornado",
        "shares",
        "latency",
    ] {
        assert!(drawn.iter().any(|name| name == chart), "{chart} is not drawn");
        assert!(page.contains(&format!("data-chart=\"{chart}\"")), "{chart} has no place");
    }
    assert_eq!(page.matches("src=\"data:image/svg+xml;base64,").count(), 4, "die twice, package, heat");
}

#[test]
fn figures_stand_with_unit_and_range() {
    let page = report::page(&sample::outcome());
    for text in [
        "$0.142 to $0.243",
        "$520 M to $1.15 bn",
        "2.1 to 3.7 years",
        "0.58 to 1.04",
        "91 %",
        "61,000",
        "turns at $31,400 a device",
        "Cerebras WSE-3",
        "5.03 Pop/s",
    ] {
        assert!(body(&page).contains(text), "{text}");
    }
}

#[test]
fn the_page_is_one_file_of_moderate_size() {
    let page = report::page(&sample::outcome());
    assert!(page.len() < 1_500_000, "{} bytes", page.len());
    for part in [" src=\"http", " href=\"http", "@import", "url("] {
        assert!(!body(&page).contains(part), "{part}");
    }
    assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'sha256-"));
}

#[test]
fn names_stay_where_they_are_put() {
    let page = report::page(&sample::hostile());
    assert!(!page.contains("<script>window.attacked"), "a name opened a script");
    assert!(!page.contains("<img src=x"), "a name opened an element");
    assert!(!page.contains("</script><script>window"), "a name ended a script");
    assert!(
        data(&page).to_string().contains("</script><script>window.attacked = 1</script>"),
        "the name itself is kept"
    );
    let memo = report::memo(&sample::hostile());
    assert!(!memo.contains("<script>"), "{memo}");
    assert!(memo.lines().filter(|line| line.starts_with('|')).all(|line| line.ends_with('|')), "{memo}");
}

/// Numbers of a specification that are none would be null.
fn has_null_number(rows: &Value) -> bool {
    match rows {
        Value::Array(items) => items.iter().any(has_null_number),
        Value::Object(fields) => fields.iter().any(|(name, value)| {
            let is_number = ["x", "y", "from", "to", "low", "median", "high", "share", "usd", "joules", "at", "end"]
                .contains(&name.as_str());
            is_number && value.is_null() || has_null_number(value)
        }),
        _ => false,
    }
}

#[test]
fn what_is_no_number_is_shown_nowhere() {
    let outcome = sample::hostile();
    let (page, memo) = (report::page(&outcome), report::memo(&outcome));
    for text in [body(&page), &memo] {
        assert!(!text.contains("NaN") && !text.contains("inf "), "a number that is none");
        assert!(text.contains("unknown"), "said in words");
    }
    assert!(!has_null_number(&data(&page)["charts"]), "a chart got a number that is none");
}

#[test]
fn no_chip_is_an_answer() {
    let page = report::page(&sample::nothing_feasible());
    assert!(page.contains("No chip meets the limits") && page.contains("Do not build"));
    assert!(!page.contains("id=\"chip\"") && !page.contains("#designs"), "sections without content");
    let drawn = charts(&page);
    for chart in ["waterfall-ours", "designs", "roofline", "tornado", "shares"] {
        assert!(!drawn.iter().any(|name| name == chart), "{chart}");
    }
    assert!(drawn.iter().any(|name| name == "waterfall-rival"));
    for name in &drawn {
        assert!(page.contains(&format!("data-chart=\"{name}\"")), "{name} has no place");
    }
}

/// Lists that may be empty, each emptied alone and then all.
#[test]
fn any_list_may_be_empty() {
    let empty: [fn(&mut Outcome); 10] = [
        |o| o.contenders.clear(),
        |o| o.designs.clear(),
        |o| o.sensitivity.clear(),
        |o| o.flips.clear(),
        |o| o.assumptions.clear(),
        |o| o.asked.workloads.clear(),
        |o| o.verdict.reasons.clear(),
        |o| o.contenders.iter_mut().for_each(|c| (c.waterfall.clear(), c.frontier.clear(), c.deployments.clear()).0),
        |o| {
            o.chosen
                .iter_mut()
                .for_each(|c| (c.sheet.clear(), c.binds.clear(), c.roofline.roofs.clear(), c.die.clear()).0)
        },
        |o| o.search.refused.clear(),
    ];
    let mut all = sample::outcome();
    for make_empty in empty {
        let mut outcome = sample::outcome();
        make_empty(&mut outcome);
        make_empty(&mut all);
        for outcome in [&outcome, &all] {
            let page = report::page(outcome);
            for name in charts(&page) {
                assert!(page.contains(&format!("data-chart=\"{name}\"")), "{name} has no place");
            }
            assert!(!report::memo(outcome).contains("\n\n\n"));
        }
    }
}

#[test]
fn a_whole_catalogue_stays_readable() {
    let outcome = sample::crowded();
    let (page, memo) = (report::page(&outcome), report::memo(&outcome));
    let scale = &data(&page)["charts"]["frontier"]["layer"][0]["encoding"]["color"]["scale"];
    let domain = scale["domain"].as_array().expect("names");
    assert_eq!((domain.len(), domain[9].as_str()), (10, Some("other devices")));
    assert_eq!(data(&page)["charts"]["contenders"]["layer"][0]["encoding"]["x"]["scale"]["type"], "log");
    assert!(body(&page).contains("Device 18 of a catalogue"), "the table has all");
    assert!(memo.contains("Dearer: 17 more") && !memo.contains("Device 18"), "{memo}");
}

#[test]
fn a_chart_has_a_place_only_if_it_is_drawn() {
    let mut outcome = sample::outcome();
    outcome.contenders.truncate(1);
    let page = report::page(&outcome);
    let drawn = charts(&page);
    for place in
        page.split("data-chart=\"").skip(1).filter_map(|rest| rest.split('"').next()).filter(|name| !name.contains('$'))
    {
        assert!(drawn.iter().any(|name| name == place), "{place} stays empty");
    }
    assert!(drawn.iter().any(|name| name == "contenders"));
}

#[test]
fn memos_read_as_they_did() {
    let mut open = sample::outcome();
    open.verdict.action = Action::Open;
    open.verdict.sentence = "A million tokens cost 0.96 times the best rival's, and between 0.74 and 1.31: the answer hangs on the price of HBM4.".into();
    open.verdict.probability = 0.57;
    open.verdict.break_even = None;
    open.search.gap = 0.012;
    for (name, outcome) in [("build", sample::outcome()), ("open", open), ("nothing", sample::nothing_feasible())] {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/memo-{name}.md"));
        let memo = report::memo(&outcome);
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&path, &memo).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), memo, "UPDATE_GOLDEN=1 writes it again");
        assert!(
            memo.split_whitespace().count() < 1_100,
            "{name}: {} words are more than two pages",
            memo.split_whitespace().count()
        );
    }
}
