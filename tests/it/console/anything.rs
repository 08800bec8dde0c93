//! Random events in random order at random screen sizes cause no panic.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use greenroom::console::dialogs::{ListVersions, LookUpTag, ReadRules, ReadTerms, Reason};
use greenroom::console::event::{Event, Input};
use greenroom::console::{Charset, Depth, Theme};
use greenroom::history::{Direction, Outcome, Step};
use greenroom::inventory::{Tier, World};
use greenroom::logs::NewLine;
use greenroom::release::{Choice, Progress, Refusal, Refused, Resolved, Rules, Terms};
use proptest::prelude::*;

use super::queue;
use super::world::{
    PRODUCTION, ago, answered, asking, drawn, later, model, plan, planned, status, target, version,
    web_production, with_candidate, with_standby, world,
};

#[derive(Debug, Clone)]
enum Act {
    Key(KeyCode, bool),
    Paste(String),
    Resize(u16, u16),
    World(u8),
    Release(u8),
    Lines(u16),
    Versions(bool),
    Looked(u8),
    Told(bool),
    Planned(bool),
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    let characters = "qPAXRSWhjklgG?yfo12345 prductionzZ/+_nN&wtisdoeeDR";
    let letter = prop::sample::select(characters.chars().collect::<Vec<_>>());
    let named = prop::sample::select(vec![
        KeyCode::Enter,
        KeyCode::Esc,
        KeyCode::Tab,
        KeyCode::BackTab,
        KeyCode::Up,
        KeyCode::Down,
        KeyCode::Left,
        KeyCode::Right,
        KeyCode::Home,
        KeyCode::End,
        KeyCode::PageUp,
        KeyCode::PageDown,
        KeyCode::Backspace,
        KeyCode::F(5),
    ]);
    prop_oneof![
        8 => letter.prop_map(|c| Act::Key(KeyCode::Char(c), false)),
        4 => named.prop_map(|code| Act::Key(code, false)),
        1 => "[udcl]".prop_map(|c| Act::Key(KeyCode::Char(c.chars().next().unwrap_or('u')), true)),
        1 => ".{0,12}".prop_map(Act::Paste),
        2 => (0_u16..180, 0_u16..60).prop_map(|(w, h)| Act::Resize(w, h)),
        2 => (0_u8..6).prop_map(Act::World),
        3 => (0_u8..8).prop_map(Act::Release),
        2 => (0_u16..400).prop_map(Act::Lines),
        1 => any::<bool>().prop_map(Act::Versions),
        2 => (0_u8..6).prop_map(Act::Looked),
        1 => any::<bool>().prop_map(Act::Told),
        2 => any::<bool>().prop_map(Act::Planned),
        1 => (0_u64..400).prop_map(Act::Wait),
    ]
}

fn progress(which: u8) -> (Step, Progress) {
    match which {
        0 => (Step::Pull, Progress::Forward(Step::Pull)),
        1 => (Step::Switch, asking(Step::Switch).progress),
        2 => (
            Step::Verify,
            Progress::Choosing {
                step: Step::Verify,
                direction: Direction::Forward,
                why: "no".into(),
                choices: vec![Choice::Retry, Choice::BackOut],
            },
        ),
        3 => (
            Step::Stop,
            Progress::Standby {
                until: Some(later(9)),
            },
        ),
        4 => (Step::Start, Progress::Back(Step::Start)),
        5 => (Step::Start, Progress::Parked { why: "lost".into() }),
        6 => (Step::Register, asking(Step::Register).progress),
        _ => (Step::Stop, Progress::Closed(Outcome::Done)),
    }
}

fn event(act: &Act, model: &greenroom::console::Model) -> Option<Event> {
    let here = target("web", PRODUCTION);
    Some(match act {
        Act::Key(code, ctrl) => {
            let modifiers = if *ctrl {
                KeyModifiers::CONTROL
            } else {
                KeyModifiers::NONE
            };
            Event::Input(Input::Key(KeyEvent::new(*code, modifiers)))
        }
        Act::Paste(text) => Event::Input(Input::Paste(text.clone())),
        Act::Resize(width, height) => Event::Input(Input::Resized(*width, *height)),
        Act::World(0) => Event::WorldObserved(Arc::new(World::default())),
        Act::World(1) => Event::WorldObserved(Arc::new(world(web_production()))),
        Act::World(2) => Event::WorldObserved(Arc::new(world(with_candidate(web_production())))),
        Act::World(3) => Event::WorldObserved(Arc::new(world(queue::of_queue(3)))),
        Act::World(4) => Event::WorldObserved(Arc::new(world(queue::of_queue(120)))),
        Act::World(_) => Event::WorldObserved(Arc::new(world(with_standby(web_production())))),
        Act::Release(which) => {
            let (step, progress) = progress(*which);
            Event::ReleaseMoved(Arc::new(status(&here, Tier::Protected, step, progress)))
        }
        Act::Lines(count) => Event::LogArrived {
            source: model.log.source().cloned()?,
            batch: (0..*count)
                .map(|n| NewLine::notice(format!("{n} 日本語 é")))
                .collect(),
        },
        Act::Versions(listed) => {
            let versions = if *listed {
                Ok((0..80).map(|n| format!("1.{}.0", n / 2)).collect())
            } else {
                Err("no".into())
            };
            answered(ListVersions { target: here }, versions)
        }
        Act::Looked(minor) => {
            let name = format!("1.{minor}.0");
            let look_up = LookUpTag {
                target: here,
                reference: name.parse().expect("a tag"),
                name,
            };
            let resolved = match minor % 3 {
                0 => Resolved::Version(Box::new(version("1.9.0", "b81d77aa30"))),
                1 => Resolved::Missing {
                    wanted: "no".into(),
                },
                _ => Resolved::Unknown("\u{1b}[2Jno".into()),
            };
            answered(look_up, resolved)
        }
        Act::Told(known) => {
            let terms = if *known {
                Ok(Terms {
                    rules: Rules {
                        require_reason: true,
                        only_from: Some("qa".parse().expect("a name")),
                        ..Rules::default()
                    },
                    may_write: true,
                    has_health_check: false,
                    past: Err("no".into()),
                    was_live: Box::default(),
                })
            } else {
                Err("no".into())
            };
            match model.shown::<Reason>() {
                Some(_) => answered(ReadRules { target: here }, terms),
                None => answered(ReadTerms { target: here }, terms),
            }
        }
        Act::Planned(made) => {
            let plan = if *made {
                Ok(Arc::new(plan(&here, Tier::Protected)))
            } else {
                Err(Refused(vec![Refusal::NoStandby; 30]))
            };
            planned(model, plan)
        }
        Act::Wait(_) => Event::Ticked,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_event_at_any_size_panics(acts in prop::collection::vec(act(), 0..40)) {
        let theme = Theme::named("dark", Depth::Indexed, Charset::Unicode).expect("a theme");
        let mut model = model((118, 34), with_candidate(web_production()));
        let mut now = ago(0);
        for act in acts {
            if let Act::Wait(seconds) = act {
                now += std::time::Duration::from_secs(seconds);
            }
            let Some(event) = event(&act, &model) else { continue };
            greenroom::console::update::update(&mut model, event, now);
            drawn(&model, &theme);
        }
    }
}
