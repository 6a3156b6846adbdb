//! Why a body is not an event. Positions are given, texts of the body are not.

/// Why a body is not an event in OpenAI's envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// The body is not UTF-8, which JSON between systems must be (RFC 8259, section 8.1).
    #[error("the body is not UTF-8")]
    NotUtf8,
    /// The body is not JSON, or not JSON that can be read (see the parsing function for its limits).
    #[error("the body is not JSON: syntax error at line {line}, column {column}")]
    NotJson {
        /// Line of the fault, from 1.
        line: usize,
        /// Column of the fault in bytes, from 1; 0 before the first byte of a line.
        column: usize,
    },
    /// The body is JSON, but no object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// There is no `type`.
    #[error("the event has no `type`")]
    MissingType,
    /// `type` is not a string.
    #[error("the `type` of the event is not a string")]
    TypeNotAString,
    /// `type` is not at least two identifiers joined by full stops, or longer than 255 bytes.
    #[error("the `type` of the event is not of the form `family.what_happened`")]
    MalformedType,
    /// A field of the whole event has the wrong type. Reading only the head never reports this.
    #[error("the `{name}` of the event has the wrong type")]
    MalformedField {
        /// The field's name.
        name: &'static str,
    },
    /// There is no `data`. Reading only the head never reports this.
    #[error("the event has no `data`")]
    MissingData,
}

impl EnvelopeError {
    /// A stable name of the cause, in `snake_case`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 => "body_not_utf8",
            Self::NotJson { .. } => "not_json",
            Self::NotAnObject => "not_an_object",
            Self::MissingType => "missing_type",
            Self::TypeNotAString => "type_not_a_string",
            Self::MalformedType => "malformed_type",
            Self::MalformedField { .. } => "malformed_field",
            Self::MissingData => "missing_data",
        }
    }

    /// Keeps the position only: the parser's own message can quote the body.
    pub(crate) fn not_json(fault: &serde_json::Error) -> Self {
        Self::NotJson { line: fault.line(), column: fault.column() }
    }
}
