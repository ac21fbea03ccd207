//! The `allow` of a route: a policy in the file's syntax. One table of an array must match; all
//! keys of a table must.

use mtls::policy::{Attribute, Condition, Policy, Rule};

use super::table::Table;
use super::value::Value;

/// Reads the whole array.
pub(super) fn read(value: &Value<'_>) -> Option<Policy> {
    let policy = Policy::new(rules(value)?);
    policy.map_err(|problem| value.problem(problem)).ok()
}

fn rules(value: &Value<'_>) -> Option<Vec<Rule>> {
    let tables = value.array(EMPTY)?.into_iter().map(|value| Table::of(&value).and_then(rule));
    // Every table is read, so that all problems are reported.
    let rules: Vec<Option<Rule>> = tables.collect();
    rules.into_iter().collect()
}

fn rule(mut table: Table<'_>) -> Option<Rule> {
    if table.is_empty() {
        table.problem(EMPTY);
        return None;
    }
    let mut parts: Vec<Option<Rule>> = Vec::new();
    for attribute in Attribute::ALL {
        if let Some(value) = table.get(attribute.name()) {
            let condition = value.text(|text| Condition::new(attribute, text));
            parts.push(condition.map(Rule::from));
        }
    }
    for (key, join) in [("any", Rule::any as fn(Vec<Rule>) -> _), ("all", Rule::all)] {
        if let Some(value) = table.get(key) {
            let joined = rules(&value).map(join);
            let joined = joined.map(|rule| rule.map_err(|problem| value.problem(problem)));
            parts.push(joined.and_then(Result::ok));
        }
    }
    table.finish();
    let mut parts: Vec<Rule> = parts.into_iter().collect::<Option<_>>()?;
    if parts.len() == 1 {
        return parts.pop();
    }
    // All of its keys are unknown; each has been reported.
    if parts.is_empty() {
        return None;
    }
    Rule::all(parts).map_err(|problem| table.problem(problem)).ok()
}

const EMPTY: &str = "it is empty, which matches no peer: name the peers to allow";
