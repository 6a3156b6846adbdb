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
                Self::unavailable("store_unavailable", "nothing can be stored at the moment; try again")
            }
            StoreError::Closed => {
                Self::unavailable("shutting_down", "Ringback is being stopped; try again shortly")
            }
            StoreError::Refused(_) | StoreError::Corrupt { .. } => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::header::RETRY_AFTER;

    use super::*;

    #[test]
    fn each_error_has_its_status_and_says_whether_to_try_again() {
        let disk = || Arc::new(std::io::Error::other("disk full"));
        let noun = "webhook event";
        let cases = [
            (StoreError::NotFound { noun }, 404, "not_found", None, None),
            (StoreError::TooMany { noun: "x", max: 5 }, 409, "limit_reached", None, Some("false")),
            (StoreError::Ended { noun: "x" }, 409, "already_ended", None, Some("false")),
            (StoreError::Overloaded, 503, "overloaded", Some("5"), None),
            (StoreError::Unavailable(disk()), 503, "store_unavailable", Some("5"), None),
            (StoreError::Closed, 503, "shutting_down", Some("5"), None),
            (StoreError::Refused(disk()), 500, "internal_error", None, Some("false")),
            (StoreError::Corrupt { noun, source: disk() }, 500, "internal_error", None, Some("false")),
        ];
        for (error, status, code, retry_after, should_retry) in cases {
            let error = ApiError::from(error);
            let response = error.render("req_1");
            let header = |name| response.headers().get(name).map(|v| v.to_str().unwrap());
            assert_eq!((response.status().as_u16(), error.code()), (status, code));
            assert_eq!(header(RETRY_AFTER), retry_after, "{code}");
            assert_eq!(header(crate::error::X_SHOULD_RETRY), should_retry, "{code}");
        }
    }
}
