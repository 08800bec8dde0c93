//! What a person must do before a plan starts, a step runs or a release backs out.

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Nothing: the approval of the plan is enough.
    Nothing,
    Confirmation,
    /// The operator must type the environment's name.
    TypedName,
}
