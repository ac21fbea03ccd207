//! A table of the file, read key by key. It records the keys it is asked for, and reports all
//! others as unknown.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::nearest::nearest;
use super::report::Report;
use super::value::Value;

/// A table, its position, and its name in problems.
pub(super) struct Table<'a> {
    asked: Vec<&'static str>,
    name: String,
    offset: usize,
    report: &'a Report<'a>,
    table: &'a DeTable<'a>,
}

impl<'a> Table<'a> {
    /// A table; `name` is empty for the whole file.
    pub(super) fn new(
        name: String,
        offset: usize,
        table: &'a DeTable<'a>,
        report: &'a Report<'a>,
    ) -> Self {
        Self { asked: Vec::new(), name, offset, report, table }
    }

    /// The table that a value is.
    pub(super) fn of(value: &Value<'a>) -> Option<Self> {
        let table = value.table()?;
        Some(Self::new(value.name.clone(), value.offset(), table, value.report))
    }

    /// The tables of an array of tables, each named `noun` and its number; `empty` is the problem
    /// if the array must not be empty.
    pub(super) fn all_of(value: &Value<'a>, noun: &str, empty: Option<&str>) -> Vec<Self> {
        value.array_of_tables(noun, empty).iter().filter_map(Self::of).collect()
    }

    /// The value of an optional key.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.asked.push(key);
        let value: &Spanned<DeValue<'_>> = self.table.get(key)?;
        Some(Value::new(self.called(key), value, self.report))
    }

    /// The value of a required key; `why` is what to write if it is missing.
    pub(super) fn require(&mut self, key: &'static str, why: &str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.problem(format!("{key} is missing: {why}"));
        }
        value
    }

    /// The value of a key, converted by `read`; `default` if it is absent.
    pub(super) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> Option<T> {
        self.get(key).map_or(Some(default), |value| read(&value))
    }

    /// Whether it has no keys.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Its position in the file.
    pub(super) fn offset(&self) -> usize {
        self.offset
    }

    /// Adds a problem with the whole table.
    pub(super) fn problem(&self, message: impl std::fmt::Display) {
        self.report.add(self.offset, self.called(message));
    }

    /// Reports every key that was not asked for.
    pub(super) fn finish(&self) {
        for (key, _) in self.table {
            let text: &str = key.get_ref();
            if !self.asked.contains(&text) {
                let remedy = match nearest(text, &self.asked) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => match self.asked.as_slice() {
                        [only] => format!("the only key here is {only}"),
                        keys => format!("the keys here are {}", keys.join(", ")),
                    },
                };
                let problem = format!("unknown key {text:?}: {remedy}");
                self.report.add(key.span().start, self.called(problem));
            }
        }
    }

    fn called(&self, what: impl std::fmt::Display) -> String {
        if self.name.is_empty() { what.to_string() } else { format!("{}: {what}", self.name) }
    }
}
