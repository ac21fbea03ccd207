//! How an HTTP/2 server says which streams it has not processed, read beside h2, which reports only
//! that it happened.

/// Follows the frames of an HTTP/2 connection (RFC 9113, section 4.1), and keeps of `GOAWAY` the
/// last stream that it names (section 6.8).
#[derive(Debug, Default)]
pub(super) struct GoAway {
    /// Bytes of the frame that have come.
    at: usize,
    /// The length, the type, the flags and the stream of the frame, and the first word after them.
    head: [u8; 13],
}

impl GoAway {
    /// Follows bytes that came; the last stream that was named among them.
    pub(super) fn follow(&mut self, mut bytes: &[u8]) -> Option<u32> {
        let mut last = None;
        while !bytes.is_empty() {
            // The length of the frame is known once its head is there.
            let end = if self.at < HEAD { HEAD } else { self.length() };
            let (taken, rest) = bytes.split_at((end - self.at).min(bytes.len()));
            for (place, byte) in self.head.iter_mut().skip(self.at).zip(taken) {
                *place = *byte;
            }
            let before = self.at;
            self.at += taken.len();
            bytes = rest;
            let word = before < self.head.len() && self.at >= self.head.len();
            if word && self.head[3] == GOAWAY {
                let [.., a, b, c, d] = self.head;
                // The first bit is reserved.
                last = Some(u32::from_be_bytes([a, b, c, d]) & !(1 << 31));
            }
            if self.at >= HEAD && self.at == self.length() {
                self.at = 0;
            }
        }
        last
    }

    /// Of the whole frame.
    fn length(&self) -> usize {
        let [a, b, c, ..] = self.head.map(usize::from);
        HEAD + (a << 16 | b << 8 | c)
    }
}

const GOAWAY: u8 = 7;
const HEAD: usize = 9;

#[cfg(test)]
mod tests {
    use super::GoAway;

    #[test]
    fn the_last_stream_is_found_however_the_bytes_are_cut() {
        let frame = |kind: u8, payload: &[u8]| {
            let length = u8::try_from(payload.len()).unwrap();
            [&[0, 0, length, kind, 0, 0, 0, 0, 0], payload].concat()
        };
        let last = |last: u32| [last.to_be_bytes(), [0; 4]].concat();
        let bytes = [
            frame(4, &[]),
            frame(1, &[0x88]),
            frame(0, &[7; 200]),
            frame(7, &last(u32::MAX >> 1)),
            frame(3, &[0, 0, 0, 7]),
            frame(8, &[0, 0, 0, 9]),
            frame(7, &[&last(41 | 1 << 31)[..], b"debug data"].concat()),
            frame(6, &[7; 8]),
        ]
        .concat();

        for step in 1..=bytes.len() {
            let mut follower = GoAway::default();

            let found: Vec<u32> =
                bytes.chunks(step).filter_map(|piece| follower.follow(piece)).collect();

            assert_eq!(found.last(), Some(&41), "{step}");
            assert_eq!(follower.at, 0, "{step}");
        }
    }
}
