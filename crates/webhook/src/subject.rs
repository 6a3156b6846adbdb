//! What an event is about: an object of OpenAI's API, and the call by which one gets hold of it.
//!
//! Events are thin: they say *that* something happened and hold an id, and the receiver asks the API for the
//! rest. The id comes out of the event, so it is nothing to paste into a URL: as a path segment it is
//! percent-encoded, and what no encoding makes safe is refused.
//!
//! ```
//! use ringback_webhook::{Event, subject::NoCall};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let event = Event::parse(br#"{"type":"response.completed","data":{"id":"resp_1"}}"#)?;
//! let call = event.subject().ok_or("no subject")?.api_call()?;
//! assert_eq!((call.method.as_str(), call.path.as_str()), ("GET", "/v1/responses/resp_1"));
//!
//! // An eval run belongs to an eval, which its events do not name.
//! let event = Event::parse(br#"{"type":"eval.run.succeeded","data":{"id":"evalrun_1"}}"#)?;
//! let call = event.subject().ok_or("no subject")?.api_call();
//! assert_eq!(
//!     call,
//!     Err(NoCall::NeedsParent {
//!         template: "/v1/evals/{eval_id}/runs/evalrun_1".into(),
//!         missing: "eval_id",
//!     }),
//! );
//! # Ok(())
//! # }
//! ```

mod route;

use http::Method;
use serde::{Serialize, Serializer};

pub use self::route::ObjectKind;
pub(crate) use self::route::Route;
use crate::{envelope::EnvelopeHead, event::Event};

/// The object that an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject<'e> {
    /// What kind of object.
    pub kind: ObjectKind,
    /// Its id, as the event has it: not checked in any way.
    pub id: &'e str,
    route: &'static Route,
}

/// How to get hold of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiCall {
    /// `GET` to fetch the object, or to attach to a live session, which is a WebSocket; `POST` where the
    /// event asks for an answer, such as to accept a call.
    pub method: Method,
    /// From `/v1` on, percent-encoded: to be put behind `https://api.openai.com`, or another base.
    pub path: String,
}

/// Why there is no such call. It holds the id only as far as it is a safe segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoCall {
    /// The path has a part that the event does not name; whoever made the object knows it.
    #[error("the path {template} needs the `{missing}`, which the event does not hold")]
    NeedsParent {
        /// The path, with the missing part in braces.
        template: String,
        /// The name of that part.
        missing: &'static str,
    },
    /// The API has no object of this kind: the id is one that the application made.
    #[error("the API has no object of this kind")]
    NoObject,
    /// The id is empty, `.` or `..`, which no encoding makes a segment of a path.
    #[error("the id cannot be part of a path")]
    UnusableId,
}

impl<'e> Subject<'e> {
    /// What an event of the type `event_type` with this id is about. Types that are not in the catalogue
    /// belong to their family, so that `response.archived` is about a response; `None` for families that are
    /// not known either.
    ///
    /// The id is `data.id`, `data.call_id`, `data.session_id` or `data.safety_identifier`, whichever the type
    /// has.
    #[must_use]
    pub fn new(event_type: &str, id: &'e str) -> Option<Self> {
        let route = Route::of(event_type)?;
        Some(Self { kind: route.kind, id, route })
    }

    /// The call to make next.
    ///
    /// # Errors
    /// [`NoCall::NoObject`], [`NoCall::UnusableId`], [`NoCall::NeedsParent`].
    pub fn api_call(&self) -> Result<ApiCall, NoCall> {
        let Some((method, template)) = self.route.call() else {
            return Err(NoCall::NoObject);
        };
        let path = template.replace(route::ID, &encode_segment(self.id).ok_or(NoCall::UnusableId)?);
        match route::missing_part(template) {
            Some(missing) => Err(NoCall::NeedsParent { template: path, missing }),
            None => Ok(ApiCall { method, path }),
        }
    }
}

impl Event {
    /// The object that this event is about; `None` if its family is not known or its id is not a text.
    #[must_use]
    pub fn subject(&self) -> Option<Subject<'_>> {
        let route = Route::of(&self.event_type)?;
        let id = self.data.get(route.id_field)?.as_str()?;
        Some(Subject { kind: route.kind, id, route })
    }
}

impl EnvelopeHead<'_> {
    /// The object that this event is about; `None` if its family is not known or it names none.
    #[must_use]
    pub fn subject(&self) -> Option<Subject<'_>> {
        Subject::new(&self.event_type, self.object_id.as_deref()?)
    }
}

/// As its name ([`ObjectKind::as_str`]).
impl Serialize for ObjectKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Everything but unreserved characters (RFC 3986, section 2.3) as `%XX`. `.` and `..` would change the path
/// even when they are encoded.
fn encode_segment(id: &str) -> Option<String> {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    if matches!(id, "" | "." | "..") {
        return None;
    }
    let mut segment = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            segment.push(char::from(byte));
        } else {
            segment.push('%');
            segment.push(char::from(HEX[usize::from(byte >> 4)]));
            segment.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
    Some(segment)
}

#[cfg(test)]
mod tests;
