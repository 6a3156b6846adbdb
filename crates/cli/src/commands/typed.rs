//! Values as a person types them, where what is wrong wants better words than a library's.

use ringback_webhook::event_type;

use super::duration;

/// A whole number within a range.
pub(super) fn between<const MIN: u32, const MAX: u32>(text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| (MIN..=MAX).contains(number));
    number.ok_or_else(|| format!("it must be {MIN} to {MAX}"))
}

/// A length of time in whole seconds within a range, with or without its unit.
pub(super) fn secs_between<const MIN: u32, const MAX: u32>(text: &str) -> Result<u32, String> {
    duration::parse(text, &(MIN..=MAX), "")
}

/// The name of one event type.
pub(super) fn one_type(text: &str) -> Result<String, String> {
    match text.contains('*') {
        true => Err("it takes one type, such as `order.paid`, and not a family".to_owned()),
        false => Ok(text.to_owned()),
    }
}

/// The name that an event's type can have.
pub(super) fn event_type(text: &str) -> Result<String, String> {
    match event_type::is_well_formed(text) {
        true => Ok(text.to_owned()),
        false => Err("a type is words of letters, digits and underscores with full stops between, such as \
             `order.paid`"
            .to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_within_its_range() {
        assert_eq!(between::<1, 100>("100"), Ok(100));
        for wrong in ["0", "101", "-1", "1.5", "abc", ""] {
            assert_eq!(between::<1, 100>(wrong), Err("it must be 1 to 100".to_owned()), "{wrong}");
        }
        assert_eq!(secs_between::<1, 60>("1m"), Ok(60));
        assert_eq!(secs_between::<1, 60>("0"), Err("it must be 1 to 60 seconds".to_owned()));
    }

    #[test]
    fn a_type_has_at_least_two_words() {
        assert_eq!(event_type("order.paid").as_deref(), Ok("order.paid"));
        for wrong in ["", "order", "batch.*", "a b.c"] {
            assert!(event_type(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_family_is_not_one_type() {
        assert_eq!(one_type("order.paid").as_deref(), Ok("order.paid"));
        assert!(one_type("order.*").is_err() && one_type("*").is_err());
    }
}
