//! Emoji of which others are variants.

/// Selector of the drawing in colours.
const SELECTOR: &str = "FE0F";
/// Joins the parts of an emoji.
const JOINER: &str = "200D";
/// What says a gender behind a joiner.
const GENDERS: [&str; 2] = ["2640", "2642"];

/// The emoji that one is a variant of, both as code points in hexadecimal separated by `-`: without the selector of drawings, skin
/// tones and genders, and with persons in the place of men and women, children in the place of boys and girls.
pub(crate) fn base_emoji(code_points: &str) -> String {
    let is_skin =
        |point: &str| u32::from_str_radix(point, 16).is_ok_and(|point| (0x1F3FB..=0x1F3FF).contains(&point));
    let points: Vec<String> = code_points
        .split('-')
        .map(str::to_ascii_uppercase)
        .filter(|point| point != SELECTOR && !is_skin(point) && !GENDERS.contains(&point.as_str()))
        .map(|point| match point.as_str() {
            "1F468" | "1F469" => "1F9D1".to_owned(),
            "1F466" | "1F467" => "1F9D2".to_owned(),
            _ => point,
        })
        .collect();
    let mut kept: Vec<&str> = Vec::new();
    for (place, point) in points.iter().enumerate() {
        // A joiner that joins nothing any more.
        let next = points.get(place + 1).map(String::as_str);
        if point == JOINER && (next.is_none() || next == Some(JOINER)) {
            continue;
        }
        kept.push(point);
    }
    kept.join("-")
}

#[cfg(test)]
mod tests {
    use super::base_emoji;

    #[test]
    fn variants_have_one_base() {
        for (variant, base) in [
            ("0023-FE0F-20E3", "0023-20E3"),
            ("1F44D-1F3FD", "1F44D"),
            // Man and woman farmer.
            ("1F468-200D-1F33E", "1F9D1-200D-1F33E"),
            ("1F469-1F3FB-200D-1F33E", "1F9D1-200D-1F33E"),
            // Woman running.
            ("1F3C3-200D-2640-FE0F", "1F3C3"),
            ("1F467", "1F9D2"),
        ] {
            assert_eq!(base_emoji(variant), base);
        }
    }
}
