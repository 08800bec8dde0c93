//! In a sandbox, pushes a new version of a service, so that a newcomer sees how the agent releases it.

use super::world;
use crate::console::backend::Backend;
use crate::console::effect::{Call, Effect, Question};
use crate::console::model::{Model, Weight};
use crate::inventory::ServiceName;

/// Pushes a new version of the service under the cursor.
pub(super) fn push(model: &mut Model) -> Vec<Effect> {
    let target = world::under_cursor(model).or_else(|| model.open.clone());
    let Some(target) = target else {
        return model.refused("no service is under the cursor: move the cursor to one");
    };
    let service = target.service;
    vec![Effect::ask(PushSample { service })]
}

#[derive(Debug)]
struct PushSample {
    service: ServiceName,
}

impl Question for PushSample {
    type Answer = Result<String, String>;

    fn ask<'a>(&'a self, backend: &'a dyn Backend) -> Call<'a, Self::Answer> {
        backend.push_sample(&self.service)
    }

    fn answered(&self, model: &mut Model, pushed: Self::Answer) -> Vec<Effect> {
        match pushed {
            Ok(pushed) => {
                model.say(Weight::Normal, &pushed);
                Vec::new()
            }
            Err(why) => model.refused(&why),
        }
    }
}
