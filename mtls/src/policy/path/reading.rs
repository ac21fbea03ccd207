//! The lenient reading of a path: what is left when everything is undone that some server undoes.

use icu_normalizer::DecomposingNormalizerBorrowed;
use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};
use percent_encoding::percent_decode_str;

use super::InvalidPath;

/// Stands for any one character: some server may take the one that was here for any other.
const ANY: char = char::REPLACEMENT_CHARACTER;

/// What a path is read as: `/`, or segments that each begin with a slash.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Reading {
    pub(super) path: String,
    /// The same without a script's name, where that has more behind it.
    pub(super) without_script: Option<String>,
}

impl Reading {
    /// Reads a path, or a prefix.
    ///
    /// # Errors
    ///
    /// Some server may find a dot segment or a control character in it, or it is no text.
    pub(super) fn lenient(path: &str) -> Result<Self, InvalidPath> {
        let (mut all, mut without_script) = (String::with_capacity(path.len()), String::new());
        let mut has_script = false;
        let mut segments = path.split('/').peekable();
        while let Some(segment) = segments.next() {
            let text = undo(segment)?;
            let mut parts = text.split('/').peekable();
            if ends_twice(&text) {
                parts = UNKNOWN.split('/').peekable();
            }
            while let Some(part) = parts.next() {
                let name = name(part)?;
                let has_rest = segments.peek().is_some() || parts.peek().is_some();
                let script = has_rest && is_script(name);
                has_script |= script;
                push_name(name, &mut all);
                if !script {
                    push_name(name, &mut without_script);
                }
            }
        }
        for reading in [&mut all, &mut without_script] {
            if reading.is_empty() {
                reading.push('/');
            }
        }
        Ok(Self { path: all, without_script: has_script.then_some(without_script) })
    }
}

/// A segment that may be read as any number of segments: no control character is in another.
pub(super) const UNKNOWN: &str = "\0";

/// Whether a segment is the name of a program that takes the rest of the path as its `PATH_INFO`.
pub(super) fn is_script(segment: &str) -> bool {
    segment.rsplit_once('.').is_some_and(|(_, extension)| {
        let extension = extension.trim_end_matches(|c: char| c.is_ascii_digit());
        SCRIPTS.iter().any(|script| extension.eq_ignore_ascii_case(script))
    })
}

/// Whether some server may take one segment of lenient readings for another.
pub(super) fn may_be_same(one: &str, other: &str) -> bool {
    let (mut left, mut right) = (one.chars(), other.chars());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return true,
            (Some(a), Some(b)) if a.eq_ignore_ascii_case(&b) || a == ANY || b == ANY => {}
            _ => break,
        }
    }
    may_be_short(one, other) || may_be_short(other, one)
}

/// Decodes and folds a segment until nothing changes.
fn undo(segment: &str) -> Result<String, InvalidPath> {
    let mut text = fold(&decode(segment, true)?)?;
    if text.is_ascii() && !text.contains('%') {
        return Ok(text);
    }
    for _ in 0..DEPTH {
        let again = fold(&decode(&text, false)?)?;
        if again == text {
            return Ok(text);
        }
        text = again;
    }
    Err(InvalidPath::TooDeep)
}

/// Whether a segment ends in more than one way: by a slash that some server finds in it, by a
/// parameter, by a stream's name, or as a script's name. What is left of it depends on which of them
/// a server heeds first.
fn ends_twice(text: &str) -> bool {
    let script = is_script(text.trim_end_matches(['.', ' ']));
    let ways = [text.contains('/'), text.contains([';', '?', '#']), text.contains(":$"), script];
    ways.into_iter().filter(|way| *way).count() > 1
}

/// Whether the segments of a reading are the same as others only if their text is, but for case.
pub(super) fn is_usual(reading: &str) -> bool {
    reading.bytes().all(|byte| byte.is_ascii() && !matches!(byte, 0 | b'~'))
}

