//! One event as one line, whatever its fields hold: each text in it is escaped and cut, so that
//! neither a peer nor a library can forge a line, paint the terminal or fill the disk.

use std::fmt::{Debug, Result};

use mtls::untrusted::Untrusted;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

/// How a line is written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LogFormat {
    Json,
    Text,
}

/// The most bytes of one text. What a peer sent is cut to much less before; this much leaves room
/// for all the problems of a configuration file.
const LIMIT: usize = 4096;

impl<S, N> FormatEvent<S, N> for LogFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut fields = Fields::default();
        event.record(&mut fields);
        match self {
            Self::Json => fields.write_json(time, event.metadata().level(), &mut writer),
            Self::Text => fields.write_text(&time, event.metadata().level(), &mut writer),
        }
    }
}

/// The fields of an event, in their order; the message comes first.
#[derive(Default)]
struct Fields(Vec<(&'static str, Recorded)>);

struct Recorded {
    is_string: bool,
    value: Value,
}

impl Fields {
    fn write_json(self, time: String, level: &Level, writer: &mut Writer<'_>) -> Result {
        let mut line = Map::new();
        line.insert("timestamp".to_owned(), time.into());
        line.insert("level".to_owned(), level.as_str().into());
        line.extend(self.0.into_iter().map(|(name, field)| (name.to_owned(), field.value)));
        writeln!(writer, "{}", Value::Object(line))
    }

    fn write_text(self, time: &str, level: &Level, writer: &mut Writer<'_>) -> Result {
        if writer.has_ansi_escapes() {
            write!(writer, "\u{1b}[2m{time}\u{1b}[0m {}{level:>5}\u{1b}[0m", color(level))?;
        } else {
            write!(writer, "{time} {level:>5}")?;
        }
        for (name, Recorded { is_string, value }) in self.0 {
            let text = value.as_str();
            let is_message = name == "message";
            writer.write_char(' ')?;
            if !is_message {
                write!(writer, "{name}=")?;
            }
            match text {
                Some(text) if is_string && !is_message || is_ambiguous(text, is_message) => {
                    writer.write_char('"')?;
                    for piece in text.split_inclusive(['"', '\\']) {
                        match piece.strip_suffix(['"', '\\']) {
                            Some(before) => {
                                write!(writer, "{before}\\{}", &piece[before.len()..])?;
                            }
                            None => writer.write_str(piece)?,
                        }
                    }
                    writer.write_char('"')?;
                }
                Some(text) => writer.write_str(text)?,
                None => write!(writer, "{value}")?,
            }
        }
        writeln!(writer)
    }

    fn push(&mut self, field: &Field, is_string: bool, value: Value) {
        // Fields that only say where in a library's source an event of the crate `log` stands.
        if !field.name().starts_with("log.") {
            self.0.push((field.name(), Recorded { is_string, value }));
        }
    }
}

impl Visit for Fields {
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, false, value.into());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = Untrusted(&format!("{value:?}")).within(LIMIT);
        self.push(field, false, text.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.push(field, false, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.push(field, false, value.into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push(field, true, Untrusted(value).within(LIMIT).into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.push(field, false, value.into());
    }
}

/// Whether a text without quotes could be taken for several, or for fields of their own.
fn is_ambiguous(text: &str, is_message: bool) -> bool {
    text.contains(['"', '=']) || (!is_message && (text.is_empty() || text.contains(' ')))
}

fn color(level: &Level) -> &'static str {
    match *level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG => "\u{1b}[34m",
        Level::TRACE => "\u{1b}[35m",
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use proptest::prelude::*;
    use serde_json::Value;
    use tracing::{info, subscriber::with_default, warn};

    use super::{LIMIT, LogFormat};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(format: LogFormat, log: impl FnOnce()) -> String {
        let written = Written::default();
        let to = written.clone();
        let builder = tracing_subscriber::fmt().with_ansi(false).event_format(format);
        with_default(builder.with_writer(move || to.clone()).finish(), log);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_line_of_text_reads_as_before() {
        let line = logged(LogFormat::Text, || {
            let (code, peer) = (Some("expired"), "127.0.0.1:1");
            warn!(%peer, code, cn = None::<&str>, path = %"/a b", left_out = 3, ok = true, "refused: it");
        });

        let (_, line) = line.split_once("Z ").unwrap();
        let expected =
            "refused: it peer=127.0.0.1:1 code=\"expired\" path=\"/a b\" left_out=3 ok=true";
        assert_eq!(line, format!(" WARN {expected}\n"));
    }

    #[test]
    fn a_line_of_json_has_its_fields_beside_time_and_level() {
        let line = logged(LogFormat::Json, || {
            info!(code = "expired", count = 3, part = 0.5, "it was \"so\"");
        });

        let line: Value = serde_json::from_str(&line).unwrap();
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
        assert_eq!(line["level"], "INFO");
        assert_eq!(line["message"], "it was \"so\"");
        assert_eq!(
            (&line["code"], &line["count"], &line["part"]),
            (&"expired".into(), &3.into(), &0.5.into())
        );
    }

    #[test]
    fn a_message_that_looks_like_fields_stands_in_quotes() {
        let line = logged(LogFormat::Text, || warn!(code = "expired", "it has x code=\"revoked\""));

        assert!(line.ends_with("\"it has x code=\\\"revoked\\\"\" code=\"expired\"\n"), "{line}");
    }

    proptest! {
        #[test]
        fn an_event_is_one_short_printable_line(
            text in prop_oneof![
                ".{0,40}",
                prop::collection::vec(any::<char>(), 0..40).prop_map(String::from_iter),
                "(\\n|\\r|\\x1b\\[2J|\u{202e}|\u{9b}|\"| a=b){0,9}",
                "[a\n\u{85}]{5000,9000}",
            ],
        ) {
            for format in [LogFormat::Json, LogFormat::Text] {
                let lines = logged(format, || {
                    warn!(string = text, shown = %text, debug = ?text, nested = ?[Some(&text)], "{text}");
                });

                let line = lines.strip_suffix('\n').unwrap();
                let hides = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}');
                prop_assert!(!line.contains(hides), "{line:?}");
                // Quotes and backslashes are escaped once more.
                prop_assert!(line.len() <= 5 * 2 * LIMIT + 200);
                if matches!(format, LogFormat::Json) {
                    let line: Value = serde_json::from_str(line).unwrap();
                    prop_assert!(line.as_object().unwrap().values().all(|value| value.as_str().unwrap().len() <= LIMIT));
                }
            }
        }
    }
}
