//! PEM files (RFC 7468), read strictly: every byte of a file is read, or the file is refused with
//! the line and the cause.
//!
//! A reader that skips what it does not recognize loses a root or a revocation list in silence.
//! Accepted beside whole blocks are only comments on lines of their own, blank lines, a byte order
//! mark at the start, CRLF line ends, spaces at the end of a line, and `EC PARAMETERS` before the
//! key that they belong to. It knows nothing of what is in a certificate, a list or a key.

mod bad_pem;

use std::io::{self, ErrorKind, Read};
use std::path::Path;

use rustls::pki_types::pem::{PemObject, SectionKind};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::asn1_rs::{Any, FromDer, Tag};

pub use self::bad_pem::{BadPem, Cause};

/// The most bytes of a file that are read: some 300,000 entries of a revocation list.
pub const SIZE_LIMIT: u64 = 16 * 1024 * 1024;

/// One block of a file.
#[derive(Debug)]
pub struct Block {
    /// What is in it.
    pub item: Item,
    /// The number of its `BEGIN` line, from 1.
    pub line: usize,
}

/// The content of a block: one DER value.
#[derive(Debug)]
pub enum Item {
    /// `CERTIFICATE`.
    Certificate(CertificateDer<'static>),
    /// `PRIVATE KEY`, `EC PRIVATE KEY` or `RSA PRIVATE KEY`.
    PrivateKey(PrivateKeyDer<'static>),
    /// `X509 CRL`.
    RevocationList(CertificateRevocationListDer<'static>),
}

/// The blocks of one file in their order, then the first error if there is one.
#[derive(Debug)]
pub struct Blocks<'a> {
    /// The line and the DER of `EC PARAMETERS`, until their key comes.
    curve: Option<(usize, Vec<u8>)>,
    file: &'a [u8],
    line: usize,
    /// The offset of the next line; none after the end or an error.
    next: Option<usize>,
}

/// Reads a whole file of [`SIZE_LIMIT`] bytes at most.
///
/// # Errors
///
/// What the system says; [`ErrorKind::FileTooLarge`] above the limit.
pub fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    std::fs::File::open(path)?.take(SIZE_LIMIT + 1).read_to_end(&mut content)?;
    if content.len() as u64 > SIZE_LIMIT {
        return Err(ErrorKind::FileTooLarge.into());
    }
    Ok(content)
}

/// The blocks of a file.
pub fn blocks(file: &[u8]) -> Blocks<'_> {
    let start = if file.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    Blocks { curve: None, file, line: 0, next: Some(start) }
}

impl Item {
    /// The name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Certificate(_) => "certificate",
            Self::PrivateKey(_) => "private key",
            Self::RevocationList(_) => "revocation list",
        }
    }
}

impl Iterator for Blocks<'_> {
    type Item = Result<Block, BadPem>;

    fn next(&mut self) -> Option<Self::Item> {
        let block = self.block().transpose();
        if !matches!(block, Some(Ok(_))) {
            self.next = None;
        }
        block
    }
}

impl<'a> Blocks<'a> {
    fn block(&mut self) -> Result<Option<Block>, BadPem> {
        while let Some((start, text)) = self.next_line()? {
            match Boundary::of(text).map_err(|cause| self.bad(cause))? {
                Some(Boundary::Begin(label)) => {
                    let kind = Kind::of(label).map_err(|cause| self.bad(cause))?;
                    let line = self.line;
                    let body = self.body(label, start)?;
                    let der = decode(kind, body).map_err(|cause| BadPem { cause, line })?;
                    match self.item(kind, der, line).map_err(|cause| BadPem { cause, line })? {
                        Some(item) => return Ok(Some(Block { item, line })),
                        None => continue,
                    }
                }
                Some(Boundary::End(_)) => return Err(self.bad(Cause::EndWithoutBegin)),
                None if is_base64_of_a_block(text) => return Err(self.bad(Cause::OutsideBlock)),
                None => {}
            }
        }
        match self.curve.take() {
            Some((line, _)) => Err(BadPem { cause: Cause::ParametersWithoutKey, line }),
            None => Ok(None),
        }
    }

