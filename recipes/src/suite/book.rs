//! The suites that come with the program.

/// Name and text of each suite, in the order in which they are listed.
pub const SUITES: &[(&str, &str)] = &[
    ("xtreme", include_str!("../../suites/xtreme.toml")),
    ("iglue", include_str!("../../suites/iglue.toml")),
    ("indicxtreme", include_str!("../../suites/indicxtreme.toml")),
    ("at-hand", include_str!("../../suites/at-hand.toml")),
    ("smoke", include_str!("../../suites/smoke.toml")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_suite_is_read() {
        for (name, _) in SUITES {
            let suite =
                super::super::load(format!("builtin:{name}")).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(suite.suite.name.value, *name);
        }
    }

    /// Languages of XTREME's tasks (Hu et al., 2020; `evaluate.py`), of IGLUE's and of `IndicXTREME`'s (`eval.sh`).
    #[test]
    fn tasks_have_as_many_languages_as_the_benchmark() {
        let counts = |name: &str| {
            let suite = super::super::load(format!("builtin:{name}")).unwrap().suite;
            suite.task.iter().map(|(name, task)| (name.clone(), task.languages.len())).collect::<Vec<_>>()
        };
        let own = |pairs: &[(&str, usize)]| {
            pairs.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Vec<_>>()
        };
        let xtreme = [
            ("xnli", 15),
            ("pawsx", 7),
            ("udpos", 33),
            ("panx", 40),
            ("xquad", 11),
            ("mlqa", 7),
            ("tydiqa", 9),
            ("bucc2018", 4),
            ("tatoeba", 36),
        ];
        assert_eq!(counts("xtreme"), own(&xtreme));
        let iglue = [("xvnli", 5), ("xgqa", 8), ("marvl", 6), ("xflickrco", 8), ("wit", 11)];
        assert_eq!(counts("iglue"), own(&iglue));
    }
}
