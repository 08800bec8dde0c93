use super::*;

fn read(text: &str) -> Result<Vec<TestReport>, String> {
    super::read(text, &Mask::default())
}

#[test]
fn suites_tests_and_their_outcomes_are_read() {
    let report = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="shop">
<testsuite name="orders">
  <testcase name="list" time="0.25"/>
  <testcase name="pay" time="1,000.5"><failure message="got 402">trace</failure></testcase>
  <testcase name="ship"><error>
    no connection
    more</error></testcase>
  <testcase name="later"><skipped/></testcase>
  <testcase name="disabled" status="notrun"/>
  <testcase name="retried"><flakyFailure message="timeout"/></testcase>
</testsuite>
  </testsuite>
</testsuites>"#;
    let tests = read(report).expect("a report");
    let seen: Vec<_> = tests
        .iter()
        .map(|test| (test.name.as_str(), test.verdict, test.message.as_str()))
        .collect();
    assert_eq!(
        seen,
        [
            ("list", Verdict::Passed, ""),
            ("pay", Verdict::Failed, "got 402"),
            ("ship", Verdict::Errored, "no connection"),
            ("later", Verdict::NoData, "no message"),
            ("disabled", Verdict::NoData, "not run"),
            ("retried", Verdict::Passed, "passed after a retry: timeout"),
        ]
    );
    assert!(tests.iter().all(|test| test.suite == "shop > orders"));
    assert_eq!(tests[0].took, Duration::from_millis(250));
    assert_eq!(tests[1].took, Duration::from_millis(1_000_500));
}

#[test]
fn a_test_without_a_suite_has_its_class() {
    let report =
        r#"<testsuite><testcase name="a" classname="shop.Orders" time="NaN"/></testsuite>"#;
    let tests = read(report).expect("a report");
    assert_eq!(
        (tests[0].suite.as_str(), tests[0].took),
        ("shop.Orders", Duration::ZERO)
    );
}

#[test]
fn hostile_reports_are_refused_or_made_harmless() {
    let bomb = r#"<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;">]><testsuite><testcase name="&b;"/></testsuite>"#;
    let deep = format!(
        "{}{}",
        "<testsuite>".repeat(50_000),
        "</testsuite>".repeat(50_000)
    );
    for (bad, words) in [
        ("", "no valid XML"),
        ("<testsuite>", "no valid XML"),
        (bomb, "no valid XML"),
        ("<html/>", "begins with <html>"),
        ("<testsuites/>", "has no test"),
        (deep.as_str(), "XML"),
    ] {
        let error = read(bad).expect_err("refused");
        assert!(
            error.contains(words) || error.contains("no test"),
            "{error}"
        );
    }
    let many = format!("<testsuite>{}</testsuite>", "<testcase/>".repeat(20_001));
    assert!(
        read(&many)
            .expect_err("too many")
            .contains("more than 20000")
    );
    let escape = "<testsuite><testcase name=\"a\u{9b}31m\u{202e}b\"><failure message=\"x&#10;y\"/></testcase></testsuite>";
    let tests = read(escape).expect("a report");
    assert_eq!(tests[0].name.chars().filter(|c| c.is_control()).count(), 0);
    assert!(!tests[0].name.contains('\u{202e}'), "{:?}", tests[0].name);
    assert!(!tests[0].message.contains('\n'), "{:?}", tests[0].message);
}
