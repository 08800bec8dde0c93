//! The themes: text is readable on its background, and different states look different, for every
//! kind of colour vision that a theme supports and without colour. A theme changes at once.

use std::collections::BTreeSet;

use crossterm::event::KeyCode;
use greenroom::console::theme::{Glyph, Meaning};
use greenroom::console::{Charset, Depth, Model, Theme};
use greenroom::inventory::Tier;
use ratatui::style::{Color, Modifier, Style};

use super::colours::{Eyes, Rgb, contrast, distance};
use super::world::{drawn, model, press, press_key, screen, web_production, with_candidate};

/// Backgrounds of dark terminals: black, the usual one of editors, Dracula's.
const DARK: [Rgb; 3] = [(0, 0, 0), (0x1e, 0x1e, 0x1e), (0x28, 0x2a, 0x36)];
/// Backgrounds of light terminals: white, paper, Solarized's.
const LIGHT: [Rgb; 3] = [(255, 255, 255), (0xf5, 0xf5, 0xf5), (0xfd, 0xf6, 0xe3)];

/// The least distance between two colours that mean different things: five times the noticeable
/// distance.
const APART: f64 = 0.10;

const STATES: [Meaning; 4] = [Meaning::Ok, Meaning::Warn, Meaning::Bad, Meaning::Busy];

fn theme(name: &str) -> Theme {
    Theme::named(name, Depth::True, Charset::Unicode).expect("a theme")
}

fn rgb(colour: Color) -> Rgb {
    match colour {
        Color::Rgb(r, g, b) => (r, g, b),
        other => panic!("{other:?} is not a colour of a shipped theme"),
    }
}

/// The backgrounds of a theme's text when the theme sets none.
fn grounds(theme: &Theme) -> Vec<Rgb> {
    match theme.style(Meaning::Text).bg {
        Some(own) => vec![rgb(own)],
        None if theme.name() == "light" => LIGHT.to_vec(),
        None => DARK.to_vec(),
    }
}

fn coloured() -> impl Iterator<Item = Theme> {
    Theme::shipped().filter(|name| *name != "mono").map(theme)
}

#[test]
fn every_text_is_readable_on_its_background() {
    for theme in coloured() {
        for meaning in Meaning::ALL {
            let style = theme.style(meaning);
            let Some(letters) = style.fg.map(rgb) else {
                continue;
            };
            let quiet = matches!(meaning, Meaning::Muted | Meaning::Border | Meaning::Stale);
            let least = match (theme.name(), quiet) {
                ("high-contrast", _) => 7.0,
                (_, true) => 3.0,
                (_, false) => 4.5,
            };
            let grounds = style
                .bg
                .map_or_else(|| grounds(&theme), |own| vec![rgb(own)]);
            for ground in grounds {
                let found = contrast(letters, ground);
                assert!(
                    found >= least,
                    "{}: {meaning:?} on {ground:?} has {found:.2}, not {least}",
                    theme.name()
                );
            }
        }
    }
}

#[test]
fn states_and_slots_differ_for_the_colour_vision_a_theme_supports() {
    for theme in coloured() {
        let eyes: &[Eyes] = match theme.name() {
            "deuteranopia" => &[Eyes::All, Eyes::Deuteranopia, Eyes::Protanopia],
            "tritanopia" => &[Eyes::All, Eyes::Tritanopia],
            _ => &[Eyes::All],
        };
        let colour = |meaning| rgb(theme.style(meaning).fg.expect("a colour"));
        let mut pairs = vec![(Meaning::SlotBlue, Meaning::SlotGreen)];
        for (index, one) in STATES.into_iter().enumerate() {
            pairs.extend(STATES[index + 1..].iter().map(|other| (one, *other)));
        }
        for eyes in eyes {
            for (one, other) in &pairs {
                let found = distance(colour(*one), colour(*other), *eyes);
                let name = theme.name();
                assert!(
                    found >= APART,
                    "{name}, {eyes:?}: {one:?} and {other:?} are {found:.3} apart"
                );
            }
        }
    }
}

