//! The bounds of a partition, as they are and as the server writes them.

use ringback_domain::{EventId, Timestamp, TypedId};

use crate::postgres::columns::Key;

/// Where a partition begins or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::postgres) enum Bound {
    /// Below every id.
    Lowest,
    /// At this id.
    At(Key),
    /// Above every id.
    Highest,
}

impl Bound {
    /// At the least id that can have been made then; of events as of attempts.
    pub(super) fn at(time: Timestamp) -> Self {
        Self::At(Key(EventId::first_at(time).to_bytes()))
    }

    /// As an id: nothing is below the lowest, nor above the highest but the highest itself.
    pub(super) fn key(self) -> Key {
        match self {
            Self::Lowest => Key([0; 16]),
            Self::At(key) => key,
            Self::Highest => Key([u8::MAX; 16]),
        }
    }

    /// The time that the id begins with; `None` at either end.
    pub(in crate::postgres) fn time(self) -> Option<Timestamp> {
        let Self::At(Key(bytes)) = self else { return None };
        let ms = bytes.iter().take(6).fold(0, |ms, byte| ms << 8 | i64::from(*byte));
        Some(Timestamp::from_unix_ms(ms))
    }

    /// As it stands in a statement.
    pub(super) fn sql(self) -> String {
        match self {
            Self::Lowest => "MINVALUE".to_owned(),
            Self::Highest => "MAXVALUE".to_owned(),
            Self::At(Key(bytes)) => format!("'{:032x}'", u128::from_be_bytes(bytes)),
        }
    }
}

/// Both bounds of `FOR VALUES FROM (…) TO (…)`.
pub(super) fn read(text: &str) -> Option<(Bound, Bound)> {
    let (from, until) = text.strip_prefix("FOR VALUES FROM (")?.strip_suffix(')')?.split_once(") TO (")?;
    Some((read_one(from)?, read_one(until)?))
}

fn read_one(text: &str) -> Option<Bound> {
    match text {
        "MINVALUE" => Some(Bound::Lowest),
        "MAXVALUE" => Some(Bound::Highest),
        uuid => {
            let digits = uuid.trim_matches('\'').replace('-', "");
            let number = u128::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 32)?;
            Some(Bound::At(Key(number.to_be_bytes())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_writes_is_read_back() {
        let time = Timestamp::from_unix_ms(1_750_287_078_123);
        let Bound::At(key) = Bound::at(time) else { panic!("a time has an id") };
        let text = "FOR VALUES FROM (MINVALUE) TO ('0197853d-52eb-0000-0000-000000000000')";
        assert_eq!(read(text), Some((Bound::Lowest, Bound::At(key))));
        assert_eq!(Bound::At(key).time(), Some(time));
        assert_eq!(Bound::At(key).sql(), "'0197853d52eb00000000000000000000'");
        assert_eq!(read("DEFAULT"), None);
        assert_eq!(read("FOR VALUES FROM ('0197853d') TO (MAXVALUE)"), None);
        assert!(Bound::Lowest < Bound::At(key) && Bound::At(key) < Bound::Highest);
    }
}
