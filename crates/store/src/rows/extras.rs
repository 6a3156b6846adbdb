//! What goes with every attempt to an endpoint, at rest: headers and authentication as JSON, encrypted,
//! because either may hold a key to the user's app.

use ringback_domain::{Authentication, EndpointId, ExtraHeader};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Unreadable, secrets};
use crate::keyring::Keyring;

/// What was opened.
#[derive(Default)]
pub(crate) struct Extras {
    pub(crate) headers: Vec<ExtraHeader>,
    pub(crate) authentication: Option<Authentication>,
}

/// A text that is not what [`seal`] writes.
#[derive(Debug, thiserror::Error)]
#[error("the decrypted text does not describe an endpoint's headers and authentication")]
struct NotExtras;

/// The column's value; null when there is nothing to keep.
pub(crate) fn seal(
    keyring: &Keyring,
    id: EndpointId,
    headers: &[ExtraHeader],
    authentication: Option<&Authentication>,
) -> Option<Vec<u8>> {
    if headers.is_empty() && authentication.is_none() {
        return None;
    }
    let headers: Vec<_> = headers.iter().map(|header| [&header.name, &header.value]).collect();
    let authentication = authentication.map(|authentication| match authentication {
        Authentication::Bearer { token } => json!({"bearer": token}),
        Authentication::Basic { username, password } => json!({"basic": [username, password]}),
    });
    let text = Zeroizing::new(json!({"headers": headers, "authentication": authentication}).to_string());
    Some(keyring.encrypt(&place(id), text.as_bytes()))
}

/// Reads the column's value back.
pub(crate) fn open(keyring: &Keyring, id: EndpointId, sealed: Option<&[u8]>) -> Result<Extras, Unreadable> {
    let Some(sealed) = sealed else { return Ok(Extras::default()) };
    let text = secrets::decrypt(keyring, &place(id), sealed)?;
    let value = serde_json::from_str(&text).map_err(Unreadable::new)?;
    read(&value).ok_or_else(|| Unreadable::new(NotExtras))
}

fn read(value: &Value) -> Option<Extras> {
    let header = |pair: &Value| {
        let (name, value) = (pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.as_str()?.to_owned());
        Some(ExtraHeader { name, value })
    };
    let headers = value.get("headers")?.as_array()?.iter().map(header).collect::<Option<_>>()?;
    let authentication = match value.get("authentication")? {
        Value::Null => None,
        other => Some(read_authentication(other)?),
    };
    Some(Extras { headers, authentication })
}

fn read_authentication(value: &Value) -> Option<Authentication> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    if let Some(token) = value.get("bearer") {
        return Some(Authentication::Bearer { token: text(token)? });
    }
    let pair = value.get("basic")?;
    Some(Authentication::Basic { username: text(pair.get(0)?)?, password: text(pair.get(1)?)? })
}

/// Binds a ciphertext to its row.
pub(crate) fn place(id: EndpointId) -> String {
    format!("endpoints/{id}")
}
