//! The serial number of a certificate: how it is generated, and how it is written.

use std::{fmt, str::FromStr};

use crate::IssueError;

/// A serial number (RFC 5280, 4.1.2.2): positive, at most twenty bytes, no leading zero byte.
///
/// It is written in lower-case hexadecimal digits without separators, here and everywhere else.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Serial(Vec<u8>);

/// The error for a text that is not a serial number.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "\"{0}\" is not a serial number: give 1 to 40 hexadecimal digits, as \"certs list\" shows them"
)]
pub struct SerialError(String);

impl Serial {
    /// Draws sixteen bytes from the system's random generator.
    ///
    /// The first bit is zero and the first byte is not, so that every tool shows the same 32
    /// digits.
    pub(crate) fn random() -> Result<Self, IssueError> {
        let mut bytes = [0; 16];
        while bytes[0] == 0 || bytes[0] > 0x7f {
            aws_lc_rs::rand::fill(&mut bytes).map_err(|_| IssueError::Random)?;
        }
        Ok(Self(bytes.to_vec()))
    }

    /// Reads the bytes of a certificate's serial number, without the sign byte.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        let significant = bytes.iter().position(|byte| *byte != 0);
        Self(bytes[significant.unwrap_or(bytes.len())..].to_vec())
    }

    /// The number, most significant byte first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl FromStr for Serial {
    type Err = SerialError;

    /// Accepts upper case and colons too, as other tools print them.
    fn from_str(text: &str) -> Result<Self, SerialError> {
        let mut digits: String = text.chars().filter(|digit| *digit != ':').collect();
        if digits.is_empty()
            || digits.len() > 40
            || !digits.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(SerialError(text.to_owned()));
        }
        if digits.len() % 2 == 1 {
            digits.insert(0, '0');
        }
        let bytes: Result<Vec<u8>, _> = (0..digits.len())
            .step_by(2)
            .map(|start| u8::from_str_radix(&digits[start..start + 2], 16))
            .collect();
        let serial = Self::from_bytes(&bytes.map_err(|_| SerialError(text.to_owned()))?);
        if serial.0.is_empty() {
            return Err(SerialError(text.to_owned()));
        }
        Ok(serial)
    }
}

#[cfg(test)]
mod tests {
    use super::Serial;

    #[test]
    fn a_drawn_serial_has_sixteen_bytes_and_is_positive() {
        for _ in 0..1000 {
            let serial = Serial::random().unwrap();

            assert_eq!(serial.as_bytes().len(), 16);
            assert!((1..=0x7f).contains(&serial.as_bytes()[0]));
        }
    }

    #[test]
    fn a_serial_is_read_as_other_tools_print_it() {
        let serial: Serial = "00:AB:0c".parse().unwrap();

        assert_eq!(serial.to_string(), "ab0c");
    }

    #[test]
    fn a_text_that_is_no_number_is_refused() {
        for text in ["", "0", "xyz", "api-service", &"1".repeat(41)] {
            assert_eq!(
                text.parse::<Serial>().unwrap_err().to_string(),
                format!(
                    "\"{text}\" is not a serial number: give 1 to 40 hexadecimal digits, as \
                     \"certs list\" shows them"
                )
            );
        }
    }
}
