//! What the store's errors are to a caller.

use ringback_store::StoreError;

use super::ApiError;

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { noun } => Self::not_found(format!("there is no such {noun}")),
            StoreError::TooMany { .. } => Self::conflict("limit_reached", error.to_string()),
            StoreError::Ended { .. } => Self::conflict("already_ended", error.to_string()),
            StoreError::NameTaken { .. } => Self::bad_request("name_taken", error.to_string()).param("name"),
            StoreError::WebhookIdTaken { .. } => {
                let message =
                    "this `webhook_id` stands for another event already; choose another for this one";
                Self::conflict("webhook_id_taken", message).param("webhook_id")
            }
            StoreError::Overloaded => {
                Self::unavailable("overloaded", "too much is waiting to be stored; try again shortly")
            }
            StoreError::Unavailable(_) => {
                // Without the cause: the store has told the log, once and not for each caller.
                Self::unavailable("store_unavailable", "the database cannot be used at the moment; try again")
            }
            StoreError::InDoubt(_) => {
                let message =
                    "the database was lost before it said whether this was stored: it may be, or not";
                Self::unavailable("outcome_unknown", message).leaving_doubt(true)
            }
            StoreError::Closed => {
                Self::unavailable("shutting_down", "Ringback is being stopped; try again shortly")
            }
            StoreError::Refused(_) => Self::internal(error).leaving_doubt(false),
            StoreError::Corrupt { .. } => Self::internal(error),
        }
    }
}

impl ApiError {
    /// What was written could not be read back for the answer.
    pub(crate) fn after_writing(error: StoreError) -> Self {
        Self::from(error).leaving_doubt(true)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn each_error_has_its_status_and_says_whether_to_try_again_and_whether_it_happened() {
        let disk = || Arc::new(std::io::Error::other("disk full"));
        let noun = "webhook event";
        let cases = [
            (StoreError::NotFound { noun }, 404, "not_found", None, None, false),
            (StoreError::TooMany { noun: "x", max: 5 }, 409, "limit_reached", None, Some("false"), false),
            (StoreError::Ended { noun: "x" }, 409, "already_ended", None, Some("false"), false),
            (StoreError::Overloaded, 503, "overloaded", Some("5"), None, false),
            (StoreError::Unavailable(disk()), 503, "store_unavailable", Some("5"), None, false),
            (StoreError::InDoubt(disk()), 503, "outcome_unknown", Some("5"), None, true),
            (StoreError::Closed, 503, "shutting_down", Some("5"), None, false),
            (StoreError::Refused(disk()), 500, "internal_error", None, Some("false"), false),
            (StoreError::Corrupt { noun, source: disk() }, 500, "internal_error", None, Some("false"), true),
        ];
        for (error, status, code, retry_after, should_retry, leaves_doubt) in cases {
            let error = ApiError::from(error);
            let response = error.render("req_1");
            let header = |name| response.headers().get(name).map(|v| v.to_str().unwrap());
            assert_eq!((response.status().as_u16(), error.code()), (status, code));
            assert_eq!(header(RETRY_AFTER), retry_after, "{code}");
            assert_eq!(header(crate::error::X_SHOULD_RETRY), should_retry, "{code}");
            assert_eq!(error.leaves_doubt(), leaves_doubt, "{code}");
        }
    }
}
