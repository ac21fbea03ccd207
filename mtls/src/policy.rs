//! Which peer may do what.

/// Who is allowed.
#[derive(Clone, Debug)]
pub struct Policy;
