//! Installing: completely, or not at all.

use std::fs;
use std::time::Duration;

use greenroom::adapters::nginx::{DEFAULT_TEMPLATE, Nginx, NginxOptions, SwitchMode};
use greenroom::inventory::{Address, Endpoint, Slot, Target};
use greenroom::ports::{FailureKind, Installation, RouterReader, RouterWriter};

use super::arena::{Arena, client, get, order};

/// Inserts a text into the nginx configuration.
type Spoil = fn(&mut NginxOptions, &str);

#[tokio::test]
async fn the_nginx_version_is_reported() {
    let arena = Arena::start().await;
    let version = arena.reader().proxy().await.expect("a version");
    assert!(version.starts_with("nginx/1."), "{version}");
}

#[tokio::test]
async fn an_installation_is_missing_then_current_and_can_be_repeated() {
    let arena = Arena::start().await;
    let (reader, writer, target) = (arena.reader(), arena.writer(), &arena.target);
    let looked = reader.installation(target).await.expect("an answer");
    assert_eq!(looked, Installation::Missing);
    let unanswered = reader.answer(target).await.expect_err("nothing listens");
    assert_eq!(unanswered.kind, FailureKind::Unreachable);
    writer.install(target).await.expect("installed");
    let looked = reader.installation(target).await.expect("an answer");
    assert_eq!(looked, Installation::Current);
    let before = arena.files(".");
    writer.install(target).await.expect("installed again");
    assert_eq!(arena.files("."), before);
    assert_eq!(arena.live().await, None);
    let no_slot = get(&client(false), arena.public, "shop.example.com").await;
    assert_eq!(no_slot.expect("an answer").status, 503);
    let names: Vec<_> = arena.files("conf.d").into_iter().map(|f| f.0).collect();
    assert_eq!(names, [arena.site_file()], "nothing is left behind");
}

#[tokio::test]
async fn a_header_of_the_http_block_that_would_be_lost_causes_a_warning() {
    let mut arena = Arena::start().await;
    let target = arena.target.clone();
    let none: [String; 0] = [];
    assert_eq!(
        arena
            .reader()
            .install_warnings(&target)
            .await
            .expect("a dump"),
        none
    );
    let main = fs::read_to_string(&arena.arrangement.config.configuration)
        .expect("the main configuration");
    let header = "http {\n    add_header Strict-Transport-Security \"max-age=63072000\" always;\n    \
                  proxy_hide_header X-Powered-By;\n";
    fs::write(
        &arena.arrangement.config.configuration,
        main.replace("http {\n", header),
    )
    .expect("written");
    let warnings = arena.reader().install_warnings(&target).await;
    let warnings = warnings.expect("a dump");
    let [warning] = warnings.as_slice() else {
        panic!("one warning: {warnings:?}");
    };
    assert!(
        warning.contains("`add_header Strict-Transport-Security max-age=63072000 always`"),
        "{warning}"
    );
    assert!(
        warning.contains("`proxy_hide_header X-Powered-By`"),
        "{warning}"
    );
    // The warning is correct: nginx does not send the header.
    arena.writer().install(&target).await.expect("installed");
    let public = client(false).get(format!("http://127.0.0.1:{}/", arena.public));
    let answer = public
        .header("host", "shop.example.com")
        .send()
        .await
        .expect("an answer");
    assert!(
        !answer.headers().contains_key("strict-transport-security"),
        "{answer:?}"
    );
    // A template that repeats the header keeps it.
    let repeated = "add_header X-Greenroom-Slot ${{ name }}_slot always;\n    \
                    add_header Strict-Transport-Security max-age=1 always;\n    proxy_hide_header X-Powered-By;";
    let template = DEFAULT_TEMPLATE.replace(
        "add_header X-Greenroom-Slot ${{ name }}_slot always;",
        repeated,
    );
    arena.arrangement.template = Some(Ok(template));
    assert_eq!(
        arena
            .reader()
            .install_warnings(&target)
            .await
            .expect("a dump"),
        none
    );
}

