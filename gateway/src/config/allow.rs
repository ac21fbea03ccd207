//! The `allow` of a route: a policy as the file has it. An array is any of its tables; a table is
//! all of its keys.

use mtls::policy::{Attribute, Condition, Policy, Rule};

use super::table::Table;
use super::value::Value;

/// Reads the whole array.
pub(super) fn read(value: &Value<'_>) -> Option<Policy> {
    let policy = Policy::new(rules(value)?);
    policy.map_err(|problem| value.problem(problem)).ok()
}

fn rules(value: &Value<'_>) -> Option<Vec<Rule>> {
    let tables = value.array(EMPTY)?.into_iter().map(|value| value.table().and_then(rule));
    // Every table is read before the first bad one counts, so that all is told.
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
    // None where its keys are unknown, each of which is told.
    if parts.is_empty() {
        return None;
    }
    Rule::all(parts).map_err(|problem| table.problem(problem)).ok()
}

const EMPTY: &str = "it is empty, which allows nobody and never everybody: name who may come";
