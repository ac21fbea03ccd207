//! Why a PEM file is refused.

use thiserror::Error;

use crate::untrusted::Untrusted;

/// Why a PEM file is refused, and where.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("line {line}: {cause}")]
pub struct BadPem {
    /// What is wrong there.
    pub cause: Cause,
    /// The number of the line, from 1.
    pub line: usize,
}

/// What can be wrong with a line or a block.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Cause {
    /// A block without its end.
    #[error("the block that begins here has no END line")]
    BeginWithoutEnd,
    /// The block holds more than one DER value.
    #[error("{0} bytes follow the DER value in this block")]
    BytesAfterDer(usize),
    /// A line that older systems ended with a carriage return alone.
    #[error("a carriage return without a line feed: end lines with LF or CRLF")]
    CarriageReturn,
    /// A line with five hyphens, or with the words of a boundary, that is no boundary.
    #[error(
        "a damaged BEGIN or END line: each stands alone on its line, from its first hyphen to \
         its last"
    )]
    DamagedBoundary,
    /// The whole file is DER.
    #[error("this is DER and not PEM: convert it, as with \"openssl x509 -inform DER\"")]
    Der,
    /// Nothing stands between `BEGIN` and `END`.
    #[error("the block that ends here is empty")]
    EmptyBlock,
    /// The private key needs a passphrase.
    #[error("the private key is encrypted: decrypt it with \"openssl pkey -in FILE -out FILE\"")]
    Encrypted,
    /// `END` has another label than `BEGIN`.
    #[error("END has another label than the BEGIN before it")]
    EndOfAnother,
    /// `END` without a block before it.
    #[error("END without a BEGIN")]
    EndWithoutBegin,
    /// `EC PARAMETERS` that spell a curve out instead of naming it.
    #[error("explicit curve parameters: only named curves are supported (RFC 5480)")]
    ExplicitCurve,
    /// Headers (RFC 1421) before the base64.
    #[error("the block has headers, which are not supported: remove them")]
    Headers,
    /// A block of an unknown label.
    #[error("a block \"{}\" is not supported here", Untrusted(.0))]
    Label(String),
    /// A line in a block is something else.
    #[error("a block consists of whole lines of base64, and this is none")]
    NotBase64,
    /// Bytes that are not UTF-8, or control characters.
    #[error("binary data: only PEM blocks and text may stand here")]
    NotText,
    /// Base64 whose block has lost its boundaries.
    #[error("base64 outside of a block: its BEGIN line is missing or damaged")]
    OutsideBlock,
    /// `EC PARAMETERS` that are not those of a key right after them.
    #[error("EC PARAMETERS without the key that they belong to right after them")]
    ParametersWithoutKey,
    /// OpenSSL's certificate with trust settings.
    #[error(
        "a TRUSTED CERTIFICATE, whose trust attributes would be ignored: convert it with \
         \"openssl x509 -in FILE -out FILE\""
    )]
    TrustedCertificate,
    /// A file of 16-bit characters.
    #[error("this is UTF-16: save the file as UTF-8 or ASCII")]
    Utf16,
}
