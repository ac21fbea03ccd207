//! The content of a revocation list (RFC 5280, section 5.1): its scope, and the certificates that it
//! lists. Nothing of it is verified here.
//!
//! A list that cannot be read to its last byte, or that does not speak of all certificates of its
//! issuer, is an error: what it leaves out would count as not revoked.

use std::collections::HashMap;

use time::OffsetDateTime;
use x509_parser::prelude::{ASN1Time, FromDer};

use super::Revoked;
use crate::pki::certificate::der::{
    BOOLEAN, BadDer, ENUMERATED, Element, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING,
    SEQUENCE, constructed, primitive,
};
use crate::pki::certificate::{Signed, dotted};

/// A list that was read.
pub(super) struct Content<'a> {
    /// Which key signed it, by its identifier (section 5.2.1).
    pub(super) authority_key_identifier: Option<&'a [u8]>,
    /// The octets of its number (section 5.2.3).
    pub(super) number: Option<&'a [u8]>,
    pub(super) next_update: OffsetDateTime,
    /// By the significant octets of the serial number.
    pub(super) revoked: HashMap<Box<[u8]>, Revoked>,
    pub(super) this_update: OffsetDateTime,
}

/// The whole DER of the name of a list's issuer.
pub(super) fn issuer<'a>(list: &Signed<'a>) -> Result<&'a [u8], BadDer> {
    let mut fields = Elements::of(list.body.content);
    fields.optional(INTEGER)?;
    fields.expect(SEQUENCE)?;
    Ok(fields.expect(SEQUENCE)?.whole)
}

impl<'a> Content<'a> {
    /// # Errors
    ///
    /// Why the list can't be used, as the end of a sentence about it.
    pub(super) fn read(list: &Signed<'a>) -> Result<Self, String> {
        let bad = |_| "cannot be decoded".to_owned();
        let mut fields = Elements::of(list.body.content);
        // Version 1 is left out; it has no extensions (section 5.1.2.1).
        let is_extensible = match fields.optional(INTEGER).map_err(bad)? {
            None => false,
            Some(Element { content: [1], .. }) => true,
            Some(_) => return Err("is of an unknown version".to_owned()),
        };
        if fields.expect(SEQUENCE).map_err(bad)?.content != list.algorithm {
            return Err("names two signature algorithms".to_owned());
        }
        fields.expect(SEQUENCE).map_err(bad)?;
        let this_update = time(&mut fields).map_err(bad)?.ok_or_else(|| bad(BadDer))?;
        let next_update = time(&mut fields).map_err(bad)?;
        let next_update = next_update.ok_or("does not say when the next one is due")?;
        let entries = fields.optional(SEQUENCE).map_err(bad)?.map_or(&[][..], |it| it.content);
        let extensions = fields.optional(constructed(0)).map_err(bad)?;
        fields.end().map_err(bad)?;

        let mut read = Self {
            authority_key_identifier: None,
            number: None,
            next_update,
            revoked: HashMap::new(),
            this_update,
        };
        for entry in Elements::of(entries) {
            let entry = entry.map_err(bad)?;
            let (serial_number, revoked) = read_entry(entry, is_extensible)?;
            read.revoked.entry(serial_number).or_insert(revoked);
        }
        if let Some(extensions) = extensions {
            let sequence = Elements::of(extensions.content);
            for extension in Extension::all(sequence.remaining(), is_extensible)? {
                read.remember(&extension)?;
            }
        }
        Ok(read)
    }

    fn remember(&mut self, extension: &Extension<'a>) -> Result<(), String> {
        let bad = |_| format!("has an extension {} that cannot be decoded", extension.name());
        match extension.identifier {
            CRL_NUMBER => {
                let number = one(INTEGER, extension.value).map_err(bad)?;
                // Section 5.2.3 allows twenty octets; a set high bit needs another one.
                if matches!(number, [] | [0x80..=0xff, ..]) || significant(number).len() > 20 {
                    return Err(bad(BadDer));
                }
                self.number = Some(number);
            }
            AUTHORITY_KEY_IDENTIFIER => {
                let mut members = Elements::in_one(SEQUENCE, extension.value).map_err(bad)?;
                let key = members.optional(primitive(0)).map_err(bad)?;
                self.authority_key_identifier = key.map(|key| key.content);
            }
            ISSUING_DISTRIBUTION_POINT => {
                return Err("is only a part (it has an issuing distribution point)".to_owned());
            }
            DELTA => {
                return Err("only lists what changed since another one (a delta list)".to_owned());
            }
            _ => extension.refuse_critical()?,
        }
        Ok(())
    }
}

