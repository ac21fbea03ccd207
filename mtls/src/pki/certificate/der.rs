//! DER elements (X.690, section 10), read one after the other. It neither recurses nor allocates,
//! so that what a stranger sent costs no more than its bytes, and it knows nothing of what they
//! mean.

/// One element: its identifier octet, its content, and both with the length between them.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    pub(crate) content: &'a [u8],
    pub(crate) whole: &'a [u8],
}

/// Elements that follow each other.
#[derive(Clone, Copy)]
pub(crate) struct Elements<'a>(&'a [u8]);

/// Bytes that are not the DER that was expected.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BadDer;

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
pub(crate) const ENUMERATED: u8 = 0x0a;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The identifier octet of a context-specific, primitive element.
pub(crate) const fn primitive(number: u8) -> u8 {
    0x80 | number
}

/// The identifier octet of a context-specific, constructed element.
pub(crate) const fn constructed(number: u8) -> u8 {
    0xa0 | number
}

impl<'a> Elements<'a> {
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The elements in the one element of this tag that `bytes` are.
    pub(crate) fn in_one(tag: u8, bytes: &'a [u8]) -> Result<Self, BadDer> {
        let mut all = Self(bytes);
        let one = all.expect(tag)?;
        all.end()?;
        Ok(Self(one.content))
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Element<'a>, BadDer> {
        self.optional(tag)?.ok_or(BadDer)
    }

    /// The next element, if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Element<'a>>, BadDer> {
        if self.0.first() == Some(&tag) { self.next().transpose() } else { Ok(None) }
    }

    /// The bytes of the elements that were not read yet.
    pub(crate) fn remaining(&self) -> &'a [u8] {
        self.0
    }

    /// Nothing may follow.
    pub(crate) fn end(&self) -> Result<(), BadDer> {
        if self.0.is_empty() { Ok(()) } else { Err(BadDer) }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = Result<Element<'a>, BadDer>;

    /// After an error nothing more comes.
    fn next(&mut self) -> Option<Self::Item> {
        let bytes = std::mem::take(&mut self.0);
        if bytes.is_empty() {
            return None;
        }
        Some(split(bytes).map(|(element, rest)| {
            self.0 = rest;
            element
        }))
    }
}

/// The first element, and what follows it.
///
/// Lengths are definite and as short as they can be (section 10.1). No identifier in a certificate
/// or a revocation list takes more than one octet, and no length more than four.
fn split(bytes: &[u8]) -> Result<(Element<'_>, &[u8]), BadDer> {
    let (header, length) = match *bytes {
        [_, length @ 0..=0x7f, ..] => (2, u32::from(length)),
        [_, 0x81, length @ 0x80..=0xff, ..] => (3, u32::from(length)),
        [_, 0x82, a @ 1..=0xff, b, ..] => (4, u32::from_be_bytes([0, 0, a, b])),
        [_, 0x83, a @ 1..=0xff, b, c, ..] => (5, u32::from_be_bytes([0, a, b, c])),
        [_, 0x84, a @ 1..=0xff, b, c, d, ..] => (6, u32::from_be_bytes([a, b, c, d])),
        _ => return Err(BadDer),
    };
    let (tag, length) = (bytes[0], usize::try_from(length).map_err(|_| BadDer)?);
    if tag & 0x1f == 0x1f || bytes.len() < header + length {
        return Err(BadDer);
    }
    let (whole, rest) = bytes.split_at(header + length);
    Ok((Element { tag, content: &whole[header..], whole }, rest))
}

#[cfg(test)]
mod tests {
    use super::{BOOLEAN, Elements, INTEGER, SEQUENCE};

    #[test]
    fn elements_are_read_in_their_order_to_their_end() {
        let bytes = [0x30, 0x06, 0x01, 0x01, 0xff, 0x02, 0x01, 0x07];

        let mut elements = Elements::in_one(SEQUENCE, &bytes).unwrap();

        assert_eq!(elements.expect(BOOLEAN).unwrap().content, [0xff]);
        assert!(elements.end().is_err());
        assert!(elements.optional(BOOLEAN).unwrap().is_none());
        assert_eq!(elements.expect(INTEGER).unwrap().whole, [0x02, 0x01, 0x07]);
        assert!(elements.end().is_ok());
        assert!(elements.next().is_none());
    }

    #[test]
    fn a_length_is_definite_minimal_and_within_the_bytes() {
        let long = |header: &[u8], length: usize| [header, &vec![0; length]].concat();

        for good in [long(&[4, 0], 0), long(&[4, 0x7f], 127), long(&[4, 0x81, 0x80], 128)] {
            assert!(Elements::of(&good).all(|element| element.is_ok()), "{:?}", &good[..3]);
        }
        assert!(Elements::of(&long(&[4, 0x82, 1, 0], 256)).all(|element| element.is_ok()));
        assert!(Elements::of(&long(&[4, 0x83, 1, 0, 0], 65536)).all(|element| element.is_ok()));
        for bad in [
            long(&[4], 0),
            long(&[4, 1], 0),
            long(&[4, 0x80], 2),
            long(&[4, 0x81, 0x7f], 127),
            long(&[4, 0x82, 0, 0x80], 128),
            long(&[4, 0x83, 0, 1, 0], 256),
            long(&[0x1f, 0x81, 0], 0),
        ] {
            assert!(Elements::of(&bad).next().unwrap().is_err(), "{bad:?}");
        }
    }
}
