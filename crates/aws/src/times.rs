//! Times and days as AWS writes them: in UTC.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// The day that it is.
pub fn today() -> Date {
    Timestamp::now().to_zoned(TimeZone::UTC).date()
}

/// In whole seconds, such as `2026-01-02T03:04:05Z`.
pub fn to_seconds(time: Timestamp) -> String {
    time.strftime("%FT%TZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_are_left_out() {
        let time = "2026-01-02T03:04:05.999+01:00".parse().unwrap();
        assert_eq!(to_seconds(time), "2026-01-02T02:04:05Z");
    }
}