#[tokio::test]
async fn a_missing_program_error_suggests_its_path() {
    let mut arena = Arena::start().await;
    arena.arrangement.command[0] = "no-such-nginx".into();
    let failure = arena.reader().proxy().await.expect_err("no such program");
    assert_eq!(failure.kind, FailureKind::Missing, "{failure}");
    let said = failure.to_string();
    assert!(
        said.contains("there is no program no-such-nginx in any directory of PATH"),
        "{said}"
    );
    assert!(said.contains("/usr/sbin"), "{said}");
    // The distribution's nginx is installed outside the PATH of an ordinary user.
    arena.arrangement.command[0] = "/nonexistent/nginx".into();
    let said = arena
        .reader()
        .proxy()
        .await
        .expect_err("no such program")
        .to_string();
    assert!(said.contains("set binary = \"/usr/sbin/nginx\""), "{said}");
    let failure = arena.writer().install(&arena.target).await;
    let said = failure.expect_err("no such program").to_string();
    assert!(said.contains("set binary"), "{said}");
}

#[tokio::test]
async fn an_nginx_without_an_answer_is_unknown_and_not_outdated() {
    let arena = Arena::start().await;
    let (reader, writer, target) = (arena.reader(), arena.writer(), &arena.target);
    writer.install(target).await.expect("installed");
    arena.signal_workers("STOP");
    let looked = reader.installation(target).await;
    arena.signal_workers("CONT");
    let failure = looked.expect_err("no answer");
    assert_eq!(failure.kind, FailureKind::Unreachable);
    let said = failure.to_string();
    assert!(said.contains("no answer from 127.0.0.1:"), "{said}");
    assert!(said.contains("within 2 s"), "{said}");
    let looked = reader.installation(target).await.expect("an answer");
    assert_eq!(looked, Installation::Current);
}

#[tokio::test]
async fn a_changed_or_not_loaded_file_is_outdated() {
    let arena = Arena::start().await;
    let (reader, writer, target) = (arena.reader(), arena.writer(), &arena.target);
    writer.install(target).await.expect("installed");
    let text = fs::read_to_string(arena.site_file()).expect("the file");
    fs::write(arena.site_file(), format!("{text}# mine\n")).expect("written");
    let looked = reader.installation(target).await.expect("an answer");
    assert!(matches!(looked, Installation::Outdated(_)), "{looked:?}");
    writer.install(target).await.expect("mended");
    assert_eq!(fs::read_to_string(arena.site_file()).expect("file"), text);

    let mut renamed = Arena::start().await;
    renamed
        .writer()
        .install(&renamed.target)
        .await
        .expect("installed");
    let first = fs::read_to_string(renamed.site_file()).expect("the file");
    let before = renamed.reader();
    renamed.arrangement.targets[0]
        .server_names
        .push("new.example.com".into());
    let looked = renamed
        .reader()
        .installation(target)
        .await
        .expect("an answer");
    assert!(matches!(looked, Installation::Outdated(_)), "{looked:?}");
    renamed.writer().install(target).await.expect("installed");
    fs::write(renamed.site_file(), first).expect("written, and not loaded");
    let Installation::Outdated(said) = before.installation(target).await.expect("an answer") else {
        panic!("a file that is not loaded is current");
    };
    assert!(said.contains("nginx has loaded configuration"), "{said}");
}

#[tokio::test]
async fn values_that_could_inject_a_directive_are_refused_before_any_change() {
    let arena = Arena::start().await;
    let evil = "x; } server { listen 1;";
    let spoils: [Spoil; 7] = [
        |a, evil| a.targets[0].server_names = vec![evil.into()],
        |a, evil| a.targets[0].listen = vec![format!("80 {evil}")],
        |a, evil| a.targets[0].preview_server_names = vec![evil.into()],
        |a, evil| a.targets[0].preview_listen = vec![evil.into()],
        |a, evil| a.targets[0].endpoints.blue = Address::Unix(format!("/{evil}").into()).into(),
        |a, evil| a.config.state = format!("/{evil}").into(),
        |a, evil| a.config.sites = format!("/{evil}/..").into(),
    ];
    for spoil in spoils {
        for evil in [evil, "a\nb", "$http_host", "\"", "a'", "a#", "{{ mark }}"] {
            let mut arrangement = arena.arrangement.clone();
            spoil(&mut arrangement, evil);
            let refused = Nginx::new(arrangement).err().expect("refused");
            assert_eq!(refused.kind, FailureKind::Rejected, "{evil}");
        }
    }
    assert!(arena.files("conf.d").is_empty());
}