    /// The rest of a block, from its `BEGIN` line at `start` to its `END` line.
    fn body(&mut self, label: &str, start: usize) -> Result<&'a [u8], BadPem> {
        let begin = self.line;
        let no_end = BadPem { cause: Cause::BeginWithoutEnd, line: begin };
        let (mut is_empty, mut is_padded) = (true, false);
        while let Some((_, text)) = self.next_line()? {
            match Boundary::of(text).map_err(|cause| self.bad(cause))? {
                Some(Boundary::End(_)) if is_empty => return Err(self.bad(Cause::EmptyBlock)),
                Some(Boundary::End(end)) if end == label => {
                    let end = self.next.unwrap_or(self.file.len());
                    return Ok(&self.file[start..end]);
                }
                Some(Boundary::End(_)) => return Err(self.bad(Cause::EndOfAnother)),
                Some(Boundary::Begin(_)) => return Err(no_end),
                None if is_empty && text.contains(':') => {
                    let encrypted = text.starts_with("Proc-Type:") && text.contains("ENCRYPTED");
                    let cause = if encrypted { Cause::Encrypted } else { Cause::Headers };
                    return Err(BadPem { cause, line: begin });
                }
                None => {
                    let padding = base64_padding(text).filter(|_| !is_padded);
                    is_padded = padding.ok_or_else(|| self.bad(Cause::NotBase64))? > 0;
                    is_empty = false;
                }
            }
        }
        Err(no_end)
    }

    /// What a block holds; none where it is the curve of the key that follows.
    fn item(&mut self, kind: Kind, der: Vec<u8>, line: usize) -> Result<Option<Item>, Cause> {
        // What is not even a SEQUENCE is refused where it is parsed.
        let (after, tag) =
            Any::from_der(&der).map_or((0, None), |(rest, value)| (rest.len(), Some(value.tag())));
        if tag == Some(Tag::Sequence) && after > 0 {
            return Err(Cause::BytesAfterDer(after));
        }
        if let Some((_, curve)) = self.curve.take() {
            let is_of_key = der.windows(curve.len()).any(|part| part == curve);
            if !kind.is_private_key() || !is_of_key {
                return Err(Cause::ParametersWithoutKey);
            }
        }
        match kind {
            Kind::Curve if tag == Some(Tag::Oid) => {
                self.curve = Some((line, der));
                Ok(None)
            }
            Kind::Curve => Err(Cause::ExplicitCurve),
            Kind::Library(SectionKind::Certificate) => Ok(Some(Item::Certificate(der.into()))),
            Kind::Library(SectionKind::Crl) => Ok(Some(Item::RevocationList(der.into()))),
            Kind::Library(kind) => {
                let key = PrivateKeyDer::from_pem(kind, der).ok_or(Cause::NotBase64)?;
                Ok(Some(Item::PrivateKey(key)))
            }
        }
    }

    /// The next line without its end, and where it starts.
    fn next_line(&mut self) -> Result<Option<(usize, &'a str)>, BadPem> {
        let Some(start) = self.next.filter(|start| *start < self.file.len()) else {
            return Ok(None);
        };
        let rest = &self.file[start..];
        let line = rest.split(|byte| *byte == b'\n').next().unwrap_or(rest);
        self.line += 1;
        self.next = Some(start + line.len() + 1).filter(|next| *next <= self.file.len());
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = std::str::from_utf8(line).map_err(|_| self.bad(self.binary()))?;
        match text.chars().find(|character| character.is_control() && *character != '\t') {
            Some('\r') => Err(self.bad(Cause::CarriageReturn)),
            Some(_) => Err(self.bad(self.binary())),
            None => Ok(Some((start, text.trim_end_matches(' ')))),
        }
    }

    /// What a line is that is no text.
    fn binary(&self) -> Cause {
        match self.file {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => Cause::Utf16,
            [0x30, ..] => Cause::Der,
            _ => Cause::NotText,
        }
    }

    fn bad(&self, cause: Cause) -> BadPem {
        BadPem { cause, line: self.line }
    }
}

