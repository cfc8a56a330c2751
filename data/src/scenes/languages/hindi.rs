//! Hindi. All shapes are masculine, `वस्तु`, an object, is feminine; adjectives in `-ा` agree with what they are of, and stand in
//! the oblique case before a postposition.

use super::super::colour::Colour;
use super::super::shape::Shape;
use super::meaning::{CaptionWord, ObjectName, Property, Query, SceneAnswer, Side, Statement};

/// The form of a masculine noun and of the adjective before it.
#[derive(Clone, Copy)]
enum Form {
    /// One of it.
    Direct,
    /// One of it before a postposition.
    Oblique,
    /// Several.
    Plural,
    /// Several before a postposition.
    ObliquePlural,
}

pub(super) fn ask(query: Query) -> String {
    match query {
        Query::Wanted { of, wanted, second: false } => {
            format!("{} {} क्या है?", called(of, Form::Oblique), its(wanted))
        }
        Query::Wanted { of, wanted, second: true } => {
            let of_it = if is_object(of) { "की" } else { "का" };
            format!("{} किस {} {of_it} है?", called(of, Form::Direct), property(wanted))
        }
        Query::Count { what, second: false } => {
            let how_many = if is_object(what) { "कितनी" } else { "कितने" };
            format!("{how_many} {} हैं?", called(what, Form::Plural))
        }
        Query::Count { what, second: true } => {
            format!("{} की संख्या क्या है?", called(what, Form::ObliquePlural))
        }
        Query::Exists { colour, shape, second: false } => format!("क्या कोई {} है?", tag(colour, shape)),
        Query::Exists { colour, shape, second: true } => {
            format!("क्या आपको कोई {} दिखता है?", tag(colour, shape))
        }
        Query::Place { one, side, other } => {
            format!("क्या {} {} {} है?", called(one, Form::Direct), called(other, Form::Oblique), place(side))
        }
        Query::Largest { alike } => {
            format!("क्या सबसे बड़ी वस्तु {} वाली कोई और वस्तु है?", of_its(alike))
        }
        Query::Nearest { to, wanted } => {
            format!("{} के सबसे पास वाली वस्तु {} क्या है?", called(to, Form::Oblique), its(wanted))
        }
    }
}

pub(super) fn say(statement: &Statement) -> String {
    match statement {
        Statement::There(things) => {
            let things: Vec<String> =
                things.iter().map(|&(colour, shape)| format!("एक {}", tag(colour, shape))).collect();
            match things.as_slice() {
                [] => "यहाँ कुछ नहीं है।".to_owned(),
                [only] => format!("यहाँ {only} है।"),
                [before @ .., last] => format!("यहाँ {} और {last} हैं।", before.join(", ")),
            }
        }
        Statement::Place { one: (colour, shape), side, other: (other_colour, other_shape) } => format!(
            "एक {} एक {} {} है।",
            tag(*colour, *shape),
            called(ObjectName::Both(*other_colour, *other_shape), Form::Oblique),
            place(*side)
        ),
    }
}

pub(super) fn tag(colour: Colour, shape: Shape) -> String {
    called(ObjectName::Both(colour, shape), Form::Direct)
}

/// Colours stand as `रंग` has them, which is masculine.
pub(super) fn answer(answer: SceneAnswer) -> String {
    match answer {
        SceneAnswer::Truth(true) => "हाँ".to_owned(),
        SceneAnswer::Truth(false) => "नहीं".to_owned(),
        SceneAnswer::Colour(colour) => adjective(colour, "ा"),
        SceneAnswer::Shape(shape) => noun(shape, Form::Direct),
        SceneAnswer::Count(count) => count.to_string(),
    }
}

pub(super) fn caption_words() -> Vec<(String, CaptionWord)> {
    let endings =
        |own: Colour| ["ा", "े", "ी"].map(|ending| (adjective(own, ending), CaptionWord::Colour(own)));
    let forms = [Form::Direct, Form::Oblique, Form::Plural, Form::ObliquePlural];
    let cases = |own: Shape| forms.map(|form| (noun(own, form), CaptionWord::Shape(own)));
    let sides = Side::ALL.map(|own| (place(own).to_owned(), CaptionWord::Side(own)));
    let others = [("वस्तु", CaptionWord::Object), ("कुछ नहीं", CaptionWord::Nothing)];
    let others = others.map(|(text, word)| (text.to_owned(), word));
    let colours = Colour::ALL.into_iter().flat_map(endings);
    colours.chain(Shape::ALL.into_iter().flat_map(cases)).chain(sides).chain(others).collect()
}

/// Several objects of a name.
pub(super) fn plural(what: ObjectName) -> String {
    called(what, Form::Plural)
}

/// Whether it is called an object, which is feminine.
fn is_object(called: ObjectName) -> bool {
    matches!(called, ObjectName::Colour(_))
}

fn called(called: ObjectName, form: Form) -> String {
    match called {
        ObjectName::Shape(shape) => noun(shape, form),
        ObjectName::Colour(colour) => {
            let object = match form {
                Form::Direct | Form::Oblique => "वस्तु",
                Form::Plural => "वस्तुएँ",
                Form::ObliquePlural => "वस्तुओं",
            };
            format!("{} {object}", adjective(colour, "ी"))
        }
        ObjectName::Both(colour, shape) => {
            let ending = if matches!(form, Form::Direct) { "ा" } else { "े" };
            format!("{} {}", adjective(colour, ending), noun(shape, form))
        }
    }
}

fn noun(shape: Shape, form: Form) -> String {
    let (stem, vowel) = match shape {
        Shape::Circle => ("वृत्त", false),
        Shape::Square => ("वर्ग", false),
        Shape::Triangle => ("त्रिभुज", false),
        Shape::Star => ("तार", true),
        Shape::Cross => ("क्रॉस", false),
        Shape::Hexagon => ("षट्भुज", false),
    };
    let ending = match (form, vowel) {
        (Form::Direct, true) => "ा",
        (Form::Oblique | Form::Plural, true) => "े",
        (Form::ObliquePlural, _) => "ों",
        (_, false) => "",
    };
    format!("{stem}{ending}")
}

/// A colour with an ending, if it takes one.
fn adjective(colour: Colour, ending: &str) -> String {
    let (stem, takes) = match colour {
        Colour::Red => ("लाल", false),
        Colour::Green => ("हर", true),
        Colour::Blue => ("नील", true),
        Colour::Yellow => ("पील", true),
        Colour::Purple => ("बैंगनी", false),
        Colour::Orange => ("नारंगी", false),
        Colour::Cyan => ("फ़िरोज़ी", false),
        Colour::Brown => ("भूर", true),
    };
    if takes { format!("{stem}{ending}") } else { stem.to_owned() }
}

fn property(property: Property) -> &'static str {
    match property {
        Property::Colour => "रंग",
        Property::Shape => "आकृति",
    }
}

/// A property of what stands before it: `रंग` is masculine, `आकृति` feminine.
fn its(property: Property) -> &'static str {
    match property {
        Property::Colour => "का रंग",
        Property::Shape => "की आकृति",
    }
}

/// The same before a postposition.
fn of_its(property: Property) -> &'static str {
    match property {
        Property::Colour => "के रंग",
        Property::Shape => "की आकृति",
    }
}

fn place(side: Side) -> &'static str {
    match side {
        Side::Left => "के बाईं ओर",
        Side::Right => "के दाईं ओर",
        Side::Above => "के ऊपर",
        Side::Below => "के नीचे",
    }
}
