//! `greenroom` without a verb: the console.

use super::Exit;
use super::arguments::Common;

pub(super) async fn run(common: &Common) -> Exit {
    let app = match super::open::app(common).await {
        Ok(app) => app,
        Err(exit) => return exit,
    };
    show(&app).await
}
