//! The few fields of an event that whoever takes it in must know, read without building a tree.
//!
//! One pass over the body, borrowing from it; everything else is skipped in constant stack space, however
//! deep it is nested. Where readers could disagree, this one does as Python and JavaScript do: of a repeated
//! key the last one counts. For the whole event see [`crate::Event`].

mod error;
mod shallow;

use std::borrow::Cow;

use serde::de::{IgnoredAny, MapAccess};

pub use self::error::EnvelopeError;
use self::shallow::{Fields, MaybeObject, Shallow};
use crate::event_type;

/// The head of an event in OpenAI's envelope, borrowed from the body where possible.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeHead<'a> {
    /// `id`, such as `evt_…`: the event's id at its source. `None` if absent or not a string.
    pub id: Option<Cow<'a, str>>,
    /// `type`, well-formed but not necessarily known ([`event_type::is_well_formed`]), in the spelling it
    /// came with.
    pub event_type: Cow<'a, str>,
    /// `created_at`, Unix seconds: when the event happened. `None` if absent or not an integer of 64 bits.
    pub created_at: Option<i64>,
    /// What the event is about: `data.id`, else `data.call_id`, else `data.session_id`. `None` if none of
    /// them is a string. Its length and characters are not limited.
    pub object_id: Option<Cow<'a, str>>,
}

impl EnvelopeHead<'_> {
    /// Reads the head of a body.
    ///
    /// Unknown fields are skipped, and a known field other than `type` that has the wrong type counts as
    /// absent. `object` is not looked at, since senders may leave it out.
    ///
    /// # Errors
    /// In this order: [`EnvelopeError::NotUtf8`], [`EnvelopeError::NotJson`] (also for a lone surrogate
    /// escape in one of the fields read), [`EnvelopeError::NotAnObject`], [`EnvelopeError::MissingType`],
    /// [`EnvelopeError::TypeNotAString`], [`EnvelopeError::MalformedType`].
    pub fn parse(body: &[u8]) -> Result<EnvelopeHead<'_>, EnvelopeError> {
        let text = std::str::from_utf8(body).map_err(|_| EnvelopeError::NotUtf8)?;
        let MaybeObject(fields) =
            serde_json::from_str(text).map_err(|fault| EnvelopeError::not_json(&fault))?;
        let HeadFields { id, event_type, created_at, object_id } =
            fields.ok_or(EnvelopeError::NotAnObject)?;
        let event_type = event_type.ok_or(EnvelopeError::MissingType)?;
        let event_type = event_type.into_text().ok_or(EnvelopeError::TypeNotAString)?;
        if !event_type::is_well_formed(&event_type) {
            return Err(EnvelopeError::MalformedType);
        }
        Ok(EnvelopeHead { id, event_type, created_at, object_id })
    }
}

#[derive(Default)]
struct HeadFields<'a> {
    id: Option<Cow<'a, str>>,
    event_type: Option<Shallow<'a>>,
    created_at: Option<i64>,
    object_id: Option<Cow<'a, str>>,
}

impl<'de> Fields<'de> for HeadFields<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        match key {
            "id" => self.id = map.next_value::<Shallow<'de>>()?.into_text(),
            "type" => self.event_type = Some(map.next_value()?),
            "created_at" => self.created_at = map.next_value::<Shallow<'de>>()?.into_integer(),
            "data" => {
                let MaybeObject(data) = map.next_value::<MaybeObject<DataFields<'de>>>()?;
                self.object_id = data.and_then(DataFields::into_object_id);
            }
            _ => {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct DataFields<'a> {
    id: Option<Cow<'a, str>>,
    call_id: Option<Cow<'a, str>>,
    session_id: Option<Cow<'a, str>>,
}

impl<'a> DataFields<'a> {
    fn into_object_id(self) -> Option<Cow<'a, str>> {
        self.id.or(self.call_id).or(self.session_id)
    }
}

impl<'de> Fields<'de> for DataFields<'de> {
    fn read<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error> {
        let field = match key {
            "id" => &mut self.id,
            "call_id" => &mut self.call_id,
            "session_id" => &mut self.session_id,
            _ => return map.next_value::<IgnoredAny>().map(drop),
        };
        *field = map.next_value::<Shallow<'de>>()?.into_text();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
