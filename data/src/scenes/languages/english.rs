//! English.

use super::super::colour::Colour;
use super::super::shape::Shape;
use super::meaning::{CaptionWord, ObjectName, Property, Query, SceneAnswer, Side, Statement};

pub(super) fn ask(query: Query) -> String {
    match query {
        Query::Wanted { of, wanted: Property::Colour, second: false } => {
            format!("what colour is the {}?", called(of))
        }
        Query::Wanted { of, wanted: Property::Colour, second: true } => {
            format!("which colour does the {} have?", called(of))
        }
        Query::Wanted { of, wanted: Property::Shape, second: false } => {
            format!("what shape is the {}?", called(of))
        }
        Query::Wanted { of, wanted: Property::Shape, second: true } => {
            format!("which shape does the {} have?", called(of))
        }
        Query::Count { what, second: false } => format!("how many {} are there?", plural(what)),
        Query::Count { what, second: true } => format!("what is the number of {}?", plural(what)),
        Query::Exists { colour, shape, second: false } => format!("is there {}?", one(colour, shape)),
        Query::Exists { colour, shape, second: true } => format!("can you see {}?", one(colour, shape)),
        Query::Place { one, side, other } => {
            format!("is the {} {} the {}?", called(one), place(side), called(other))
        }
        Query::Largest { alike } => {
            format!("is there another object of the {} of the largest one?", property(alike))
        }
        Query::Nearest { to, wanted } => {
            format!("what {} is the object nearest to the {}?", property(wanted), called(to))
        }
    }
}

pub(super) fn say(statement: &Statement) -> String {
    match statement {
        Statement::There(things) => {
            let things: Vec<String> = things.iter().map(|&(colour, shape)| one(colour, shape)).collect();
            match things.as_slice() {
                [] => "there is nothing.".to_owned(),
                [only] => format!("there is {only}."),
                [before @ .., last] => format!("there is {} and {last}.", before.join(", ")),
            }
        }
        Statement::Place { one: (colour, shape), side, other: (other_colour, other_shape) } => {
            format!("{} is {} {}.", one(*colour, *shape), place(*side), one(*other_colour, *other_shape))
        }
    }
}

pub(super) fn tag(colour: Colour, shape: Shape) -> String {
    format!("{} {}", colour.name(), shape.name())
}

pub(super) fn answer(answer: SceneAnswer) -> String {
    match answer {
        SceneAnswer::Truth(true) => "yes".to_owned(),
        SceneAnswer::Truth(false) => "no".to_owned(),
        SceneAnswer::Colour(colour) => colour.name().to_owned(),
        SceneAnswer::Shape(shape) => shape.name().to_owned(),
        SceneAnswer::Count(count) => count.to_string(),
    }
}

pub(super) fn caption_words() -> Vec<(String, CaptionWord)> {
    let colours = Colour::ALL.map(|own| (own.name(), CaptionWord::Colour(own)));
    let shapes = Shape::ALL.map(|own| (own.name(), CaptionWord::Shape(own)));
    let sides = Side::ALL.map(|own| (place(own), CaptionWord::Side(own)));
    let others = [("object", CaptionWord::Object), ("nothing", CaptionWord::Nothing)];
    let all = colours.into_iter().chain(shapes).chain(sides).chain(others);
    all.map(|(text, word)| (text.to_owned(), word)).collect()
}

/// An object that has not been spoken of.
fn one(colour: Colour, shape: Shape) -> String {
    let article = if colour == Colour::Orange { "an" } else { "a" };
    format!("{article} {}", tag(colour, shape))
}

fn called(called: ObjectName) -> String {
    match called {
        ObjectName::Shape(shape) => shape.name().to_owned(),
        ObjectName::Colour(colour) => format!("{} object", colour.name()),
        ObjectName::Both(colour, shape) => tag(colour, shape),
    }
}

pub(super) fn plural(what: ObjectName) -> String {
    let one = called(what);
    if one.ends_with('s') { format!("{one}es") } else { format!("{one}s") }
}

fn property(property: Property) -> &'static str {
    match property {
        Property::Colour => "colour",
        Property::Shape => "shape",
    }
}

fn place(side: Side) -> &'static str {
    match side {
        Side::Left => "left of",
        Side::Right => "right of",
        Side::Above => "above",
        Side::Below => "below",
    }
}
