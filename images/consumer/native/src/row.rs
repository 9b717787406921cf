//! A record as a row of COPY BINARY: the same bytes that `pulse_consumer.rows.packed` makes of it.

use crate::canonical::Canonical;
use crate::document::{Document, Price};
use crate::json::Text;
use blake2b_simd::Params;

const EARLIEST_US: i64 = 946_684_800_000_000; // 2000-01-01, where the time of Postgres begins too
const AHEAD_US: i64 = 24 * 3600 * 1_000_000;
const COLUMNS: i16 = 21;
const NULL: i32 = -1;

/// What holds for every record.
pub struct Rules {
    pub topic_id: [u8; 16],
    /// The only types that are taken; all of the right form if there are none.
    pub event_types: Option<Vec<Vec<u8>>>,
    /// Names in the context of properties that are no part of an event's identity.
    pub left_out: Vec<Vec<u8>>,
}

/// Where a record came from and when; `kafka_us` is `None` when the broker has no time for it.
#[derive(Clone, Copy)]
pub struct Origin {
    pub partition: i32,
    pub offset: i64,
    pub kafka_us: Option<i64>,
    pub trusted: bool,
}

/// Buffers that are used again for the next record.
#[derive(Default)]
pub struct Scratch {
    canonical: Canonical,
    payload: Vec<u8>,
}

/// Appends the row of a record to `out`. `None` if the record is no plain case: then `out` ends in anything.
pub fn write(
    rules: &Rules,
    origin: Origin,
    value: &[u8],
    scratch: &mut Scratch,
    out: &mut Vec<u8>,
) -> Option<()> {
    let document = Document::read(value, &mut scratch.canonical, &rules.left_out)?;
    let user_id = document.user_id?;
    let event_us = document.event_us?;
    if let Some(types) = &rules.event_types
        && !types.iter().any(|one| one == document.event_type)
    {
        return None;
    }
    let received_us = document.received_us;
    check_times(event_us, received_us, origin.kafka_us)?;
    if document.event_type.is_empty() {
        return None;
    }
    let fingerprint = fingerprint(&document, user_id, event_us, scratch)?;
    let event_id = match document.event_id {
        Some(id) => id,
        None => derived_id(
            origin.kafka_us.unwrap_or(event_us),
            user_id,
            &rules.topic_id,
            origin,
        )?,
    };

    out.extend(COLUMNS.to_be_bytes());
    bytes(out, &event_id)?;
    bytes(out, document.event_type)?;
    text(out, Some(user_id))?;
    time(out, Some(event_us))?;
    text(out, document.page)?;
    text(out, document.product_id)?;
    text(out, document.category)?;
    price(out, document.price.as_ref())?;
    text(out, document.search_query)?;
    match document.funnel_step_index {
        None => out.extend(NULL.to_be_bytes()),
        Some(step) => bytes(out, &[0, step])?,
    }
    match document.funnel_complete {
        None => out.extend(NULL.to_be_bytes()),
        Some(complete) => bytes(out, &[u8::from(complete)])?,
    }
    text(out, document.session_id)?;
    text(out, document.anonymous_id)?;
    properties(out, document.properties)?;
    bytes(out, &fingerprint)?;
    time(out, received_us)?;
    time(out, Some(origin.kafka_us.unwrap_or(event_us)))?;
    bytes(out, &[u8::from(origin.trusted)])?;
    bytes(out, &rules.topic_id)?;
    bytes(out, &origin.partition.to_be_bytes())?;
    bytes(out, &origin.offset.to_be_bytes())
}

fn check_times(event_us: i64, received_us: Option<i64>, kafka_us: Option<i64>) -> Option<()> {
    let lies_within = |own: i64, arrival: Option<i64>| {
        own >= EARLIEST_US && arrival.is_none_or(|arrival| own <= arrival.saturating_add(AHEAD_US))
    };
    let fine = received_us.is_none_or(|received| lies_within(received, kafka_us))
        && lies_within(event_us, received_us.or(kafka_us));
    fine.then_some(())
}

