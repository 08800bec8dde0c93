//! `greenroom` without a verb: the console.

use super::Exit;
use super::arguments::Common;

pub(super) async fn run(common: &Common) -> Exit {
    let _ = super::open::app(common).await;
    Exit::Done
}
