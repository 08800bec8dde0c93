//! The doctor's tests of an nginx: they prove their statement, and leave nothing behind.

use std::fs;

use greenroom::adapters::nginx::DEFAULT_TEMPLATE;
use greenroom::ports::{DoctorResult, Failure, RouterReader, RouterWriter};

use super::arena::Arena;

/// The result of one of the tests that write.
async fn tried(arena: &Arena, what: &str) -> Result<String, String> {
    let writer = arena.writer();
    result_of(writer.doctor_tests(), what).await
}

async fn result_of(
    doctor_tests: Vec<greenroom::ports::DoctorTest<'_>>,
    what: &str,
) -> Result<String, String> {
    let names: Vec<&str> = doctor_tests
        .iter()
        .map(|doctor_test| doctor_test.name)
        .collect();
    let doctor_test = doctor_tests
        .into_iter()
        .find(|doctor_test| doctor_test.name == what);
    let doctor_test = doctor_test.unwrap_or_else(|| panic!("no {what} in {names:?}"));
    match doctor_test.result.await {
        DoctorResult::Works(said) => Ok(said),
        DoctorResult::NotTried(why) => Ok(format!("not tried: {why}")),
        DoctorResult::Failed(failure) => Err(failure.to_string()),
    }
}

fn write_main(arena: &Arena, change: impl FnOnce(&str) -> String) {
    let main = &arena.arrangement.config.configuration;
    let text = fs::read_to_string(main).expect("the main configuration");
    fs::write(main, change(&text)).expect("written");
}

#[tokio::test]
async fn a_healthy_nginx_passes_every_trial_and_nothing_is_left() {
    let mut arena = Arena::start().await;
    arena.arrangement.config.access_log = Some(arena.place.path().join("logs"));
    let names = |arena: &Arena| {
        let files = arena.files(".").into_iter();
        files.map(|(path, _)| path).collect::<Vec<_>>()
    };
    let before = names(&arena);
    for what in ["running", "include", "sites", "main", "state", "access log"] {
        let said = tried(&arena, what).await;
        assert!(
            said.as_ref().is_ok_and(|said| !said.contains("not tried")),
            "{what}: {said:?}"
        );
    }
    assert_eq!(names(&arena), before);
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    let before = names(&arena);
    tried(&arena, "include").await.expect("it is read");
    assert_eq!(names(&arena), before);
}

#[tokio::test]
async fn a_stopped_nginx_fails_its_trial() {
    let mut arena = Arena::start().await;
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    arena.kill();
    let said = tried(&arena, "running").await.expect_err("it is down");
    assert!(said.contains("start nginx with "), "{said}");
    let reader = arena.reader();
    let said = result_of(reader.doctor_tests(), "running").await;
    assert!(said.expect_err("it is down").contains("start nginx"));
}

#[tokio::test]
async fn a_sites_directory_not_included_fails_with_the_line_to_add() {
    let mut arena = Arena::start().await;
    let elsewhere = arena.place.path().join("elsewhere");
    arena.arrangement.config.sites = elsewhere.clone();
    let said = tried(&arena, "sites").await.expect_err("it is missing");
    assert!(said.contains("mkdir -p"), "{said}");
    fs::create_dir(&elsewhere).expect("a directory");
    let said = tried(&arena, "include").await.expect_err("it is not read");
    let line = format!("include {}/*.conf;", elsewhere.display());
    assert!(said.contains(&line), "{said}");
    assert!(fs::read_dir(&elsewhere).expect("it").next().is_none());
}

#[tokio::test]
async fn an_unwritable_sites_directory_fails_its_trial() {
    let mut arena = Arena::start().await;
    let file = arena.place.path().join("a-file");
    fs::write(&file, "").expect("written");
    arena.arrangement.config.sites = file;
    for what in ["sites", "include"] {
        let said = tried(&arena, what).await.expect_err("it is a file");
        let said = said.to_lowercase();
        assert!(said.contains("not a directory"), "{what}: {said}");
    }
}

#[tokio::test]
async fn a_state_directory_may_be_missing_only_before_the_first_installation() {
    let arena = Arena::start().await;
    fs::remove_dir(&arena.arrangement.config.state).expect("removed");
    let said = tried(&arena, "state").await.expect("it can be made");
    assert!(said.contains("does not exist yet"), "{said}");
    assert!(!arena.arrangement.config.state.exists());
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    fs::remove_dir_all(&arena.arrangement.config.state).expect("removed");
    let said = tried(&arena, "state").await.expect_err("it is gone");
    assert!(said.contains("must contain the live pointers"), "{said}");
}

#[tokio::test]
async fn an_include_in_another_file_is_found_and_used() {
    let mut arena = Arena::start().await;
    let nested = arena.place.path().join("http.conf");
    let include = format!("include {}/conf.d/*.conf;", arena.place.path().display());
    fs::write(&nested, &include).expect("written");
    write_main(&arena, |text| {
        text.replace(&include, &format!("include {};", nested.display()))
    });
    tried(&arena, "include").await.expect("nginx reads it");
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    tried(&arena, "include").await.expect("nginx reads it");
    let before = arena.files("conf.d");
    arena.arrangement.template = Some(Ok(
        DEFAULT_TEMPLATE.replace("location / {", "nonsense; location / {")
    ));
    let refused = arena.writer().install(&arena.target).await;
    let said = refused.expect_err("refused").to_string();
    assert!(
        said.contains("nginx rejects the new configuration"),
        "{said}"
    );
    assert_eq!(arena.files("conf.d"), before);
}

#[tokio::test]
async fn a_false_include_proves_nothing() {
    let arena = Arena::start().await;
    // The words are an argument of another directive, after a brace that opens no block.
    write_main(&arena, |text| {
        let include = format!("include {}/conf.d/*.conf;", arena.place.path().display());
        text.replace(&include, &format!("log_format odd ${{host}}{include}"))
    });
    let said = tried(&arena, "include").await.expect_err("it is not read");
    assert!(said.contains("does not include"), "{said}");
    let refused: Failure = arena
        .writer()
        .install(&arena.target)
        .await
        .expect_err("refused");
    assert!(
        refused.to_string().contains("does not include"),
        "{refused}"
    );
    assert!(arena.files("conf.d").is_empty());
}

#[tokio::test]
async fn without_targets_no_file_is_looked_for() {
    let mut arena = Arena::start().await;
    arena.arrangement.targets.clear();
    let expected = Ok("not tried: no target uses this nginx".to_owned());
    assert_eq!(tried(&arena, "include").await, expected);
    for what in ["running", "include"] {
        let read = result_of(arena.reader().doctor_tests(), what).await;
        assert_eq!(read, expected, "{what}");
    }
}
