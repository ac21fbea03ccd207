//! `[route.timeouts]`: timeouts of the upstreams.

use super::Timeouts;
use super::table::Table;
use super::value::Value;

impl Timeouts {
    /// Reads the table; none if a timeout is invalid.
    pub(super) fn read(mut table: Table<'_>) -> Option<Self> {
        let default = Self::default();
        let mut time = |key, default| table.or(key, default, Value::duration);
        let connect = time("connect", default.connect);
        let first_byte = time("first_byte", default.first_byte);
        let idle = time("idle", default.idle);
        table.finish();
        Some(Self { connect: connect?, first_byte: first_byte?, idle: idle? })
    }
}
