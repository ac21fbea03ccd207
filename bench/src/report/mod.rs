//! What becomes of figures: a table, a plot, and a comparison with the budgets.

pub mod budget;
pub mod machine;
pub mod plot;
pub mod table;