/// Undoes percent-encoding once, and `%u0061` as IIS has it. What was sent must be UTF-8; what
/// only comes of decoding it again may be anything but an overlong form of another character.
fn decode(text: &str, must_be_utf8: bool) -> Result<String, InvalidPath> {
    let bytes: Vec<u8> = percent_decode_str(text).collect();
    let overlong = |pair: &[u8]| {
        matches!(pair, [0xc0 | 0xc1, _] | [0xe0, 0x80..=0x9f] | [0xf0 | 0xf8 | 0xfc, 0x80..=0x8f])
    };
    let decoded = match String::from_utf8(bytes) {
        Ok(decoded) => decoded,
        Err(error) if must_be_utf8 || error.as_bytes().windows(2).any(overlong) => {
            return Err(InvalidPath::InvalidUtf8);
        }
        Err(error) => error.as_bytes().utf8_chunks().map(|chunk| chunk.valid()).collect(),
    };
    let mut pieces = decoded.split("%u");
    let mut result = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.get(..4).filter(|four| four.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|four| char::from_u32(u32::from_str_radix(four, 16).ok()?)) {
            Some(character) => {
                result.push(character);
                result.push_str(&piece[4..]);
            }
            None => {
                result.push_str("%u");
                result.push_str(piece);
            }
        }
    }
    Ok(result)
}

/// Replaces what servers take for ASCII by that, drops what they do not see, and lowers the case.
fn fold(text: &str) -> Result<String, InvalidPath> {
    if text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(text.replace('\\', "/").to_ascii_lowercase());
    }
    let ignorable = CodePointSetData::new::<DefaultIgnorableCodePoint>();
    let category = CodePointMapData::<GeneralCategory>::new();
    if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
        return Err(InvalidPath::Control);
    }
    let mut folded = String::with_capacity(text.len());
    for character in DecomposingNormalizerBorrowed::new_nfkd().normalize(text).chars() {
        let mut upper = character.to_uppercase();
        match character {
            '\\' | '\u{a5}' | '\u{20a9}' => folded.push('/'),
            '\u{2044}' | '\u{2215}' | '\u{2216}' | '\u{29f5}' | '\u{29f8}' | '\u{29f9}' => {
                folded.push('/');
            }
            _ if character.is_ascii() => folded.push(character.to_ascii_lowercase()),
            _ if character.is_whitespace() => folded.push(' '),
            _ if ignorable.contains(character)
                || GeneralCategoryGroup::Mark.contains(category.get(character)) => {}
            _ if upper.all(|c| c.is_ascii()) => {
                folded.extend(character.to_uppercase().map(|c| c.to_ascii_lowercase()));
            }
            _ => folded.extend(character.to_lowercase()),
        }
    }
    Ok(folded)
}

/// The name that is left of a segment.
fn name(segment: &str) -> Result<&str, InvalidPath> {
    let name = segment.split([';', '?', '#']).next().unwrap_or(segment);
    let name = if name.contains(":$") { name.split(':').next().unwrap_or(name) } else { name };
    let trimmed = name.trim_matches(' ');
    let only_dots = trimmed.contains('.') && trimmed.bytes().all(|b| matches!(b, b'.' | b' '));
    if only_dots && (trimmed.len() < 3 || trimmed.contains(' ')) {
        return Err(InvalidPath::DotSegment);
    }
    Ok(trimmed.trim_end_matches(['.', ' ']))
}

/// Appends a name, if anything is left of it. Beside letters of ASCII, a character outside it could pass for one of them.
fn push_name(name: &str, lenient: &mut String) {
    if name.is_empty() {
        return;
    }
    let mixed = name.bytes().any(|byte| byte.is_ascii_alphanumeric());
    lenient.push('/');
    lenient.extend(name.chars().map(|character| match character {
        '+' => ' ',
        _ if mixed && !character.is_ascii() => ANY,
        _ => character,
    }));
}

/// Whether a segment may be the short name that Windows gives to another: at most eight bytes that
/// end with `~` and a number, and begin as the letters and digits of the long one do.
fn may_be_short(short: &str, long: &str) -> bool {
    let stem = short.split('.').next().unwrap_or(short);
    let Some((head, number)) = stem.rsplit_once('~') else {
        return false;
    };
    let shortened = long.len() > 8 || !long.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let mut letters = long.chars().filter(char::is_ascii_alphanumeric);
    let same =
        head.chars().take(2).all(|c| letters.next().is_some_and(|l| l.eq_ignore_ascii_case(&c)));
    let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    shortened && is_number && !head.is_empty() && stem.len() <= 8 && same
}

/// How often a path may be decoded before it does not change any more.
const DEPTH: usize = 4;

/// Extensions, without a version's digits, of what is given a `PATH_INFO`.
const SCRIPTS: &[&str] = &[
    "ashx", "asmx", "asp", "aspx", "cfc", "cfm", "cfml", "cgi", "dll", "exe", "fcgi", "lua",
    "phar", "php", "phtml", "pl", "py", "rb", "wsgi",
];
