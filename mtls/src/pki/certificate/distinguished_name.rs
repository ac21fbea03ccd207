//! Distinguished names (RFC 5280, section 4.1.2.4), and how they are written (RFC 4514).

use std::borrow::Cow;
use std::fmt::{Display, Formatter, Write};

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use thiserror::Error;

use super::der::{BadDer, Element, Elements, OBJECT_IDENTIFIER, SEQUENCE, SET};
use super::{Most, UnreadableCertificate};
use crate::untrusted::Untrusted;

/// A distinguished name, in the order of the certificate.
///
/// Displayed, it is an RFC 4514 string; serialized, a map from attribute to value, in which an
/// attribute that occurs more than once has an array.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DistinguishedName(pub(super) Vec<Vec<Attribute>>);

/// One attribute: its short name, or its dotted object identifier, and its value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Attribute {
    pub(super) name: Cow<'static, str>,
    pub(super) value: Value,
}

/// An attribute's value. The two are apart by type, since a text may look like hexadecimal.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Value {
    /// `#` and the DER in hexadecimal (RFC 4514, section 2.4), of a long one the first octets: what
    /// is no text.
    Hexadecimal(String),
    Text(String),
}

impl Value {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Hexadecimal(value) | Self::Text(value) => value,
        }
    }

    pub(super) fn as_mut(&mut self) -> &mut String {
        match self {
            Self::Hexadecimal(value) | Self::Text(value) => value,
        }
    }
}

/// A distinguished name that could not be read.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not a distinguished name")]
pub struct UnreadableName;

impl DistinguishedName {
    /// Reads one DER name of at most 64 attributes, such as a server's request names an authority
    /// by.
    pub fn read(der: &[u8]) -> Result<Self, UnreadableName> {
        let (name, problem) = Self::read_up_to(&Most::VERIFIED, der);
        if problem.is_none() { Ok(name) } else { Err(UnreadableName) }
    }

    /// Reads the first attributes, up to so many, and why these are not all.
    pub(super) fn read_up_to(most: &Most, der: &[u8]) -> (Self, Option<UnreadableCertificate>) {
        let mut name = Self(Vec::new());
        let problem = name.read_parts(most, der).err();
        (name, problem)
    }

    fn read_parts(&mut self, most: &Most, der: &[u8]) -> Result<(), UnreadableCertificate> {
        let bad = |_| UnreadableCertificate::new("a name in it cannot be decoded");
        let mut read = 0;
        for part in Elements::in_one(SEQUENCE, der).map_err(bad)? {
            let attributes = part.and_then(|part| Elements::in_one(SET, part.whole));
            let mut part = Vec::new();
            for attribute in attributes.map_err(bad)? {
                if read == most.attributes {
                    let problem = "a name in it has more attributes than are read";
                    self.0.push(part);
                    return Err(UnreadableCertificate::excessive(problem));
                }
                read += 1;
                let attribute = attribute.and_then(|one| Attribute::read(most, one.whole));
                part.push(attribute.map_err(bad)?);
            }
            if part.is_empty() {
                return Err(bad(BadDer));
            }
            self.0.push(part);
        }
        Ok(())
    }

    /// The values of one attribute, by its short name: `CN`, `O`, `OU`; those that are no text are
    /// in hexadecimal after `#`.
    pub fn values<'a>(&'a self, attribute: &'a str) -> impl Iterator<Item = &'a str> {
        self.values_of(attribute).map(Value::as_str)
    }

    /// The values of one attribute that are text; the others are `None`, and equal nothing.
    pub(crate) fn texts<'a>(&'a self, attribute: &'a str) -> impl Iterator<Item = Option<&'a str>> {
        self.values_of(attribute).map(|value| match value {
            Value::Hexadecimal(_) => None,
            Value::Text(text) => Some(text.as_str()),
        })
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        let of_one = |Attribute { name, value }: &Attribute| {
            size_of::<Attribute>()
                + name.len()
                + value.as_str().len().max(super::SMALLEST_ALLOCATION)
        };
        self.0.iter().map(|part| size_of_val(part) + part.iter().map(of_one).sum::<usize>()).sum()
    }

    /// The first common name.
    pub fn common_name(&self) -> Option<&str> {
        self.values("CN").next()
    }

    /// Cuts each value that is longer, and says whether it cut one.
    pub(super) fn cut(&mut self, cut: impl Fn(&mut String) -> bool) -> bool {
        self.0
            .iter_mut()
            .flatten()
            .fold(false, |any, attribute| cut(attribute.value.as_mut()) | any)
    }

    fn values_of<'a>(&'a self, attribute: &'a str) -> impl Iterator<Item = &'a Value> {
        let of_it = move |one: &&Attribute| one.name == attribute;
        self.0.iter().flatten().filter(of_it).map(|one| &one.value)
    }
}

impl Display for DistinguishedName {
    /// RFC 4514: the last part first.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        for (index, part) in self.0.iter().rev().enumerate() {
            for (place, Attribute { name, value }) in part.iter().enumerate() {
                let separator = if place > 0 { "+" } else { ["", ","][usize::from(index > 0)] };
                write!(formatter, "{separator}{name}=")?;
                match value {
                    Value::Hexadecimal(digits) => formatter.write_str(digits)?,
                    Value::Text(text) => write_escaped(formatter, text)?,
                }
            }
        }
        Ok(())
    }
}

