//! Enumerations that have one fixed word for each value: in the database, in JSON and in the logs alike.

/// A word that is not one of an enumeration's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {noun} `{word}`, expected one of {}", expected.join(", "))]
pub struct UnknownWord {
    /// What the word should have named, e.g. `delivery state`.
    pub noun: &'static str,
    /// The word that was given.
    pub word: String,
    /// Every word that is known.
    pub expected: &'static [&'static str],
}

/// Gives an enumeration `ALL`, `as_str`, `FromStr` and `Display` from one list of words.
macro_rules! words {
    ($noun:literal, $enum:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $enum {
            /// Every value, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for this value, as stored and as shown in JSON.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl std::str::FromStr for $enum {
            type Err = $crate::words::UnknownWord;

            fn from_str(word: &str) -> Result<Self, Self::Err> {
                match word {
                    $($word => Ok(Self::$variant),)+
                    _ => Err($crate::words::UnknownWord {
                        noun: $noun,
                        word: word.to_owned(),
                        expected: &[$($word),+],
                    }),
                }
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use words;
