//! The fields of a document that is a plain case of the event contract.

use crate::canonical::{Canonical, write_decimal};
use crate::json::{Reader, Text};
use crate::time;

const MAX_USER_ID: usize = 200;
const MAX_EVENT_TYPE: usize = 64;
/// Prices of more digits are left to Python, which knows the limit.
const MAX_WHOLE_PRICE: usize = 9;

pub struct Price<'a> {
    pub cents: u64,
    whole: &'a [u8],
    fraction: Option<&'a [u8]>,
}

/// What a document says, as far as a row and a fingerprint need it; the properties' canonical form lies in the
/// `Canonical` that it was read with.
#[derive(Default)]
pub struct Document<'a> {
    pub event_type: &'a [u8],
    pub user_id: Option<Text<'a>>,
    pub event_us: Option<i64>,
    pub event_id: Option<[u8; 16]>,
    pub page: Option<Text<'a>>,
    pub product_id: Option<Text<'a>>,
    pub category: Option<Text<'a>>,
    pub price: Option<Price<'a>>,
    pub search_query: Option<Text<'a>>,
    pub funnel_step_index: Option<u8>,
    pub funnel_complete: Option<bool>,
    pub received_us: Option<i64>,
    pub session_id: Option<Text<'a>>,
    pub anonymous_id: Option<Text<'a>>,
    /// As it stands in the document.
    pub properties: Option<&'a [u8]>,
}

impl<'a> Document<'a> {
    /// The document in `value`; `None` if it is no plain case. Times are not compared here.
    pub fn read(value: &'a [u8], canonical: &mut Canonical, left_out: &[Vec<u8>]) -> Option<Self> {
        std::str::from_utf8(value).ok()?;
        canonical.clear();
        let mut reader = Reader::new(value);
        let mut found = Self::default();
        members(&mut reader, |reader, name| {
            match name {
                b"event_type" => found.event_type = event_type(reader)?,
                b"user_id" => found.user_id = Some(user_id(reader)?),
                b"timestamp" => found.event_us = Some(moment(reader)?),
                b"event_id" => found.event_id = reader.nullable(event_id)?,
                b"page" => found.page = reader.nullable(Reader::string)?,
                b"metadata" => {
                    reader.nullable(|reader| found.read_metadata(reader))?;
                }
                b"funnel_step_index" => found.funnel_step_index = reader.nullable(step)?,
                b"funnel_complete" => found.funnel_complete = reader.nullable(Reader::boolean)?,
                b"received_at" => found.received_us = reader.nullable(moment)?,
                b"session_id" => found.session_id = reader.nullable(Reader::string)?,
                b"anonymous_id" => found.anonymous_id = reader.nullable(Reader::string)?,
                b"properties" => {
                    found.properties = reader.nullable(|reader| {
                        let start = reader.position();
                        canonical.read_properties(reader, left_out)?;
                        reader.since(start)
                    })?;
                }
                _ => return None,
            }
            Some(())
        })?;
        reader.at_end().then_some(found)
    }

    fn read_metadata(&mut self, reader: &mut Reader<'a>) -> Option<()> {
        members(reader, |reader, name| {
            match name {
                b"product_id" => self.product_id = reader.nullable(Reader::string)?,
                b"category" => self.category = reader.nullable(Reader::string)?,
                b"price" => self.price = reader.nullable(price)?,
                b"search_query" => self.search_query = reader.nullable(Reader::string)?,
                _ => return None,
            }
            Some(())
        })
    }
}

/// Steps through an object of known names. A name that is there twice is no plain case.
fn members<'a>(
    reader: &mut Reader<'a>,
    mut read: impl FnMut(&mut Reader<'a>, &'a [u8]) -> Option<()>,
) -> Option<()> {
    // More than the contract knows; the place of a name among those that were read tells a repeated one.
    let mut names: [&[u8]; 16] = [b""; 16];
    let mut count = 0;
    reader.expect(b'{')?;
    if reader.took(b'}') {
        return Some(());
    }
    loop {
        let name = reader.name()?;
        if names.get(..count)?.contains(&name) {
            return None;
        }
        *names.get_mut(count)? = name;
        count += 1;
        read(reader, name)?;
        if !reader.took(b',') {
            return reader.expect(b'}');
        }
    }
}

fn event_type<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let name = reader.string()?.plain()?;
    let form = name.first()?.is_ascii_lowercase()
        && name.len() <= MAX_EVENT_TYPE
        && name
            .iter()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    form.then_some(name)
}

