//! What Greenroom says about itself, in the log's place.

use greenroom::console::effect::{Effect, Watch};
use tracing_subscriber::layer::SubscriberExt as _;

use super::world::{model, press, press_key, screen, web_production};
use crossterm::event::KeyCode;

fn say(words: impl Fn()) {
    let layers = tracing_subscriber::registry().with(tui_logger::TuiTracingSubscriberLayer);
    tracing::subscriber::with_default(layers, words);
}

#[test]
fn diagnostics_take_the_logs_place_and_their_words_are_harmless() {
    let mut model = model((118, 34), web_production());
    // Said by this test alone, as the lines are the whole program's.
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
    // What is for lines of a log says that it is not for these.
    press(&mut model, "/");
    assert!(screen(&model).contains("d shows the log again"));
    let effects = press_key(&mut model, KeyCode::Esc);
    assert!(matches!(
        effects.as_slice(),
        [Effect::WatchDiagnostics(Watch::Off)]
    ));
    assert!(screen(&model).contains("blue has logged nothing yet"));
}
