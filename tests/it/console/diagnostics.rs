//! Greenroom's own diagnostics, which replace the log.

use greenroom::console::effect::{Effect, Watch};
use tracing_subscriber::layer::SubscriberExt as _;

use super::world::{model, press, press_key, screen, web_production};
use crossterm::event::KeyCode;

fn say(words: impl Fn()) {
    let layers = tracing_subscriber::registry().with(tui_logger::TuiTracingSubscriberLayer);
    tracing::subscriber::with_default(layers, words);
}

#[test]
fn diagnostics_replace_the_log_and_are_sanitized() {
    let mut model = model((118, 34), web_production());
    // Written by this test alone, because the lines are shared by the whole process.
    say(|| {
        for number in 0..200 {
            tracing::info!("step number {number} of the way");
        }
        tracing::warn!(path = "/x", "odd \u{1b}]0;owned\u{7}\u{202e} words");
    });
    let effects = press(&mut model, "d");
    assert!(matches!(
        effects.as_slice(),
        [Effect::WatchDiagnostics(Watch::On)]
    ));
    let shown = screen(&model);
    assert!(shown.contains("Greenroom's own messages"), "{shown}");
    assert!(
        shown.contains("WARN  it::console::diagnostics: odd \u{fffd} words path: /x"),
        "{shown}"
    );
    assert!(!shown.contains("number 3 of"), "{shown}");
    let mut pages = 0;
    while !screen(&model).contains("number 0 of") {
        press(&mut model, "k");
        pages += 1;
        assert!(pages < 100, "{}", screen(&model));
    }
    assert!(pages > 10, "{pages}");
    press(&mut model, "j");
    assert!(!screen(&model).contains("number 0 of"));
    press(&mut model, "G");
    assert!(screen(&model).contains("odd \u{fffd} words"));
    // Keys for log lines answer that they do not work here.
    press(&mut model, "/");
    assert!(screen(&model).contains("d shows the log again"));
    let effects = press_key(&mut model, KeyCode::Esc);
    assert!(matches!(
        effects.as_slice(),
        [Effect::WatchDiagnostics(Watch::Off)]
    ));
    assert!(screen(&model).contains("blue has logged nothing yet"));
}