fn user_id<'a>(reader: &mut Reader<'a>) -> Option<Text<'a>> {
    let text = reader.string()?;
    let decoded = text.decoded()?;
    // Every character has one byte that does not continue another.
    let characters = decoded.iter().filter(|byte| **byte & 0xc0 != 0x80).count();
    (1..=MAX_USER_ID).contains(&characters).then_some(text)
}

fn moment(reader: &mut Reader) -> Option<i64> {
    time::microseconds(reader.string()?.plain()?)
}

fn step(reader: &mut Reader) -> Option<u8> {
    let number = reader.number()?;
    match (number.negative, number.fraction, number.whole) {
        (false, None, [digit @ b'0'..=b'4']) => Some(digit - b'0'),
        _ => None,
    }
}

fn event_id(reader: &mut Reader) -> Option<[u8; 16]> {
    let text = reader.string()?.plain()?;
    let mut id = [0; 16];
    let mut digits = 0;
    if text.len() != 36 {
        return None;
    }
    for (place, &byte) in text.iter().enumerate() {
        if matches!(place, 8 | 13 | 18 | 23) {
            if byte != b'-' {
                return None;
            }
            continue;
        }
        let digit = u8::try_from(char::from(byte).to_digit(16)?).ok()?;
        id[digits / 2] = id[digits / 2] << 4 | digit;
        digits += 1;
    }
    Some(id)
}

fn price<'a>(reader: &mut Reader<'a>) -> Option<Price<'a>> {
    let number = reader.number()?;
    if number.negative || number.whole.len() > MAX_WHOLE_PRICE {
        return None;
    }
    let digit = |place: usize| {
        let digits = number.fraction.unwrap_or_default();
        u64::from(digits.get(place).map_or(0, |digit| digit - b'0'))
    };
    let mut cents = 0;
    for whole in number.whole {
        cents = cents * 10 + u64::from(whole - b'0');
    }
    let halves_up = u64::from(digit(2) >= 5);
    Some(Price {
        cents: cents * 100 + digit(0) * 10 + digit(1) + halves_up,
        whole: number.whole,
        fraction: number.fraction,
    })
}

impl Price<'_> {
    /// Appends the price as msgspec writes the double that it reads of it.
    pub fn write(&self, out: &mut Vec<u8>) -> Option<()> {
        let number = crate::json::Number {
            negative: false,
            whole: self.whole,
            fraction: self.fraction,
        };
        write_decimal(number, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUIRED: &str =
        r#""event_type":"page_view","user_id":"u","timestamp":"2026-01-02T03:04:05Z""#;

    fn is_plain(more: &str) -> bool {
        let document = format!("{{{REQUIRED}{more}}}");
        Document::read(document.as_bytes(), &mut Canonical::default(), &[]).is_some()
    }

    #[test]
    fn plain_cases_are_read_whole() {
        let document = format!(
            r#" {{{REQUIRED},"event_id":"018F4e3a-7c1b-7abc-8def-0123456789ab","metadata":{{"price":1.005}},
            "funnel_step_index":4,"funnel_complete":false,"properties": {{"a" : 1}} }} "#
        );
        let found = Document::read(document.as_bytes(), &mut Canonical::default(), &[]).unwrap();
        assert_eq!(found.event_type, b"page_view");
        assert_eq!(found.event_us, Some(1_767_323_045_000_000));
        assert_eq!(found.event_id.unwrap()[..4], [0x01, 0x8f, 0x4e, 0x3a]);
        assert_eq!(found.price.unwrap().cents, 101);
        assert_eq!(found.funnel_step_index, Some(4));
        assert_eq!(found.funnel_complete, Some(false));
        assert_eq!(found.properties, Some(&br#"{"a" : 1}"#[..]));
        assert!(is_plain(
            r#","page":null,"metadata":null,"properties":null"#
        ));
    }

    #[test]
    fn the_rest_is_left_to_python() {
        for more in [
            r#","shop":1"#,
            r#","user_id":"v""#,
            r#","metadata":{"colour":1}"#,
            r#","metadata":{"price":-1}"#,
            r#","metadata":{"price":9999999999.99}"#,
            r#","metadata":[]"#,
            r#","funnel_step_index":5"#,
            r#","funnel_step_index":1.0"#,
            r#","event_id":"018f4e3a-7c1b-7abc-8def-0123456789 b""#,
            r#","page":7"#,
            r#","properties":[1]"#,
            ",",
            "}",
        ] {
            assert!(!is_plain(more), "{more}");
        }
    }
}
