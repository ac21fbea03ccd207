//! How large a block of header fields may be.

use std::fmt::{Display, Formatter};

use http::HeaderMap;

/// How large a block of fields may be: those of a head, or those of trailers.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct FieldLimits {
    /// Bytes, as HTTP/1.1 writes the fields: a name, a colon, a space, a value, and a line end.
    pub bytes: usize,
    /// Fields; each line counts.
    pub fields: usize,
}

/// A limit that a block of fields passes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FieldLimit {
    /// It has more bytes than this.
    Bytes(usize),
    /// It has more fields than this.
    Fields(usize),
}

impl FieldLimits {
    /// The limit that these fields pass, if they pass one; before them stands a first line of so
    /// many bytes.
    pub fn passed_by(&self, first_line: usize, fields: &HeaderMap) -> Option<FieldLimit> {
        if fields.len() > self.fields {
            return Some(FieldLimit::Fields(self.fields));
        }
        let lines = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
        (first_line + lines.sum::<usize>() > self.bytes).then_some(FieldLimit::Bytes(self.bytes))
    }

    /// The limit that h2 is given. It drops trailers above it without an error, so it is
    /// well above what is counted here; it counts 32 bytes more a field (RFC 9113, section 6.5.2).
    pub fn http2_list(&self) -> u32 {
        let fields = self.fields.saturating_mul(32);
        u32::try_from(self.bytes.saturating_mul(4).saturating_add(fields)).unwrap_or(u32::MAX)
    }
}

impl Default for FieldLimits {
    fn default() -> Self {
        Self { bytes: 64 * 1024, fields: 200 }
    }
}

impl Display for FieldLimit {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(most) => write!(formatter, "more than {most} bytes"),
            Self::Fields(most) => write!(formatter, "more than {most} fields"),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use http::header::SET_COOKIE;

    use super::*;

    #[test]
    fn fields_and_bytes_are_counted_up_to_their_limits() {
        let limits = FieldLimits { bytes: 100, fields: 4 };
        let of_line = |first_line: usize, count: usize, length: usize| {
            let mut headers = HeaderMap::new();
            for _ in 0..count {
                headers.append(SET_COOKIE, HeaderValue::from_str(&"a".repeat(length)).unwrap());
            }
            limits.passed_by(first_line, &headers)
        };
        let of = |count, length| of_line(0, count, length);

        // `set-cookie: ` and a line end are 14 bytes.
        assert_eq!(of(0, 0), None);
        assert_eq!(of(4, 11), None);
        assert_eq!(of(4, 12), Some(FieldLimit::Bytes(100)));
        assert_eq!(of(1, 86), None);
        assert_eq!(of(1, 87), Some(FieldLimit::Bytes(100)));
        assert_eq!(of_line(100, 0, 0), None);
        assert_eq!(of_line(87, 1, 0), Some(FieldLimit::Bytes(100)));
        assert_eq!(of(5, 0), Some(FieldLimit::Fields(4)));
    }

    #[test]
    fn http_2_takes_more_than_the_most_that_is_counted() {
        for bytes in [8 * 1024, 64 * 1024, 16 * 1024 * 1024] {
            for fields in [16, 200, 8192] {
                let limits = FieldLimits { bytes, fields };
                assert!(limits.http2_list() as usize >= 2 * bytes + 32 * fields);
            }
        }
    }
}