#[test]
fn states_and_slots_differ_with_256_and_with_16_colours() {
    for name in Theme::shipped().filter(|name| *name != "mono") {
        for depth in [Depth::Indexed, Depth::Ansi] {
            let theme = Theme::named(name, depth, Charset::Unicode).expect("a theme");
            let colour = |meaning| format!("{:?}", theme.style(meaning).fg);
            let states: BTreeSet<String> = STATES.into_iter().map(colour).collect();
            assert_eq!(states.len(), STATES.len(), "{name} {depth:?}: {states:?}");
            let slots = [Meaning::SlotBlue, Meaning::SlotGreen].map(colour);
            assert_ne!(slots[0], slots[1], "{name} {depth:?}");
        }
    }
}

fn without_colour(style: Style) -> Modifier {
    style.add_modifier
}

#[test]
fn without_colour_bold_and_reverse_mark_what_matters() {
    for name in Theme::shipped() {
        let theme = Theme::named(name, Depth::None, Charset::Unicode).expect("a theme");
        let weight = |meaning| without_colour(theme.style(meaning));
        for (one, other) in [
            (Meaning::Ok, Meaning::Bad),
            (Meaning::Border, Meaning::Focus),
            (Meaning::Text, Meaning::Selection),
            (Meaning::Text, Meaning::Match),
            (Meaning::TierDevelopment, Meaning::TierProtected),
        ] {
            assert_ne!(weight(one), weight(other), "{name}: {one:?} and {other:?}");
        }
    }
    let mono = theme("mono");
    let weights: BTreeSet<String> = STATES
        .iter()
        .map(|state| format!("{:?}", without_colour(mono.style(*state))))
        .collect();
    assert_eq!(weights.len(), STATES.len(), "{weights:?}");
}

#[test]
fn every_state_has_its_own_glyph_in_both_character_sets() {
    let states = [
        Glyph::Full,
        Glyph::Hollow,
        Glyph::Half,
        Glyph::Tick,
        Glyph::Cross,
        Glyph::Held,
        Glyph::Differs,
        Glyph::Unknown,
        Glyph::None,
        Glyph::Dot,
        Glyph::Hand,
        Glyph::Back,
    ];
    for charset in [Charset::Unicode, Charset::Ascii] {
        let texts: BTreeSet<&str> = states.iter().map(|glyph| glyph.text(charset)).collect();
        assert_eq!(texts.len(), states.len(), "{charset:?}: {texts:?}");
    }
}

#[test]
fn a_theme_with_a_background_paints_the_whole_screen() {
    let mut model = dressed();
    for dialog in ["", "?"] {
        press(&mut model, dialog);
        let buffer = drawn(&model, &theme("high-contrast"));
        let bare = buffer
            .content()
            .iter()
            .filter(|cell| cell.bg == Color::Reset);
        assert_eq!(bare.count(), 0, "{dialog:?}");
    }
}

/// A model with all shipped themes.
fn dressed() -> Model {
    let mut model = model((118, 34), with_candidate(web_production()));
    model.looks.themes = Theme::shipped().map(str::to_owned).collect();
    "dark".clone_into(&mut model.looks.theme);
    model
}

#[test]
fn the_theme_under_the_cursor_applies_until_enter_keeps_or_esc_restores() {
    let mut model = dressed();
    press(&mut model, "T");
    assert_eq!(model.theme(), "dark");
    press(&mut model, "jjj");
    assert_eq!(model.theme(), "deuteranopia");
    press_key(&mut model, KeyCode::Esc);
    assert_eq!(model.theme(), "dark");
    press(&mut model, "Tjjj");
    press_key(&mut model, KeyCode::Enter);
    assert_eq!(model.theme(), "deuteranopia");
    assert!(
        screen(&model).contains("theme deuteranopia"),
        "{}",
        screen(&model)
    );
}

#[test]
fn a_theme_chosen_for_protected_targets_applies_only_there() {
    let mut model = dressed();
    model.looks.theme_by_tier = vec![(Tier::Protected, "high-contrast".into())];
    assert_eq!(model.theme(), "high-contrast");
    press(&mut model, "T");
    assert!(screen(&model).contains("Theme of protected targets"));
    press(&mut model, "G");
    press_key(&mut model, KeyCode::Enter);
    assert_eq!(model.theme(), "mono");
    press(&mut model, "h");
    press_key(&mut model, KeyCode::Enter);
    assert_eq!(model.theme(), "dark");
}

#[test]
fn the_list_of_themes_shows_their_descriptions() {
    let mut model = dressed();
    press(&mut model, "Tj");
    insta::assert_snapshot!(screen(&model));
}