impl Serialize for DistinguishedName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let mut done: Vec<&str> = Vec::new();
        for Attribute { name, value } in self.0.iter().flatten() {
            if done.contains(&name.as_ref()) {
                continue;
            }
            done.push(name);
            let values: Vec<&str> = self.values(name).collect();
            if values.len() == 1 {
                map.serialize_entry(name, value.as_str())?;
            } else {
                map.serialize_entry(name, &values)?;
            }
        }
        map.end()
    }
}

impl Attribute {
    fn read(most: &Most, der: &[u8]) -> Result<Self, BadDer> {
        let mut members = Elements::in_one(SEQUENCE, der)?;
        let identifier = members.expect(OBJECT_IDENTIFIER)?.content;
        let value = members.next().ok_or(BadDer)??;
        members.end()?;
        let text = if value.content.len() > most.octets { None } else { text(value) };
        let value = text.map_or_else(|| hexadecimal(value.whole), Value::Text);
        Ok(Self { name: short_name(identifier), value })
    }
}

/// The text of a value, if its type is one of characters and they are valid.
///
/// A TeletexString may switch its character set in its midst, by an escape or a shift, so it is
/// text only where it is ASCII without control characters; a PrintableString often has more than
/// its few characters.
pub(crate) fn text(value: Element<'_>) -> Option<String> {
    const ASCII: [u8; 5] = [NUMERIC_STRING, PRINTABLE_STRING, TELETEX_STRING, IA5_STRING, VISIBLE];
    match value.tag {
        UTF8_STRING => Some(std::str::from_utf8(value.content).ok()?.to_owned()),
        BMP_STRING => {
            let (units, rest) = value.content.as_chunks();
            let character = |unit: &[u8; 2]| char::from_u32(u16::from_be_bytes(*unit).into());
            rest.is_empty().then(|| units.iter().map(character).collect()).flatten()
        }
        UNIVERSAL_STRING => {
            let (units, rest) = value.content.as_chunks();
            let character = |unit: &[u8; 4]| char::from_u32(u32::from_be_bytes(*unit));
            rest.is_empty().then(|| units.iter().map(character).collect()).flatten()
        }
        TELETEX_STRING if value.content.iter().any(u8::is_ascii_control) => None,
        tag if ASCII.contains(&tag) && value.content.is_ascii() => {
            Some(String::from_utf8_lossy(value.content).into_owned())
        }
        _ => None,
    }
}

fn hexadecimal(whole: &[u8]) -> Value {
    let shown = whole.get(..Untrusted::LIMIT).unwrap_or(whole);
    let mut digits = String::with_capacity(1 + 2 * shown.len());
    digits.push('#');
    super::write_hexadecimal(&mut digits, shown);
    if shown.len() < whole.len() {
        digits.push('…');
    }
    Value::Hexadecimal(digits)
}

/// RFC 4514, section 3, and what else is usual; a dotted object identifier for the rest.
fn short_name(identifier: &[u8]) -> Cow<'static, str> {
    let name = match identifier {
        [0x55, 4, 3] => "CN",
        [0x55, 4, 4] => "surname",
        [0x55, 4, 5] => "serialNumber",
        [0x55, 4, 6] => "C",
        [0x55, 4, 7] => "L",
        [0x55, 4, 8] => "ST",
        [0x55, 4, 9] => "STREET",
        [0x55, 4, 10] => "O",
        [0x55, 4, 11] => "OU",
        [0x55, 4, 12] => "title",
        [0x55, 4, 13] => "description",
        [0x55, 4, 15] => "businessCategory",
        [0x55, 4, 16] => "postalAddress",
        [0x55, 4, 17] => "postalCode",
        [0x55, 4, 41] => "name",
        [0x55, 4, 42] => "givenName",
        [0x55, 4, 43] => "initials",
        [0x55, 4, 44] => "generationQualifier",
        [0x55, 4, 45] => "uniqueIdentifier",
        [0x55, 4, 46] => "dnQualifier",
        // 0.9.2342.19200300.100.1, RFC 4519, sections 2.39 and 2.4
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 1] => "UID",
        [0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1, 25] => "DC",
        // 1.2.840.113549.1.9.1, RFC 2985, section 5.2.1
        [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1] => "emailAddress",
        _ => return Cow::Owned(super::dotted(identifier)),
    };
    Cow::Borrowed(name)
}

/// RFC 4514, section 2.4; besides, control characters are written by their octets in UTF-8.
fn write_escaped(formatter: &mut Formatter<'_>, text: &str) -> std::fmt::Result {
    let last = text.len() - text.chars().next_back().map_or(0, char::len_utf8);
    for (index, character) in text.char_indices() {
        let special = matches!(character, '"' | '+' | ',' | ';' | '<' | '>' | '\\')
            || (index == 0 && matches!(character, ' ' | '#'))
            || (index == last && character == ' ');
        if character.is_control() {
            for octet in character.encode_utf8(&mut [0; 4]).bytes() {
                write!(formatter, "\\{octet:02X}")?;
            }
        } else {
            formatter.write_str(if special { "\\" } else { "" })?;
            formatter.write_char(character)?;
        }
    }
    Ok(())
}

const UTF8_STRING: u8 = 12;
const NUMERIC_STRING: u8 = 18;
const PRINTABLE_STRING: u8 = 19;
const TELETEX_STRING: u8 = 20;
const IA5_STRING: u8 = 22;
const VISIBLE: u8 = 26;
const UNIVERSAL_STRING: u8 = 28;
const BMP_STRING: u8 = 30;
