//! Enums whose values have a word each.

/// Defines an enum of which each value is shown as the word beside it.
macro_rules! shown {
    (
        $(#[$about:meta])*
        pub enum $enum:ident {
            $($(#[$meaning:meta])* $variant:ident = $word:literal,)+
        }
    ) => {
        $(#[$about])*
        pub enum $enum {
            $($(#[$meaning])* $variant,)+
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(match self {
                    $($enum::$variant => $word,)+
                })
            }
        }
    };
}
