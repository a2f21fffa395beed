//! Chat templates against the prompts that the transformers library renders (`golden/chat/*.json`), and against hostile templates.

use std::path::PathBuf;

use model::chat::{Message, Template};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Golden {
    template: String,
    bos: String,
    eos: String,
    now: i64,
    cases: Vec<Case>,
}

/// Either the prompt, or the reason the template gives for refusing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    messages: Vec<Message>,
    add_generation_prompt: bool,
    prompt: Option<String>,
    refusal: Option<String>,
}

#[test]
fn prompts_are_those_of_transformers() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/chat");
    let mut count = 0;
    for file in std::fs::read_dir(directory).unwrap() {
        let path = file.unwrap().path();
        let golden: Golden = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let template = Template::new(&golden.template, &golden.bos, &golden.eos).unwrap();
        for case in golden.cases {
            let got = template.render(&case.messages, case.add_generation_prompt, golden.now);
            match (got, case.prompt, case.refusal) {
                (Ok(got), Some(want), None) => assert_eq!(got, want, "{}", path.display()),
                (Err(got), None, Some(want)) => {
                    assert!(got.to_string().contains(&want), "{}: {got}", path.display());
                }
                (got, ..) => panic!("{}: {got:?}", path.display()),
            }
            count += 1;
        }
    }
    assert!(count >= 80, "{count} cases");
}

#[test]
fn hostile_templates_end_in_a_sentence() {
    let doubling =
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}";
    let writing = "{% for i in range(9000) %}{{ 'x' * 1000 }}{% endfor %}";
    let cases = [
        ("{% for i in range(100000) %}{% for j in range(100000) %}{{ j }}{% endfor %}{% endfor %}", "stopped"),
        (doubling, "stopped"),
        (writing, "wrote more than"),
        ("{{ 'x' * 100000000 * 1000 }}", "chat template"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "chat template"),
        ("{{ messages[0].content.nothing.more }}", "chat template, line 1"),
        ("{% include 'other' %}", "chat template"),
        ("{{ strftime_now('%!') }}", "strftime_now"),
    ];
    for (source, want) in cases {
        let outcome = Template::new(source, "", "")
            .and_then(|template| template.render(&[Message::new("user", "Hi")], true, 0).map(|text| text.len()));
        let error = outcome.expect_err(source).to_string();
        assert!(error.contains(want) && error.len() < 500 && !error.contains('\n'), "{source}: {error}");
    }
}

#[test]
fn invalid_jinja_is_refused_with_its_line() {
    let error = Template::new("a\nb {% for %}", "", "").unwrap_err().to_string();
    assert!(error.contains("line 2") && error.contains("not valid Jinja"), "{error}");
    assert!(Template::new(&"(".repeat(2 << 20), "", "").is_err());
    assert!(Template::new(&format!("{{{{ {} }}}}", "(".repeat(100_000)), "", "").is_err());
}

#[test]
fn long_conversations_fit_the_budget() {
    let source = "{% for m in messages %}{{ '<' + m['role'] + '>' + m['content'] | trim + '\n' }}{% endfor %}";
    let template = Template::new(source, "", "").unwrap();
    let one = vec![Message::new("user", "word ".repeat(400_000))];
    assert!(template.render(&one, true, 0).is_ok());
    let many = vec![Message::new("user", "Hi"); 5_000];
    assert_eq!(template.render(&many, true, 0).unwrap(), "<user>Hi\n".repeat(5_000));
}
