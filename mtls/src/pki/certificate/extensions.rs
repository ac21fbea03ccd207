//! The extensions of a certificate that are read here (RFC 5280, section 4.2.1). One that occurs
//! twice, or that cannot be decoded, is never taken for absent: its certificate is refused.

use x509_parser::extensions::{BasicConstraints, KeyUsage};

use super::UnreadableCertificate;
use super::der::{
    BIT_STRING, BOOLEAN, BadDer, Elements, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE,
    constructed, primitive,
};

/// The most extensions that a certificate may have: verification visits all of them, several
/// times.
const MOST: usize = 32;

/// The most octets of an extKeyUsage: webpki copies all purposes where the one that it looks for is
/// not among them, before it verifies a signature.
const LONGEST_EXTENDED_KEY_USAGE: usize = 1024;

/// The extensions that are read, each decoded as far as it costs next to nothing.
#[derive(Default)]
pub(crate) struct Extensions<'a> {
    /// The general names of a subjectAltName, not decoded yet.
    pub(super) alternative_names: Option<&'a [u8]>,
    /// The key identifier in an authorityKeyIdentifier.
    pub(crate) authority_key_identifier: Option<&'a [u8]>,
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usage: Option<KeyUsage>,
    /// The whole DER of a nameConstraints extension; webpki evaluates it.
    pub(crate) name_constraints: Option<&'a [u8]>,
    /// The object identifiers of an extKeyUsage, not decoded yet.
    pub(crate) purposes: Option<&'a [u8]>,
    pub(crate) subject_key_identifier: Option<&'a [u8]>,
}

impl<'a> Extensions<'a> {
    /// Reads the content of a certificate's `Extensions`.
    pub(super) fn read(extensions: Elements<'a>) -> Result<Self, UnreadableCertificate> {
        let mut read = Self::default();
        let mut seen = Vec::new();
        for extension in extensions {
            if seen.len() == MOST {
                return Err(UnreadableCertificate::excessive("its extensions are more than 32"));
            }
            let (identifier, value) = extension
                .and_then(|extension| split(extension.whole))
                .map_err(|_| UnreadableCertificate::new("its extensions cannot be decoded"))?;
            if seen.contains(&identifier) {
                let name = name(identifier).unwrap_or("another extension");
                return Err(UnreadableCertificate::new(format!("it has {name} twice")));
            }
            seen.push(identifier);
            if identifier == EXTENDED_KEY_USAGE && value.len() > LONGEST_EXTENDED_KEY_USAGE {
                let problem = "its extKeyUsage has more purposes than are read";
                return Err(UnreadableCertificate::excessive(problem));
            }
            read.remember(identifier, value).map_err(|_| {
                let name = name(identifier).unwrap_or_default();
                UnreadableCertificate::new(format!("its {name} cannot be decoded"))
            })?;
        }
        Ok(read)
    }

    fn remember(&mut self, identifier: &[u8], value: &'a [u8]) -> Result<(), BadDer> {
        match identifier {
            AUTHORITY_KEY_IDENTIFIER => self.authority_key_identifier = authority_key(value)?,
            BASIC_CONSTRAINTS => self.basic_constraints = Some(basic_constraints(value)?),
            EXTENDED_KEY_USAGE => {
                self.purposes = Some(Elements::in_one(SEQUENCE, value)?.remaining());
            }
            KEY_USAGE => self.key_usage = Some(key_usage(value)?),
            NAME_CONSTRAINTS => {
                Elements::in_one(SEQUENCE, value)?;
                self.name_constraints = Some(value);
            }
            SUBJECT_ALT_NAME => {
                self.alternative_names = Some(Elements::in_one(SEQUENCE, value)?.remaining());
            }
            SUBJECT_KEY_IDENTIFIER => {
                let mut one = Elements::of(value);
                self.subject_key_identifier = Some(one.expect(OCTET_STRING)?.content);
                one.end()?;
            }
            _ => {}
        }
        Ok(())
    }
}

/// The identifier and the value of one extension.
fn split(extension: &[u8]) -> Result<(&[u8], &[u8]), BadDer> {
    let mut members = Elements::in_one(SEQUENCE, extension)?;
    let identifier = members.expect(OBJECT_IDENTIFIER)?.content;
    if let Some(critical) = members.optional(BOOLEAN)? {
        boolean(critical.content)?;
    }
    let value = members.expect(OCTET_STRING)?.content;
    members.end()?;
    Ok((identifier, value))
}

/// Section 4.2.1.1.
fn authority_key(value: &[u8]) -> Result<Option<&[u8]>, BadDer> {
    let mut members = Elements::in_one(SEQUENCE, value)?;
    let key_identifier = members.optional(primitive(0))?;
    members.optional(constructed(1))?;
    members.optional(primitive(2))?;
    members.end()?;
    Ok(key_identifier.map(|element| element.content))
}

/// Section 4.2.1.9. Many authorities write the default `FALSE`, which DER leaves out.
fn basic_constraints(value: &[u8]) -> Result<BasicConstraints, BadDer> {
    let mut members = Elements::in_one(SEQUENCE, value)?;
    let ca = members.optional(BOOLEAN)?.map_or(Ok(false), |element| boolean(element.content))?;
    let path_length = members.optional(INTEGER)?.map(|element| match *element.content {
        [length @ ..=0x7f] | [0, length @ 0x80..=0xff] => Ok(u32::from(length)),
        _ => Err(BadDer),
    });
    members.end()?;
    Ok(BasicConstraints { ca, path_len_constraint: path_length.transpose()? })
}

/// Section 4.2.1.3: at least one bit is set. The bits are numbered from the most significant one
/// of the first octet on.
fn key_usage(value: &[u8]) -> Result<KeyUsage, BadDer> {
    let mut one = Elements::of(value);
    let bits = one.expect(BIT_STRING)?.content;
    one.end()?;
    let (unused, first, second) = match *bits {
        [unused @ ..=7, first] => (unused, first, 0),
        [unused @ ..=7, first, second] => (unused, first, second),
        _ => return Err(BadDer),
    };
    let last = *bits.last().unwrap_or(&0);
    let flags = u16::from_le_bytes([first.reverse_bits(), second.reverse_bits()]);
    let padded_with_zeros = last.trailing_zeros() >= u32::from(unused);
    if flags & 0x1ff != 0 && padded_with_zeros { Ok(KeyUsage { flags }) } else { Err(BadDer) }
}

fn boolean(content: &[u8]) -> Result<bool, BadDer> {
    match content {
        [0] => Ok(false),
        [0xff] => Ok(true),
        _ => Err(BadDer),
    }
}

/// The names of RFC 5280.
fn name(identifier: &[u8]) -> Option<&'static str> {
    Some(match identifier {
        AUTHORITY_KEY_IDENTIFIER => "authorityKeyIdentifier",
        BASIC_CONSTRAINTS => "basicConstraints",
        EXTENDED_KEY_USAGE => "extKeyUsage",
        KEY_USAGE => "keyUsage",
        NAME_CONSTRAINTS => "nameConstraints",
        SUBJECT_ALT_NAME => "subjectAltName",
        SUBJECT_KEY_IDENTIFIER => "subjectKeyIdentifier",
        _ => return None,
    })
}

/// `id-ce`, 2.5.29, and the number of the extension.
const AUTHORITY_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 35];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
const SUBJECT_KEY_IDENTIFIER: &[u8] = &[0x55, 0x1d, 14];
