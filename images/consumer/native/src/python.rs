//! The extension module `pulse_native`.

use crate::row::{self, Origin, Rules, Scratch};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyList, PyTuple};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Headers of such names are Pulse's own and mean something; Python looks at their records.
const OWN_HEADERS: &str = "pulse.";

/// Its promise stands in `pulse_native.pyi`.
#[pyclass(frozen)]
struct Packer {
    rules: Rules,
}

struct Record {
    origin: Origin,
    value: PyBackedBytes,
}

#[pymethods]
impl Packer {
    #[new]
    fn new(
        topic_id: &[u8],
        left_out_context: Vec<String>,
        event_types: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let topic_id = topic_id
            .try_into()
            .map_err(|_| PyValueError::new_err("a topic id has 16 bytes"))?;
        let bytes = |names: Vec<String>| names.into_iter().map(String::into_bytes).collect();
        Ok(Self {
            rules: Rules {
                topic_id,
                event_types: event_types.map(bytes),
                left_out: bytes(left_out_context),
            },
        })
    }

    fn rows<'py>(
        &self,
        py: Python<'py>,
        records: &Bound<'py, PyList>,
    ) -> PyResult<Bound<'py, PyList>> {
        let taken = records
            .iter()
            .map(|record| taken(record.cast::<PyTuple>()?))
            .collect::<PyResult<Vec<_>>>()?;
        let (buffer, places) = py.detach(|| packed(&self.rules, &taken));
        PyList::new(
            py,
            places
                .into_iter()
                .map(|place| place.map(|place| PyBytes::new(py, &buffer[place]))),
        )
    }
}

/// What a row needs of a `pulse_consumer.record.Record`; `None` if Python has to look at it.
fn taken(record: &Bound<PyTuple>) -> PyResult<Option<Record>> {
    let value = record.get_borrowed_item(5)?;
    let headers = record.get_borrowed_item(6)?;
    if value.is_none() || (!headers.is_none() && has_own_headers(&headers)?) {
        return Ok(None);
    }
    Ok(Some(Record {
        origin: Origin {
            partition: record.get_borrowed_item(0)?.extract()?,
            offset: record.get_borrowed_item(1)?.extract()?,
            kafka_us: record.get_borrowed_item(2)?.extract()?,
            trusted: record.get_borrowed_item(3)?.extract()?,
        },
        value: value.extract()?,
    }))
}

fn has_own_headers(headers: &Bound<PyAny>) -> PyResult<bool> {
    for header in headers.try_iter()? {
        let name = header?.get_item(0)?;
        if name.extract::<&str>()?.starts_with(OWN_HEADERS) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The rows one behind the other, and the place of each; needs no interpreter.
fn packed(rules: &Rules, records: &[Option<Record>]) -> (Vec<u8>, Vec<Option<Range<usize>>>) {
    let mut buffer = Vec::with_capacity(records.len() * 512);
    let mut scratch = Scratch::default();
    let places = records.iter().map(|record| {
        let Record { origin, value } = record.as_ref()?;
        let start = buffer.len();
        // A bug here must not stop a partition at one record for ever: Python can take every record.
        let written = catch_unwind(AssertUnwindSafe(|| {
            row::write(rules, *origin, value, &mut scratch, &mut buffer)
        }));
        if let Ok(Some(())) = written {
            return Some(start..buffer.len());
        }
        buffer.truncate(start);
        None
    });
    let places = places.collect();
    (buffer, places)
}

#[pymodule]
fn pulse_native(module: &Bound<PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<Packer>()
}
