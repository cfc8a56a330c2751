/// A sound, or what stands for one, before the code is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sound {
    /// A consonant, by the letter of its class.
    Consonant(char),
    /// A vowel (also an inherent one), y or h.
    Weak,
    /// Anything else, taken as it is.
    Other(char),
}