#[tokio::test]
async fn a_hostile_answer_socket_path_is_refused_by_the_template() {
    let mut arena = Arena::start().await;
    arena.arrangement.config.answer.listen = Endpoint::Unix("/tmp/x; } evil {".into());
    let refused = arena.writer().install(&arena.target).await;
    assert_eq!(refused.expect_err("refused").kind, FailureKind::Rejected);
    assert!(arena.files("conf.d").is_empty());
}

#[tokio::test]
async fn a_configuration_that_nginx_rejects_changes_nothing() {
    let mut arena = Arena::start().await;
    arena.writer().install(&arena.target).await.expect("first");
    let before = (arena.files("conf.d"), arena.files("state"));
    let mark = arena.reader().answer(&arena.target).await.expect("mark");
    arena.arrangement.template = Some(Ok(format!("{DEFAULT_TEMPLATE}\nnonsense on;\n")));
    let refused = arena.writer().install(&arena.target).await;
    let refused = refused.expect_err("refused");
    assert_eq!(refused.kind, FailureKind::Rejected);
    let said = refused.to_string();
    assert!(
        said.contains("nonsense") && said.contains("nothing was changed"),
        "{said}"
    );
    assert!(!said.contains("candidate.conf"), "{said}");
    assert_eq!((arena.files("conf.d"), arena.files("state")), before);
    let main = arena
        .files(".")
        .into_iter()
        .filter(|f| f.0.starts_with(&arena.arrangement.config.configuration));
    assert_eq!(main.count(), 1);
    let after = arena.reader().answer(&arena.target).await.expect("mark");
    assert_eq!(after, mark);
}

