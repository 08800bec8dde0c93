//! With keys alone, in the real loop: an operator finds the one error in 20,000 log lines.

use std::time::{Duration, Instant};

use crossterm::event::KeyCode;
use greenroom::logs::{NewLine, Origin};

use super::looping::open;
use super::world::{ago, now};

fn line(number: usize) -> NewLine {
    let text = if number == 7_431 {
        format!("ERROR basket {number}: deadlock detected, transaction rolled back")
    } else {
        format!("INFO  GET /basket/{number} 200 {}ms", number % 90)
    };
    NewLine {
        at: Some(if number < 10_000 { ago(700) } else { now() }),
        origin: Origin::Out,
        text: text.into(),
    }
}

#[tokio::test]
async fn the_one_error_in_twenty_thousand_lines_is_found() {
    let stage = open();
    stage.shows("web · dev").await;
    for first in (0..20_000).step_by(512) {
        let batch = (first..(first + 512).min(20_000)).map(line).collect();
        stage.lines.send(batch).await.expect("the loop runs");
    }
    stage.shows("GET /basket/19999").await;
    stage.shows("20,000 lines").await;
    let started = Instant::now();
    stage.press("5/error⏎").await;
    stage.shows("/error 1 of 1").await;
    stage.shows("ERROR basket 7431: deadlock").await;
    let slow = started.elapsed();
    assert!(slow < Duration::from_secs(3), "it took {slow:?}");
    // The lines before it are visible too, and new lines do not move the view.
    stage.shows("GET /basket/7430").await;
    stage
        .lines
        .send(vec![line(20_000)])
        .await
        .expect("the loop runs");
    stage.shows("20,001 lines").await;
    stage.shows("ERROR basket 7431: deadlock").await;
    // Filters by that request: first over the whole log, then over its last minutes.
    stage.press("&/7431⏎").await;
    stage.shows("none of 20,000 lines contains /7431").await;
    stage.key(KeyCode::Esc).await;
    stage.key(KeyCode::Esc).await;
    stage.press("&7431⏎").await;
    stage.shows("&7431 2").await;
    stage.press("ii").await;
    stage.shows("&7431 1").await;
    stage.shows("GET /basket/17431").await;
    stage.key(KeyCode::Esc).await;
    stage.press("f").await;
    stage.shows("GET /basket/20000").await;
    stage.shows("following").await;
}