/// A line that begins or ends a block, with its label.
enum Boundary<'a> {
    Begin(&'a str),
    End(&'a str),
}

impl<'a> Boundary<'a> {
    /// None where a line is no boundary, and does not look like a damaged one either.
    fn of(text: &'a str) -> Result<Option<Self>, Cause> {
        let label = |prefix| text.strip_prefix(prefix)?.strip_suffix(HYPHENS);
        let label = |prefix| label(prefix).filter(|label| !label.contains("--"));
        if let Some(label) = label("-----BEGIN ") {
            return Ok(Some(Self::Begin(label)));
        }
        if let Some(label) = label("-----END ") {
            return Ok(Some(Self::End(label)));
        }
        if text.contains(HYPHENS) || is_boundary_without_hyphens(text) {
            return Err(Cause::DamagedBoundary);
        }
        Ok(None)
    }
}

/// What a block is, by its label.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// `EC PARAMETERS`, as `openssl ecparam -genkey` writes them before the key.
    Curve,
    /// One that the library decodes.
    Library(SectionKind),
}

impl Kind {
    fn of(label: &str) -> Result<Self, Cause> {
        match (label, SectionKind::try_from(label.as_bytes())) {
            ("EC PARAMETERS", _) => Ok(Self::Curve),
            ("ENCRYPTED PRIVATE KEY", _) => Err(Cause::Encrypted),
            ("TRUSTED CERTIFICATE", _) => Err(Cause::TrustedCertificate),
            (
                _,
                Ok(
                    kind @ (SectionKind::Certificate
                    | SectionKind::Crl
                    | SectionKind::EcPrivateKey
                    | SectionKind::PrivateKey
                    | SectionKind::RsaPrivateKey),
                ),
            ) => Ok(Self::Library(kind)),
            _ => Err(Cause::Label(label.to_owned())),
        }
    }

    fn is_private_key(self) -> bool {
        !matches!(self, Self::Curve | Self::Library(SectionKind::Certificate | SectionKind::Crl))
    }
}

/// The bytes of a block that consists of whole lines of base64.
fn decode(kind: Kind, block: &[u8]) -> Result<Vec<u8>, Cause> {
    let der = match kind {
        Kind::Curve => x509_parser::pem::Pem::iter_from_buffer(block)
            .next()
            .and_then(Result::ok)
            .map(|pem| pem.contents),
        Kind::Library(_) => {
            <(SectionKind, Vec<u8>)>::from_pem_slice(block).ok().map(|(_, der)| der)
        }
    };
    der.ok_or(Cause::NotBase64)
}

/// The number of `=` at the end of a line of base64; none where it is no such line.
fn base64_padding(text: &str) -> Option<usize> {
    let data = text.trim_end_matches('=');
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/';
    let padding = text.len() - data.len();
    (!data.is_empty() && padding <= 2 && data.bytes().all(is_base64)).then_some(padding)
}

/// Whether a line outside of every block is a line of a block whose boundaries were lost. Words
/// are shorter, and a fingerprint has hexadecimal digits only.
fn is_base64_of_a_block(text: &str) -> bool {
    let text = text.trim_start();
    text.len() >= 32
        && base64_padding(text).is_some()
        && !text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether a line is `begin certificate` or the like, in any case and with any punctuation.
fn is_boundary_without_hyphens(text: &str) -> bool {
    let text = text.trim_matches(|character: char| !character.is_alphanumeric());
    let Some((first, label)) = text.split_once(' ') else {
        return false;
    };
    let is_boundary = ["BEGIN", "END"].iter().any(|word| first.eq_ignore_ascii_case(word));
    is_boundary && !matches!(Kind::of(&label.trim().to_ascii_uppercase()), Err(Cause::Label(_)))
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
const HYPHENS: &str = "-----";