#[tokio::test]
async fn a_taken_port_that_nginx_does_not_report_is_noticed_and_undone() {
    let mut arena = Arena::start().await;
    arena.writer().install(&arena.target).await.expect("first");
    let upstream = arena.upstream(Slot::Blue).await;
    let first = order(None, Slot::Blue, 1);
    arena
        .writer()
        .switch(&arena.target, &first)
        .await
        .expect("live");
    let before = arena.files("conf.d");
    let mark = arena.reader().answer(&arena.target).await.expect("mark");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("a port").port();
    arena.arrangement.targets[0]
        .listen
        .push(format!("127.0.0.1:{port}"));
    arena.arrangement.time_limit = Duration::from_millis(1_500);
    let refused = arena.writer().install(&arena.target).await;
    let refused = refused.expect_err("not applied");
    let said = refused.to_string();
    assert_eq!(refused.kind, FailureKind::Rejected, "{said}");
    for part in [
        "the configuration is not loaded",
        "Address already in use",
        "old file was restored",
        "answers as before",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    assert_eq!(arena.files("conf.d"), before);
    let after = arena.reader().answer(&arena.target).await.expect("mark");
    assert_eq!(after, mark);
    let got = get(&client(false), arena.public, "shop.example.com").await;
    assert_eq!(got.expect("an answer").body, "blue for shop.example.com");
    drop(taken);
    arena.writer().install(&arena.target).await.expect("now");
    drop(upstream);
}

#[tokio::test]
async fn the_first_installation_on_a_taken_port_is_removed_again() {
    let mut arena = Arena::start().await;
    let taken = std::net::TcpListener::bind(("127.0.0.1", arena.public)).expect("the port");
    arena.arrangement.time_limit = Duration::from_millis(1_500);
    let refused = arena.writer().install(&arena.target).await;
    let said = refused.expect_err("not applied").to_string();
    assert!(said.contains("the new file was removed"), "{said}");
    assert!(arena.files("conf.d").is_empty());
    drop(taken);
}

#[tokio::test]
async fn a_missing_include_is_reported_with_the_line_to_add() {
    let mut arena = Arena::start().await;
    arena.arrangement.config.sites = arena.place.path().join("elsewhere");
    let refused = arena.writer().install(&arena.target).await;
    let said = refused.expect_err("refused").to_string();
    let line = format!("include {}/elsewhere/*.conf;", arena.place.path().display());
    assert!(said.contains(&line), "{said}");
    assert!(!arena.arrangement.config.sites.exists());
}

#[tokio::test]
async fn a_foreign_file_is_never_replaced() {
    let arena = Arena::start().await;
    fs::write(arena.site_file(), "# mine\n").expect("written");
    let refused = arena.writer().install(&arena.target).await;
    assert_eq!(refused.expect_err("refused").kind, FailureKind::Conflict);
    assert_eq!(arena.files("conf.d")[0].1, "# mine\n");
}

#[tokio::test]
async fn a_stopped_nginx_is_reported_and_nothing_is_left() {
    let mut arena = Arena::start().await;
    arena.kill();
    let refused = arena.writer().install(&arena.target).await;
    let refused = refused.expect_err("nothing to reload");
    assert!(
        refused.to_string().contains("check that nginx is running"),
        "{refused}"
    );
    assert!(arena.files("conf.d").is_empty());
    let unanswered = arena.reader().answer(&arena.target).await;
    assert_eq!(unanswered.expect_err("down").kind, FailureKind::Unreachable);
}

#[tokio::test]
async fn an_nginx_that_died_later_is_reported_and_the_files_stay() {
    let mut arena = Arena::start().await;
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    arena.kill();
    let looked = arena.reader().installation(&arena.target).await;
    let Installation::Outdated(said) = looked.expect("looked") else {
        panic!("current without an nginx");
    };
    assert!(said.contains("refused"), "{said}");
    let before = arena.files("conf.d");
    let refused = arena.writer().install(&arena.target).await;
    let refused = refused.expect_err("down");
    assert_eq!(refused.kind, FailureKind::Ambiguous, "{refused}");
    assert_eq!(arena.files("conf.d"), before);
    let arena = arena.run().await;
    let looked = arena.reader().installation(&arena.target).await;
    assert_eq!(looked.expect("looked"), Installation::Current);
}

#[tokio::test]
async fn a_file_that_is_left_after_a_failed_test_is_reported() {
    let mut arena = Arena::start().await;
    // The sites are not included, so the file is tested where it belongs. Meanwhile it becomes a directory, which
    // cannot be removed as a file.
    arena.arrangement.config.sites = arena.place.path().join("elsewhere");
    fs::create_dir(&arena.arrangement.config.sites).expect("a directory");
    let site = arena.site_file();
    let spoiling = arena.place.path().join("spoiling");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *-T*) [ ! -f {0} ] || {{ rm {0}; mkdir {0}; }};; esac\nnginx \"$@\"\n",
        site.display()
    );
    fs::write(&spoiling, script).expect("written");
    let at = arena.place.path().display().to_string();
    arena.arrangement.command = vec!["sh".into(), spoiling.display().to_string(), "-p".into(), at];
    let failed = arena.writer().install(&arena.target).await;
    let failed = failed.expect_err("not included");
    assert_eq!(failed.kind, FailureKind::Ambiguous, "{failed}");
    let said = failed.to_string();
    for part in ["could not be restored", "correct or remove the file"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn an_nginx_that_dies_during_the_reload_gets_its_old_file_back() {
    let mut arena = Arena::start().await;
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    let before = arena.files("conf.d");
    let deadly = arena.place.path().join("deadly");
    let script = format!(
        "#!/bin/sh\nnginx \"$@\" || exit 1\ncase \"$*\" in *reload*) kill $(cat {}/nginx.pid);; esac\n",
        arena.place.path().display()
    );
    fs::write(&deadly, script).expect("written");
    arena.arrangement.command = vec!["sh".into(), deadly.display().to_string()];
    let at = arena.place.path().display().to_string();
    arena.arrangement.command.extend(["-p".to_owned(), at]);
    arena.arrangement.targets[0]
        .server_names
        .push("new.example.com".into());
    arena.arrangement.time_limit = Duration::from_millis(500);
    let failed = arena
        .writer()
        .install(&arena.target)
        .await
        .expect_err("dead");
    assert_eq!(failed.kind, FailureKind::Ambiguous, "{failed}");
    assert!(
        failed.to_string().contains("could not be reloaded"),
        "{failed}"
    );
    assert_eq!(arena.files("conf.d"), before);
}

#[tokio::test]
async fn a_custom_template_is_used_and_must_be_complete() {
    let mut arena = Arena::start().await;
    arena.arrangement.template = Some(Ok(DEFAULT_TEMPLATE.replace(
        "location / {\n        proxy_pass",
        "location = /own { return 418; }\n    location / {\n        proxy_pass",
    )));
    arena
        .writer()
        .install(&arena.target)
        .await
        .expect("installed");
    assert!(arena.files("conf.d")[0].1.contains("/own"));
    for (template, wanted) in [
        ("server { listen 1; }", "mark"),
        ("{{ mark }} {{ missing }}", "undefined"),
        ("{{ mark", "line 1"),
        ("{{ mark }}", "answer_name"),
    ] {
        arena.arrangement.template = Some(Ok(template.into()));
        let refused = arena.writer().install(&arena.target).await;
        let said = refused.expect_err("refused").to_string();
        assert!(said.contains(wanted), "{wanted:?} in {said}");
    }
}

#[tokio::test]
async fn two_targets_on_one_nginx_do_not_answer_for_each_other() {
    let mut arena = Arena::start().await;
    let qa = Target::new(
        "web".parse().expect("a name"),
        "qa".parse().expect("a name"),
    );
    let mut site = arena.site().clone();
    site.target = qa.clone();
    site.server_names = vec!["qa.example.com".into()];
    site.preview_server_names = vec!["preview.qa.example.com".into()];
    arena.arrangement.targets.push(site);
    let (reader, writer) = (arena.reader(), arena.writer());
    writer.install(&arena.target).await.expect("installed");
    let missing = reader.answer(&qa).await.expect_err("not installed");
    assert_eq!(missing.kind, FailureKind::Missing);
    writer.install(&qa).await.expect("installed");
    writer
        .switch(&qa, &order(None, Slot::Green, 1))
        .await
        .expect("live");
    assert_eq!(arena.live().await, None);
    let answer = reader.answer(&qa).await.expect("an answer");
    assert_eq!(answer.slot, Some(Slot::Green));
    let unknown = Target::new(
        "web".parse().expect("a name"),
        "dev".parse().expect("a name"),
    );
    let unknown = writer.install(&unknown).await.expect_err("unknown");
    assert_eq!(unknown.kind, FailureKind::Unsupported);
}

#[tokio::test]
async fn the_planned_calls_are_listed() {
    let mut arena = Arena::start().await;
    let words = arena.reader().describe_install(&arena.target).join("\n");
    let file = arena.site_file().display().to_string();
    for part in [&file, "nginx -p", "-T -c", "-s reload", "is-green"] {
        assert!(words.contains(part), "{part:?} in {words}");
    }
    let switch = order(Some(Slot::Blue), Slot::Green, 7);
    let words = arena
        .reader()
        .describe_switch(&arena.target, &switch)
        .join("\n");
    assert!(
        words.contains("green/answer.json") && words.contains("no reload"),
        "{words}"
    );
    arena.arrangement.config.switch = SwitchMode::Reload;
    let words = arena
        .reader()
        .describe_switch(&arena.target, &switch)
        .join("\n");
    assert!(words.contains("may cut kept-alive connections"), "{words}");
}