fn fingerprint(
    document: &Document,
    user_id: Text,
    event_us: i64,
    scratch: &mut Scratch,
) -> Option<[u8; 16]> {
    let Scratch { canonical, payload } = scratch;
    payload.clear();
    payload.extend(b"[\"");
    payload.extend(document.event_type);
    payload.extend(b"\",");
    user_id.write_canonical(payload)?;
    payload.push(b',');
    match canonical.created_at() {
        Some(created_at) => payload.extend(created_at),
        None => payload.extend(event_us.to_string().as_bytes()),
    }
    json_text(payload, document.page)?;
    json_text(payload, document.product_id)?;
    json_text(payload, document.category)?;
    payload.push(b',');
    match &document.price {
        None => payload.extend(b"null"),
        Some(price) => price.write(payload)?,
    }
    json_text(payload, document.search_query)?;
    payload.push(b',');
    match document.funnel_step_index {
        None => payload.extend(b"null"),
        Some(step) => payload.push(b'0' + step),
    }
    payload.extend(match document.funnel_complete {
        None => &b",null"[..],
        Some(true) => b",true",
        Some(false) => b",false",
    });
    json_text(payload, document.session_id)?;
    json_text(payload, document.anonymous_id)?;
    payload.push(b',');
    payload.extend(canonical.text());
    payload.push(b']');
    let hash = Params::new().hash_length(16).hash(payload);
    hash.as_bytes().try_into().ok()
}

fn json_text(payload: &mut Vec<u8>, value: Option<Text>) -> Option<()> {
    payload.push(b',');
    match value {
        None => payload.extend(b"null"),
        Some(text) => text.write_canonical(payload)?,
    }
    Some(())
}

/// The id of a record that carries none: `pulse.ids.of_record`.
fn derived_id(id_us: i64, user_id: Text, topic_id: &[u8; 16], origin: Origin) -> Option<[u8; 16]> {
    let offset = u64::try_from(origin.offset).ok()?;
    let mut state = Params::new().hash_length(10).to_state();
    for part in [
        &user_id.decoded()?[..],
        topic_id,
        &origin.partition.to_be_bytes(),
        &offset.to_be_bytes(),
    ] {
        state.update(&u32::try_from(part.len()).ok()?.to_be_bytes());
        state.update(part);
    }
    let milliseconds = u64::try_from(id_us.div_euclid(1000).clamp(0, 0xffff_ffff_ffff)).ok()?;
    let mut id = [0; 16];
    id[..6].copy_from_slice(&milliseconds.to_be_bytes()[2..]);
    id[6..].copy_from_slice(state.finalize().as_bytes());
    id[6] = 0x80 | id[6] & 0x0f;
    id[8] = 0x80 | id[8] & 0x3f;
    Some(id)
}

fn bytes(out: &mut Vec<u8>, value: &[u8]) -> Option<()> {
    out.extend(i32::try_from(value.len()).ok()?.to_be_bytes());
    out.extend(value);
    Some(())
}

fn text(out: &mut Vec<u8>, value: Option<Text>) -> Option<()> {
    match value {
        None => out.extend(NULL.to_be_bytes()),
        Some(text) => bytes(out, &text.decoded()?)?,
    }
    Some(())
}

fn time(out: &mut Vec<u8>, moment: Option<i64>) -> Option<()> {
    match moment {
        None => out.extend(NULL.to_be_bytes()),
        Some(moment) => bytes(out, &moment.checked_sub(EARLIEST_US)?.to_be_bytes())?,
    }
    Some(())
}

/// jsonb: a version byte before the text.
fn properties(out: &mut Vec<u8>, raw: Option<&[u8]>) -> Option<()> {
    let Some(raw) = raw else {
        out.extend(NULL.to_be_bytes());
        return Some(());
    };
    out.extend(i32::try_from(raw.len() + 1).ok()?.to_be_bytes());
    out.push(1);
    out.extend(raw);
    Some(())
}

/// numeric: digits to the base of 10,000, the last one of them the hundredths.
fn price(out: &mut Vec<u8>, price: Option<&Price>) -> Option<()> {
    let Some(price) = price else {
        out.extend(NULL.to_be_bytes());
        return Some(());
    };
    let (whole, hundredths) = (price.cents / 100, price.cents % 100);
    let digits = [whole / 100_000_000, whole / 10_000 % 10_000, whole % 10_000];
    let leading = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = &digits[leading..];
    let count = i16::try_from(digits.len()).ok()?;
    out.extend((8 + 2 * (i32::from(count) + 1)).to_be_bytes());
    for field in [count + 1, count - 1, 0, 2] {
        out.extend(field.to_be_bytes());
    }
    for digit in digits.iter().chain(&[hundredths * 100]) {
        out.extend(i16::try_from(*digit).ok()?.to_be_bytes());
    }
    Some(())
}
