//! What an act requires from a person.

/// What a step requires from a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing, because the approval of the plan covers the step.
    Nothing,
    Confirmation,
    /// The operator must type the environment's name.
    TypedName,
}
