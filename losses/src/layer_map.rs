//! Map from layers of the student to layers of the teacher.

use alambic_settings::reader::Reader;
use alambic_settings::{Node, Setting, Type, Value, choices};

choices! {
    /// A rule that gives each layer of a student of S layers one of a teacher of T.
    pub enum Pattern {
        /// Layer m against layer m·T/S; the depths must divide (TinyBERT).
        Uniform = "uniform",
        /// Layer m against layer ⌈m·T/S⌉; any depths.
        Spread = "spread",
        /// The last layer of both alone.
        Last = "last",
        /// The first layer of both alone.
        First = "first",
        /// Layer m against layer m·⌊T/S⌋, the student's last layer left out (PKD-skip).
        Skip = "skip",
        /// The student's layers against the teacher's uppermost S, one by one.
        Top = "top",
        /// The student's layers against the teacher's lowest S, one by one.
        Bottom = "bottom",
    }
}

/// Which layer of the teacher a layer of the student is compared with: a rule, or pairs of a student's and a teacher's
/// layer. Layers are counted from 1, 0 being the embeddings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LayerMap {
    /// A rule.
    Pattern(Pattern),
    /// Student's layer and teacher's layer.
    Pairs(Vec<(usize, usize)>),
}

impl LayerMap {
    /// The pairs for a student of `student` layers and a teacher of `teacher` layers, in the student's order.
    ///
    /// # Errors
    /// What does not fit, and what to do.
    pub fn pairs(&self, student: usize, teacher: usize) -> Result<Vec<(usize, usize)>, String> {
        let pattern = match self {
            Self::Pairs(pairs) => {
                return match pairs.iter().find(|(own, other)| *own > student || *other > teacher) {
                    Some((own, other)) => Err(format!(
                        "`map` pairs layer {own} with layer {other}; the student has {student} layers and the teacher {teacher}"
                    )),
                    None if pairs.is_empty() => Err("`map` is an empty list".into()),
                    None => Ok(pairs.clone()),
                };
            }
            Self::Pattern(pattern) => *pattern,
        };
        if student == 0 || teacher == 0 {
            return Err(format!(
                "there is no layer to compare: the student has {student}, the teacher {teacher}"
            ));
        }
        let all = || 1..=student;
        let fewer = |pairs: Vec<(usize, usize)>| {
            if student > teacher {
                return Err(format!(
                    "`map = \"{}\"` wants no more layers in the student ({student}) than in the teacher ({teacher})",
                    pattern.name()
                ));
            }
            Ok(pairs)
        };
        match pattern {
            Pattern::Uniform if !teacher.is_multiple_of(student) => Err(format!(
                "the teacher's {teacher} layers do not divide by the student's {student}, as `map = \"uniform\"` needs; use `map = \"spread\"` or a list of pairs"
            )),
            Pattern::Uniform => Ok(all().map(|layer| (layer, layer * (teacher / student))).collect()),
            Pattern::Spread => Ok(all().map(|layer| (layer, (layer * teacher).div_ceil(student))).collect()),
            Pattern::Last => Ok(vec![(student, teacher)]),
            Pattern::First => Ok(vec![(1, 1)]),
            Pattern::Skip if student == 1 => {
                Err("`map = \"skip\"` leaves the student's last layer out, and it has no other".into())
            }
            Pattern::Skip => fewer((1..student).map(|layer| (layer, layer * (teacher / student))).collect()),
            Pattern::Top => {
                fewer(all().map(|layer| (layer, (teacher + layer).saturating_sub(student))).collect())
            }
            Pattern::Bottom => fewer(all().map(|layer| (layer, layer)).collect()),
        }
    }
}

impl Setting for LayerMap {
    fn describe() -> Type {
        Type::Either(Box::new(Pattern::describe()), Box::new(<Vec<Vec<usize>>>::describe()))
    }

    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        if !matches!(node.value, Value::List(_)) {
            return Pattern::read(node, reader).map(Self::Pattern);
        }
        let mut pairs = Vec::new();
        for pair in <Vec<Vec<usize>>>::read(node, reader)? {
            match pair[..] {
                [student, teacher] => pairs.push((student, teacher)),
                _ => {
                    return reader.report_wrong_type(
                        node,
                        "pairs of a student's and a teacher's layer, as [[1, 3], [2, 6]]",
                    );
                }
            }
        }
        Some(Self::Pairs(pairs))
    }

    fn to_value(&self) -> Option<Value> {
        match self {
            Self::Pattern(pattern) => pattern.to_value(),
            Self::Pairs(pairs) => {
                pairs.iter().map(|&(student, teacher)| vec![student, teacher]).collect::<Vec<_>>().to_value()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(pattern: Pattern, student: usize, teacher: usize) -> Result<Vec<(usize, usize)>, String> {
        LayerMap::Pattern(pattern).pairs(student, teacher)
    }

    #[test]
    fn patterns_give_the_published_layers() {
        assert_eq!(pairs(Pattern::Uniform, 4, 12).unwrap(), [(1, 3), (2, 6), (3, 9), (4, 12)]);
        assert_eq!(pairs(Pattern::Spread, 4, 6).unwrap(), [(1, 2), (2, 3), (3, 5), (4, 6)]);
        assert_eq!(pairs(Pattern::Spread, 6, 4).unwrap(), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 4), (6, 4)]);
        assert_eq!(pairs(Pattern::Skip, 6, 12).unwrap(), [(1, 2), (2, 4), (3, 6), (4, 8), (5, 10)]);
        assert_eq!(pairs(Pattern::Last, 3, 12).unwrap(), [(3, 12)]);
        assert_eq!(pairs(Pattern::First, 3, 12).unwrap(), [(1, 1)]);
        assert_eq!(pairs(Pattern::Top, 2, 5).unwrap(), [(1, 4), (2, 5)]);
        assert_eq!(pairs(Pattern::Bottom, 2, 5).unwrap(), [(1, 1), (2, 2)]);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        assert!(pairs(Pattern::Uniform, 4, 6).unwrap_err().contains("`map = \"spread\"`"));
        assert!(pairs(Pattern::Top, 6, 4).unwrap_err().contains("no more layers"));
        assert!(pairs(Pattern::Skip, 1, 4).unwrap_err().contains("last layer"));
        let listed = LayerMap::Pairs(vec![(1, 2), (3, 7)]);
        assert_eq!(LayerMap::Pairs(vec![(0, 0)]).pairs(1, 1).unwrap(), [(0, 0)]);
        assert!(listed.pairs(3, 6).unwrap_err().contains("layer 3 with layer 7"));
        assert!(LayerMap::Pairs(Vec::new()).pairs(1, 1).unwrap_err().contains("empty"));
    }
}
