//! A value of the file: its expected type, and the problem if it has another.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use service_kit::settings;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::report::Report;

/// A value, its position, and its name in problems.
pub(super) struct Value<'a> {
    pub(super) name: String,
    pub(super) report: &'a Report<'a>,
    value: &'a Spanned<DeValue<'a>>,
}

impl<'a> Value<'a> {
    pub(super) fn new(
        name: String,
        value: &'a Spanned<DeValue<'a>>,
        report: &'a Report<'a>,
    ) -> Self {
        Self { name, report, value }
    }

    /// Its position in the file.
    pub(super) fn offset(&self) -> usize {
        self.value.span().start
    }

    /// Adds a problem with the value.
    pub(super) fn problem(&self, message: impl Display) {
        self.report.add(self.offset(), format!("{}: {message}", self.name));
    }

    /// A string that `parse` accepts.
    pub(super) fn text<T, E: Display>(
        &self,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match self.value.get_ref() {
            DeValue::String(text) => parse(text).map_err(|problem| self.problem(problem)).ok(),
            _ => self.wrong_type("a string, in quotes"),
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        match self.value.get_ref() {
            DeValue::Boolean(boolean) => Some(*boolean),
            _ => self.wrong_type("true or false, without quotes"),
        }
    }

    /// An integer in a range.
    pub(super) fn number<T: TryFrom<u64>>(&self, range: RangeInclusive<u64>) -> Option<T> {
        let DeValue::Integer(integer) = self.value.get_ref() else {
            return self.wrong_type("a whole number, without quotes");
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| range.contains(number));
        let number = number.and_then(|number| T::try_from(number).ok());
        if number.is_none() {
            let (least, most) = range.into_inner();
            self.problem(format!("{integer} is out of range: write {least} to {most}"));
        }
        number
    }

    /// A duration, such as `"10s"`.
    pub(super) fn duration(&self) -> Option<Duration> {
        match self.value.get_ref() {
            DeValue::String(_) => self.text(settings::duration),
            _ => self.wrong_type("a time with its unit, in quotes, such as \"10s\""),
        }
    }

    /// As [`Self::duration`], or `0`.
    pub(super) fn duration_or_zero(&self) -> Option<Duration> {
        match self.value.get_ref() {
            DeValue::String(_) => self.text(settings::duration_or_zero),
            _ => self.wrong_type("a time with its unit, in quotes, such as \"5m\", or \"0\""),
        }
    }

    /// A size, such as `"32KiB"`, or a number of bytes.
    pub(super) fn bytes(&self) -> Option<usize> {
        match self.value.get_ref() {
            DeValue::Integer(_) => self.number(1..=u32::MAX.into()),
            DeValue::String(_) => self.text(settings::bytes),
            _ => self.wrong_type("a size, in quotes, such as \"32KiB\""),
        }
    }

    /// The path of an identity directory. The file system is not accessed.
    pub(super) fn directory(&self) -> Option<PathBuf> {
        self.text(|text| match text {
            "" => Err("it is empty: name the directory with tls.crt, tls.key and ca.crt"),
            _ if text.contains('\0') => Err("it has a NUL character: no path has one"),
            _ => Ok(PathBuf::from(text)),
        })
    }

    /// The keys and values of a table.
    pub(super) fn table(&self) -> Option<&'a DeTable<'a>> {
        match self.value.get_ref() {
            DeValue::Table(table) => Some(table),
            _ => self.wrong_type("a table"),
        }
    }

    /// The values of a non-empty array; `empty` is the problem if it is empty.
    pub(super) fn array(&self, empty: &str) -> Option<Vec<Self>> {
        match self.value.get_ref() {
            DeValue::Array(values) if values.is_empty() => {
                self.problem(empty);
                None
            }
            DeValue::Array(values) => {
                Some(values.iter().map(|v| Self::new(self.name.clone(), v, self.report)).collect())
            }
            _ => self.wrong_type("an array, in brackets"),
        }
    }

    /// The values of an array of tables, each named `noun` and its number; `empty` is the problem
    /// if the array must not be empty.
    pub(super) fn array_of_tables(&self, noun: &str, empty: Option<&str>) -> Vec<Self> {
        let DeValue::Array(values) = self.value.get_ref() else {
            self.wrong_type::<()>(&format!("an array of tables: write [[{noun}]] above each"));
            return Vec::new();
        };
        if let (true, Some(empty)) = (values.is_empty(), empty) {
            self.problem(format!("it is empty: {empty}"));
        }
        let numbered =
            |(index, value)| Self::new(format!("{noun} {}", index + 1), value, self.report);
        values.iter().enumerate().map(numbered).collect()
    }

    fn wrong_type<T>(&self, wanted: &str) -> Option<T> {
        self.problem(format!(
            "it has the type {}: write {wanted}",
            self.value.get_ref().type_str()
        ));
        None
    }
}
