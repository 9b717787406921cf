//! RFC 3339 times as microseconds since 1970 UTC.

const MINUTE: i64 = 60;
const DAY: i64 = 86_400;

/// The moment that a text of the usual forms names; a time without a zone is UTC. `None` for any other text: finer
/// than microseconds, a leap second, or no time at all.
pub fn microseconds(text: &[u8]) -> Option<i64> {
    let (head, rest) = text.split_at_checked(19)?;
    let separators = [head[4], head[7], head[10], head[13], head[16]];
    if !matches!(separators, [b'-', b'-', b'T' | b't' | b' ', b':', b':']) {
        return None;
    }
    let days = days_since_1970(
        number(&head[..4])?,
        number(&head[5..7])?,
        number(&head[8..10])?,
    )?;
    let seconds =
        days * DAY + time_of_day(&head[11..13], &head[14..16])? + within(number(&head[17..])?, 59)?;
    let (fraction, zone) = fraction(rest)?;
    Some((seconds - zone_seconds(zone)?) * 1_000_000 + fraction)
}

fn number(digits: &[u8]) -> Option<i64> {
    let mut value = 0;
    for &digit in digits {
        value = value * 10 + i64::from(char::from(digit).to_digit(10)?);
    }
    Some(value)
}

fn within(value: i64, last: i64) -> Option<i64> {
    (value <= last).then_some(value)
}

fn time_of_day(hour: &[u8], minute: &[u8]) -> Option<i64> {
    Some((within(number(hour)?, 23)? * 60 + within(number(minute)?, 59)?) * MINUTE)
}

/// The microseconds of `.123`, and what follows them.
fn fraction(rest: &[u8]) -> Option<(i64, &[u8])> {
    let Some(digits) = rest.strip_prefix(b".") else {
        return Some((0, rest));
    };
    let count = digits
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(digits.len());
    if !(1..=6).contains(&count) {
        return None;
    }
    let (digits, zone) = digits.split_at(count);
    let scale = [100_000, 10_000, 1_000, 100, 10, 1][count - 1];
    Some((number(digits)? * scale, zone))
}

fn zone_seconds(zone: &[u8]) -> Option<i64> {
    match zone {
        b"" | b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let seconds = time_of_day(&[*h1, *h2], &[*m1, *m2])?;
            Some(if *sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

/// Days from 1970-01-01 to a date of the Gregorian calendar.
fn days_since_1970(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        _ => return None,
    };
    if year < 1 || !(1..=length).contains(&day) {
        return None;
    }
    // Years that begin in March put the leap day last; then the months before a month have (153 m + 2) / 5 days.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days_of_years = 365 * year + year / 4 - year / 100 + year / 400;
    Some(days_of_years + (153 * month + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::microseconds;

    #[test]
    fn usual_forms() {
        for (text, moment) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-01-02T03:04:05Z", 1_767_323_045_000_000),
            ("2026-01-02t03:04:05z", 1_767_323_045_000_000),
            ("2026-01-02 03:04:05", 1_767_323_045_000_000),
            ("2026-01-02T03:04:05.1Z", 1_767_323_045_100_000),
            ("2026-01-02T03:04:05.123456+01:30", 1_767_317_645_123_456),
            ("2026-01-02T03:04:05-01:30", 1_767_328_445_000_000),
            ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
            ("2000-03-01T00:00:00Z", 951_868_800_000_000),
            ("9999-12-31T23:59:59Z", 253_402_300_799_000_000),
        ] {
            assert_eq!(microseconds(text.as_bytes()), Some(moment), "{text}");
        }
    }

    #[test]
    fn the_rest_is_left_to_python() {
        for text in [
            "",
            "2026-01-02",
            "2026-02-29T00:00:00Z",
            "1900-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "0000-01-01T00:00:00Z",
            "2026-01-02T24:00:00Z",
            "2026-01-02T00:60:00Z",
            "2026-01-02T00:00:60Z",
            "2026-01-02T00:00:00.Z",
            "2026-01-02T00:00:00.1234567Z",
            "2026-01-02T00:00:00+0130",
            "2026-01-02T00:00:00+24:00",
            "2026-01-02T00:00:00Zx",
            "2026-01-02T00:00:0éZ",
        ] {
            assert_eq!(microseconds(text.as_bytes()), None, "{text}");
        }
    }
}
