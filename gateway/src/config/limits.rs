//! `[limits]`: resource limits of the listeners and the process.

use std::time::Duration;

use mtls::field_limits::FieldLimits;
use mtls::limits::Limits;

use super::table::Table;
use super::value::Value;

/// The limits of the whole file.
pub(super) struct AllLimits {
    pub(super) connection: Limits,
    pub(super) drain_timeout: Duration,
    pub(super) log_refusals_per_second: u32,
    pub(super) max_requests: usize,
    /// By default the sum over all listeners.
    pub(super) max_requests_total: Option<usize>,
    pub(super) request_fields: FieldLimits,
    pub(super) response_fields: FieldLimits,
}

impl Default for AllLimits {
    fn default() -> Self {
        Self {
            connection: Limits::default(),
            drain_timeout: Duration::from_secs(20),
            log_refusals_per_second: 50,
            max_requests: 1000,
            max_requests_total: None,
            request_fields: FieldLimits {
                bytes: Limits::default().max_header_bytes,
                ..FieldLimits::default()
            },
            response_fields: FieldLimits::default(),
        }
    }
}

impl AllLimits {
    /// Reads the table; none if a limit is invalid.
    pub(super) fn read(mut table: Table<'_>) -> Option<Self> {
        let default = Self::default();
        let connection = default.connection;
        let time = |value: &Value<'_>| value.duration();
        let handshake = table.or("handshake_timeout", connection.handshake_timeout, time);
        let header = table.or("header_timeout", connection.header_timeout, time);
        let idle = table.or("idle_timeout", connection.idle_timeout, time);
        let drain = table.or("drain_timeout", default.drain_timeout, time);
        let age = table.or("max_connection_age", connection.max_connection_age, |value| {
            value.duration_or_zero()
        });
        let request_head = table.or("max_header_bytes", connection.max_header_bytes, head);
        let response_head =
            table.or("max_response_header_bytes", default.response_fields.bytes, head);
        let fields = table.or("max_header_fields", default.request_fields.fields, |value| {
            value.number(16..=8192)
        });
        let connections =
            table.or("max_connections", connection.max_connections, |value| value.number(1..=MOST));
        let of_address = table.or(
            "max_connections_per_address",
            connection.max_connections_per_address,
            |value| value.number(0..=MOST),
        );
        let requests =
            table.or("max_requests", default.max_requests, |value| value.number(1..=MOST));
        let total = table.or("max_requests_total", None, |value| {
            let total = value.number(1..=MOST)?;
            if requests.is_some_and(|requests| total < requests) {
                value.problem("use max_requests, the limit of one listener, or more");
                return None;
            }
            Some(Some(total))
        });
        let logged =
            table.or("log_refusals_per_second", default.log_refusals_per_second, |value| {
                value.number(0..=MOST)
            });
        table.finish();
        let mut limits = Limits::default();
        limits.handshake_timeout = handshake?;
        limits.header_timeout = header?;
        limits.idle_timeout = idle?;
        limits.max_connection_age = age?;
        limits.max_connections = connections?;
        limits.max_connections_per_address = of_address?;
        limits.max_header_bytes = request_head?;
        Some(Self {
            connection: limits,
            drain_timeout: drain?,
            log_refusals_per_second: logged?,
            max_requests: requests?,
            max_requests_total: total?,
            request_fields: FieldLimits { bytes: request_head?, fields: fields? },
            response_fields: FieldLimits { bytes: response_head?, fields: fields? },
        })
    }
}

fn head(value: &Value<'_>) -> Option<usize> {
    let size = value.bytes()?;
    if (SMALLEST_HEAD..=LARGEST_HEAD).contains(&size) {
        return Some(size);
    }
    value.problem("use 8KiB to 16MiB");
    None
}

const MOST: u64 = u32::MAX as u64;

/// hyper's bounds for its read buffer.
const SMALLEST_HEAD: usize = 8 * 1024;
const LARGEST_HEAD: usize = 16 * 1024 * 1024;
