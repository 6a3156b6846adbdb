//! How an endpoint is shown who is calling, beside the signature.

use ringback_domain::Authentication;
use serde_json::Value;

use crate::error::ApiError;
use crate::fields::{Fields, required};

const FIELD: &str = "authentication";

/// The longest token, user name or password, in characters.
const MAX_CHARS: usize = 2048;

/// `authentication`, an object or `null` for none any more.
pub(super) fn read(fields: &Fields) -> Result<Option<Option<Authentication>>, ApiError> {
    fields.or_null(FIELD, |fields, _| fields.value(FIELD).map(read_object).transpose())
}

fn read_object(value: &Value) -> Result<Authentication, ApiError> {
    let given = Fields::of(FIELD, value, &["type", "token", "username", "password"])?;
    match required("authentication.type", given.text("type", MAX_CHARS)?)? {
        "bearer" => bearer(&given),
        "basic" => basic(&given),
        _ => Err(wrong("`authentication.type` must be `bearer` or `basic`")),
    }
}

fn bearer(given: &Fields) -> Result<Authentication, ApiError> {
    let token = required("authentication.token", given.text("token", MAX_CHARS)?)?;
    // The characters of RFC 6750, section 2.1.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    if !token.bytes().all(allowed) {
        return Err(wrong("`authentication.token` must be letters, digits and any of -._~+/="));
    }
    Ok(Authentication::Bearer { token: token.to_owned() })
}

fn basic(given: &Fields) -> Result<Authentication, ApiError> {
    let username = required("authentication.username", given.text("username", MAX_CHARS)?)?;
    let password = match given.value("password") {
        Some(value) if value.as_str() == Some("") => "",
        _ => required("authentication.password", given.text("password", MAX_CHARS)?)?,
    };
    if username.contains(':') {
        return Err(wrong("`authentication.username` must not hold a colon (RFC 7617)"));
    }
    if username.contains(char::is_control) || password.contains(char::is_control) {
        return Err(wrong("`authentication` must not hold control characters"));
    }
    Ok(Authentication::Basic { username: username.to_owned(), password: password.to_owned() })
}

fn wrong(message: &'static str) -> ApiError {
    ApiError::invalid_value(FIELD, message)
}
