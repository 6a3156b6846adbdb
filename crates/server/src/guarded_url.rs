//! URLs that are to be called: judged when they are saved, by the rules that every call is judged by again.

use crate::error::ApiError;
use crate::fields::Fields;
use crate::parts::App;

/// The URL in its normal form, which is what will be called. Its length is the policy's to judge.
pub(crate) fn read(app: &App, fields: &Fields, name: &'static str) -> Result<Option<String>, ApiError> {
    let Some(text) = fields.text(name, usize::MAX)? else { return Ok(None) };
    match app.parts.egress_policy.check_url(text) {
        Ok(url) => Ok(Some(url.into())),
        Err(refusal) => Err(ApiError::bad_request(refusal.code(), refusal.to_string()).param(name)),
    }
}
