//! Japanese.

use super::super::colour::Colour;
use super::super::shape::Shape;
use super::meaning::{CaptionWord, ObjectName, Property, Query, SceneAnswer, Side, Statement};

pub(super) fn ask(query: Query) -> String {
    match query {
        Query::Wanted { of, wanted, second: false } => format!("{}は{}ですか？", called(of), which(wanted)),
        Query::Wanted { of, wanted, second: true } => {
            format!("{}の{}は何ですか？", called(of), property(wanted))
        }
        Query::Count { what, second: false } => format!("{}はいくつありますか？", called(what)),
        Query::Count { what, second: true } => format!("{}の数はいくつですか？", called(what)),
        Query::Exists { colour, shape, second: false } => format!("{}はありますか？", tag(colour, shape)),
        Query::Exists { colour, shape, second: true } => format!("{}が見えますか？", tag(colour, shape)),
        Query::Place { one, side, other } => {
            format!("{}は{}の{}にありますか？", called(one), called(other), place(side))
        }
        Query::Largest { alike } => {
            format!("一番大きい物体と同じ{}の物体はほかにありますか？", property(alike))
        }
        Query::Nearest { to, wanted } => {
            format!("{}に一番近い物体は{}ですか？", called(to), which(wanted))
        }
    }
}

pub(super) fn say(statement: &Statement) -> String {
    match statement {
        Statement::There(things) if things.is_empty() => "何もありません。".to_owned(),
        Statement::There(things) => {
            let things: Vec<String> = things.iter().map(|&(colour, shape)| tag(colour, shape)).collect();
            format!("{}があります。", things.join("と"))
        }
        Statement::Place { one: (colour, shape), side, other: (other_colour, other_shape) } => {
            format!(
                "{}は{}の{}にあります。",
                tag(*colour, *shape),
                tag(*other_colour, *other_shape),
                place(*side)
            )
        }
    }
}

pub(super) fn tag(colour: Colour, shape: Shape) -> String {
    format!("{}{}", adjective(colour), noun(shape))
}

pub(super) fn answer(answer: SceneAnswer) -> String {
    match answer {
        SceneAnswer::Truth(true) => "はい".to_owned(),
        SceneAnswer::Truth(false) => "いいえ".to_owned(),
        SceneAnswer::Colour(colour) => colour_name(colour).to_owned(),
        SceneAnswer::Shape(shape) => noun(shape).to_owned(),
        SceneAnswer::Count(count) => count.to_string(),
    }
}

pub(super) fn caption_words() -> Vec<(String, CaptionWord)> {
    let colours = Colour::ALL.map(|own| (adjective(own).to_owned(), CaptionWord::Colour(own)));
    let shapes = Shape::ALL.map(|own| (noun(own).to_owned(), CaptionWord::Shape(own)));
    let sides = Side::ALL.map(|own| (format!("の{}", place(own)), CaptionWord::Side(own)));
    let others = [("物体", CaptionWord::Object), ("何もありません", CaptionWord::Nothing)];
    let others = others.map(|(text, word)| (text.to_owned(), word));
    colours.into_iter().chain(shapes).chain(sides).chain(others).collect()
}

pub(super) fn called(called: ObjectName) -> String {
    match called {
        ObjectName::Shape(shape) => noun(shape).to_owned(),
        ObjectName::Colour(colour) => format!("{}物体", adjective(colour)),
        ObjectName::Both(colour, shape) => tag(colour, shape),
    }
}

fn noun(shape: Shape) -> &'static str {
    match shape {
        Shape::Circle => "円",
        Shape::Square => "正方形",
        Shape::Triangle => "三角形",
        Shape::Star => "星",
        Shape::Cross => "十字",
        Shape::Hexagon => "六角形",
    }
}

/// A colour as it stands before what has it.
fn adjective(colour: Colour) -> &'static str {
    match colour {
        Colour::Red => "赤い",
        Colour::Green => "緑の",
        Colour::Blue => "青い",
        Colour::Yellow => "黄色い",
        Colour::Purple => "紫の",
        Colour::Orange => "オレンジ色の",
        Colour::Cyan => "水色の",
        Colour::Brown => "茶色い",
    }
}

/// A colour as an answer.
fn colour_name(colour: Colour) -> &'static str {
    match colour {
        Colour::Red => "赤",
        Colour::Green => "緑",
        Colour::Blue => "青",
        Colour::Yellow => "黄色",
        Colour::Purple => "紫",
        Colour::Orange => "オレンジ色",
        Colour::Cyan => "水色",
        Colour::Brown => "茶色",
    }
}

fn property(property: Property) -> &'static str {
    match property {
        Property::Colour => "色",
        Property::Shape => "形",
    }
}

fn which(property: Property) -> &'static str {
    match property {
        Property::Colour => "何色",
        Property::Shape => "どんな形",
    }
}

fn place(side: Side) -> &'static str {
    match side {
        Side::Left => "左",
        Side::Right => "右",
        Side::Above => "上",
        Side::Below => "下",
    }
}
