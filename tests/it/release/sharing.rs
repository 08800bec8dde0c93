//! What a plan says about an nginx that also serves other targets.

use std::{fs, slice};

use greenroom::history::{Outcome, Step};
use greenroom::inventory::{EnvironmentName, Target};
use greenroom::release::{
    Approval, Need, OnFailure, Plan, PlanRequest, RepairRequest, Scope, need_to_begin,
    need_to_repair,
};

use super::fixture::{Fixture, FixtureOptions, Running, version};

/// The configuration with a staging environment next to production, on the same servers.
fn with_staging(text: &str, service: &str) -> String {
    let begin = text
        .find("[environments.production]")
        .expect("the environment");
    let end = text
        .find(&format!("[services.{service}]"))
        .expect("the service");
    let environment = text[begin..end]
        .replace("environments.production", "environments.staging")
        .replace("\"protected\"", "\"staging\"");
    let place = format!("[services.{service}.environments.production]");
    let begin = text.find(&place).expect("the place");
    let port = crate::support::free_port;
    let slots = format!(
        "endpoints = {{ blue = \"127.0.0.1:{}\", green = \"127.0.0.1:{}\" }}",
        port(),
        port()
    );
    let mut place = text[begin..].replace("environments.production", "environments.staging");
    let old = place
        .lines()
        .find(|line| line.starts_with("endpoints"))
        .expect("slots")
        .to_owned();
    place = place
        .replace(&old, &slots)
        .replace("web.example", "staging.example");
    format!("{environment}\n{text}\n{place}")
}

#[tokio::test]
async fn a_plan_names_the_other_targets_of_its_nginx_and_lost_headers() {
    let mut fixture = Fixture::new(FixtureOptions {
        tier: "protected",
        ..FixtureOptions::default()
    })
    .await;
    let service = fixture.target.service.to_string();
    let main = fixture.place.path().join("nginx/nginx.conf");
    let text = fs::read_to_string(&main).expect("the main configuration");
    let header = "http {\n    add_header Strict-Transport-Security \"max-age=63072000\" always;\n";
    fs::write(&main, text.replace("http {\n", header)).expect("written");
    fixture.rebuild(|text| with_staging(text, &service)).await;
    let staging: EnvironmentName = "staging".parse().expect("a name");
    let target = Target::new(fixture.target.service.clone(), staging);
    let request = PlanRequest {
        target,
        ..fixture.request(version("1.8.2"))
    };
    let plan = fixture.app.engine.plan(&request).await.expect("a plan");
    let install = plan
        .step(Step::Install)
        .expect("it is not installed")
        .calls
        .join("\n");
    let production = fixture.target.to_string();
    assert!(
        install.contains(&format!("also serves {production}")),
        "{install}"
    );
    let warnings = plan.warnings.join("\n");
    assert!(
        warnings.contains(&format!("{production} (protected)")),
        "{warnings}"
    );
    assert!(
        warnings.contains("add_header Strict-Transport-Security"),
        "{warnings}"
    );
    assert_eq!(need_to_begin(&plan), Need::TypedName);
    assert_eq!(plan.touched, [fixture.target.clone()]);
    a_repair_that_installs_again_asks_as_much(&fixture, plan).await;
}

async fn a_repair_that_installs_again_asks_as_much(fixture: &Fixture, plan: Plan) {
    let engine = &fixture.app.engine;
    let (by, now) = (plan.operator.clone(), engine.clock().now());
    let target = plan.target().clone();
    let approval = Approval::give(&plan, Scope::Plan, by, Some("staging"), now).expect("a yes");
    let handle = engine.open(plan, &approval, OnFailure::BackOut).await;
    let finished = Running::of(handle.expect("it starts")).finish().await;
    assert_eq!(finished.outcome(), Some(Outcome::Done), "{finished:?}");
    let sites = fs::read_dir(fixture.place.path().join("sites")).expect("the sites");
    let site = sites
        .map(|site| site.expect("a site").path())
        .find(|path| path.to_string_lossy().contains("staging"))
        .expect("the site of staging");
    let text = fs::read_to_string(&site).expect("its text");
    fs::write(&site, format!("{text}# by hand\n")).expect("edited");
    let request = RepairRequest { target, only: None };
    let repair = engine.plan_repair(&request).await.expect("a repair");
    assert_eq!(repair.touched, slice::from_ref(&fixture.target));
    assert_eq!(need_to_repair(&repair), Need::TypedName);
}
