//! Ids from outside that a database indexes: `webhook-id`, `evt_…`, `data.id`.

use ringback_webhook::webhook_id;

/// Whether an id from outside may be indexed: the grammar of a `webhook-id`, 1 to 255 visible ASCII
/// characters. So no NUL, no control character and no text that two databases would sort or fold differently
/// ever becomes a key.
#[must_use]
pub fn is_indexable(id: &str) -> bool {
    webhook_id::is_well_formed(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visible_ascii_up_to_255_bytes() {
        for good in ["a", "wh_1.2", "!~", &"x".repeat(255)] {
            assert!(is_indexable(good), "{good:?}");
        }
        for bad in ["", " ", "a b", "a\0", "a\n", "é", "\u{7f}", &"x".repeat(256)] {
            assert!(!is_indexable(bad), "{bad:?}");
        }
    }
}
