//! How `data` can fail to have the shape of its type.

/// A field of `data` that does not fit the type of the event. It holds names, never a value out of the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the data of {event_type} lacks `{field}` as {expected}")]
pub struct DataError {
    /// The type of the event, in the catalogue's spelling.
    pub event_type: &'static str,
    /// The field that is missing or has another type. For a field of an object within `data`, its innermost
    /// name.
    pub field: &'static str,
    /// What was expected, such as `a string`.
    pub expected: &'static str,
}
