//! A number for a text that is the same in every run, version and machine.

/// A number in [0, 1) from the BLAKE3 hash of the parts. Each part is hashed with its length, so that
/// `["ab", "c"]` and `["a", "bc"]` differ.
pub(crate) fn unit_interval(parts: &[&str]) -> f64 {
    (number(parts) >> 11) as f64 / (1_u64 << 53) as f64
}

/// A 64-bit number from the same hash.
pub(crate) fn number(parts: &[&str]) -> u64 {
    let mut first = [0; 8];
    hasher(parts).finalize_xof().fill(&mut first);
    u64::from_le_bytes(first)
}

/// A 128-bit number from the same hash, by which texts are compared.
pub(crate) fn key(parts: &[&str]) -> u128 {
    let mut first = [0; 16];
    hasher(parts).finalize_xof().fill(&mut first);
    u128::from_le_bytes(first)
}

/// Thirty-two bytes from the same hash: a seed for a random stream.
pub(crate) fn bytes(parts: &[&str]) -> [u8; 32] {
    *hasher(parts).finalize().as_bytes()
}

/// One fingerprint of several files.
pub(crate) fn join_fingerprints(fingerprints: &[String]) -> String {
    match fingerprints {
        [one] => one.clone(),
        several => blake3::hash(several.join("\n").as_bytes()).to_hex().to_string(),
    }
}

fn hasher(parts: &[&str]) -> blake3::Hasher {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(number(&["ab", "c"]), number(&["a", "bc"]));
    }

    /// The shipped split and every report rest on these figures: they never change.
    #[test]
    fn figures_are_fixed() {
        assert_eq!(number(&["salt", "key"]), 15_907_675_265_823_883_938);
        // BLAKE3 of nothing begins with af 13 49 b9 f5 f9 a1 a6.
        assert_eq!(number(&[]), 0xa6a1_f9f5_b949_13af);
    }

    #[test]
    fn fills_the_interval_evenly() {
        let mut tenths = [0_usize; 10];
        for index in 0..10_000 {
            tenths[(unit_interval(&["even", &index.to_string()]) * 10.0) as usize] += 1;
        }
        assert!(tenths.iter().all(|&count| (880..1120).contains(&count)), "{tenths:?}");
    }
}