/// Section 5.1.2.6.
fn read_entry(entry: Element<'_>, is_extensible: bool) -> Result<(Box<[u8]>, Revoked), String> {
    let bad = |_| "has an entry that cannot be decoded".to_owned();
    let mut members = Elements::in_one(SEQUENCE, entry.whole).map_err(bad)?;
    let serial_number = members.expect(INTEGER).map_err(bad)?.content;
    let at = time(&mut members).map_err(bad)?.ok_or_else(|| bad(BadDer))?;
    let extensions = members.remaining();
    let mut reason = None;
    if !extensions.is_empty() {
        for extension in Extension::all(extensions, is_extensible)? {
            match extension.identifier {
                REASON => {
                    let code = one(ENUMERATED, extension.value).map_err(bad)?;
                    reason = Some(reason_name(code));
                }
                INVALIDITY_DATE => {}
                CERTIFICATE_ISSUER => {
                    return Err("lists certificates of other issuers (an indirect list)".to_owned());
                }
                _ => extension.refuse_critical()?,
            }
        }
    }
    Ok((significant(serial_number).into(), Revoked { at, reason }))
}

/// One extension of a list or of an entry.
struct Extension<'a> {
    identifier: &'a [u8],
    is_critical: bool,
    value: &'a [u8],
}

impl<'a> Extension<'a> {
    /// The extensions in a whole `Extensions`.
    fn all(extensions: &'a [u8], is_extensible: bool) -> Result<Vec<Self>, String> {
        if !is_extensible {
            return Err("has extensions, which its version 1 does not have".to_owned());
        }
        let bad = |_| "has an extension that cannot be decoded".to_owned();
        let mut all: Vec<Self> = Vec::new();
        for extension in Elements::in_one(SEQUENCE, extensions).map_err(bad)? {
            let extension = extension.and_then(Self::read).map_err(bad)?;
            if all.iter().any(|other| other.identifier == extension.identifier) {
                return Err(format!("has the extension {} twice", extension.name()));
            }
            all.push(extension);
        }
        Ok(all)
    }

    fn read(extension: Element<'a>) -> Result<Self, BadDer> {
        let mut members = Elements::in_one(SEQUENCE, extension.whole)?;
        let identifier = members.expect(OBJECT_IDENTIFIER)?.content;
        let critical = members.optional(BOOLEAN)?.map(|critical| critical.content);
        let value = members.expect(OCTET_STRING)?.content;
        members.end()?;
        Ok(Self { identifier, is_critical: critical.is_some_and(|octets| octets != [0]), value })
    }

    /// Sections 5.2 and 5.3: a list with a critical extension that is unknown must not be used.
    fn refuse_critical(&self) -> Result<(), String> {
        if self.is_critical {
            let name = self.name();
            return Err(format!("has a critical extension that is unknown here ({name})"));
        }
        Ok(())
    }

    fn name(&self) -> String {
        dotted(self.identifier)
    }
}

/// The next element, if it is a time.
fn time(fields: &mut Elements<'_>) -> Result<Option<OffsetDateTime>, BadDer> {
    const UTC_TIME: u8 = 0x17;
    const GENERALIZED_TIME: u8 = 0x18;
    let time = match fields.optional(UTC_TIME)? {
        Some(time) => Some(time),
        None => fields.optional(GENERALIZED_TIME)?,
    };
    let read = |time: Element<'_>| match ASN1Time::from_der(time.whole) {
        Ok(([], time)) => Ok(time.to_datetime()),
        _ => Err(BadDer),
    };
    time.map(read).transpose()
}

/// The content of the one element that `bytes` are.
fn one(tag: u8, bytes: &[u8]) -> Result<&[u8], BadDer> {
    Elements::in_one(tag, bytes).map(|content| content.remaining())
}

/// An integer's octets without the zeros before them: so the same number is the same octets.
pub(super) fn significant(integer: &[u8]) -> &[u8] {
    let zeros = integer.iter().take_while(|octet| **octet == 0).count();
    &integer[zeros..]
}

/// Section 5.3.1.
fn reason_name(code: &[u8]) -> &'static str {
    match code {
        [0] => "unspecified",
        [1] => "keyCompromise",
        [2] => "cACompromise",
        [3] => "affiliationChanged",
        [4] => "superseded",
        [5] => "cessationOfOperation",
        [6] => "certificateHold",
        [8] => "removeFromCRL",
        [9] => "privilegeWithdrawn",
        [10] => "aACompromise",
        _ => "for an unknown reason",
    }
}

/// `id-ce`, 2.5.29, and the number of the extension.
const CRL_NUMBER: &[u8] = &[0x55, 0x1d, 20];
const REASON: &[u8] = &[0x55, 0x1d, 21];
const INVALIDITY_DATE: &[u8] = &[0x55, 0x1d, 24];
const DELTA: &[u8] = &[0x55, 0x1d, 27];
const ISSUING_DISTRIBUTION_POINT: &[u8] = &[0x55, 0x1d, 28];
const CERTIFICATE_ISSUER: &[u8] = &[0x55, 0x1d, 29];
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
