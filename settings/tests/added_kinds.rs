//! Kinds that a program adds to alternatives that a library declares.

#![expect(clippy::unwrap_used, reason = "a test may fail wherever it is")]

use alambic_settings::{
    AddedKinds, Diagnostics, IndexMap, KindEntry, Node, OneOrMany, Reader, RenamedKeys, Setting, Several,
    Table, explain, json_schema, kinds, settings,
};

settings! {
    /// A circle.
    pub struct Circle {
        /// Half its width.
        pub radius: f64 = 1.0,
    }
}

settings! {
    /// A square.
    pub struct Square {
        /// Its side.
        pub side: f64 = 1.0,
    }
}

kinds! {
    /// A shape.
    pub enum Shape {
        /// A circle.
        Circle(Circle) = "circle",
        /// A square.
        Square(Square) = "square",
    }
}

kinds! {
    /// A frame, which is no shape.
    pub enum Frame {
        /// A circle.
        Circle(Circle) = "circle",
    }
}

settings! {
    /// A disc, which the library does not know: a circle by its width.
    pub struct Disc {
        /// Its width.
        #[range(0.0..)]
        pub width: f64 = 2.0,
    }
}

settings! {
    /// A drawing.
    pub struct Drawing {
        /// By name.
        pub shape: IndexMap<String, OneOrMany<Shape>> = IndexMap::new(),
        /// In a row.
        pub row: Several<Shape> = Several(Vec::new()),
        /// Around it.
        pub frame: Option<Frame>,
    }
}

const ADDED: &[KindEntry<Shape>] = &[KindEntry {
    name: "disc",
    table: Disc::description,
    read: |_, node, reader| Disc::read(node, reader).map(|disc| circle(&disc)),
    default: |_| Disc::when_absent().map(|disc| circle(&disc)),
}];

fn circle(disc: &Disc) -> Shape {
    Shape::Circle(Circle { radius: disc.width / 2.0 })
}

fn read(text: &str, added: AddedKinds) -> Result<Drawing, Diagnostics> {
    let node = Node::parse("drawing.toml", text).unwrap();
    Reader::new("").with_added_kinds(added).finish(|reader| Drawing::read(&node, reader))
}

#[test]
fn added_kind_is_read_by_its_table_and_by_its_name() {
    let text =
        "shape.a = 'disc'\nshape.b = [{ disc = { width = 6 } }, 'square']\nrow.disc = [{ width = 8 }, {}]";
    let drawing = read(text, AddedKinds::new(ADDED)).unwrap();
    let of = |radius: f64| Shape::Circle(Circle { radius });
    assert_eq!(drawing.shape["a"].0, [of(1.0)]);
    assert_eq!(drawing.shape["b"].0, [of(3.0), Shape::Square(Square { side: 1.0 })]);
    assert_eq!(drawing.row.iter().map(|shape| shape.value.clone()).collect::<Vec<_>>(), [of(4.0), of(1.0)]);
}

#[test]
fn mistakes_in_an_added_kind_are_reported_with_those_of_others() {
    let text = "row.disc = { width = -1 }\nrow.dics = {}\nframe.disc = {}";
    let found = read(text, AddedKinds::new(ADDED)).unwrap_err();
    let said = found.render(false);
    assert_eq!(
        found.list.iter().filter(|diagnostic| diagnostic.code == "recipe::range").count(),
        1,
        "{said}"
    );
    assert!(said.contains("did you mean `disc`?"), "{said}");
    // It is added to shapes alone.
    assert!(said.contains("unknown key `disc`"), "{said}");
    let without = read("row.disc = {}", AddedKinds::default()).unwrap_err().render(false);
    assert!(without.contains("unknown kind `disc`"), "{without}");
}

#[test]
fn added_kind_is_explained_and_in_the_schema_below_any_table() {
    let drawing = Drawing::describe().with_added(&AddedKinds::new(ADDED));
    for path in ["shape.*.disc", "row.disc"] {
        let page = explain(&drawing, path, RenamedKeys::default()).unwrap();
        assert!(page.contains("width (number, at least 0, default 2.0)"), "{page}");
    }
    assert!(explain(&drawing, "width", RenamedKeys::default()).unwrap().contains("row.disc.width"));
    assert!(explain(&drawing, "frame.disc", RenamedKeys::default()).is_err());
    assert!(explain(&Drawing::describe(), "row.disc", RenamedKeys::default()).is_err());
    let schema = json_schema(&drawing, "drawing");
    assert!(schema["properties"]["row"]["properties"]["disc"].is_object(), "{schema}");
    assert!(schema["$defs"]["Disc"]["properties"]["width"].is_object(), "{schema}");
}
