//! Output of `explain`, and the JSON Schema.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use crate::common::{RENAMED, Recipe};
use alambic_settings::{Setting, explain, json_schema};
use serde_json::json;

fn page(path: &str) -> String {
    explain(&Recipe::describe(), path, RENAMED).unwrap()
}

#[test]
fn a_key_is_explained() {
    assert_eq!(
        page("stage.*.train.learning-rate"),
        "stage.*.train.learning-rate\n  number, at least 0 and less than 1, default 0.001\n\n\
         Step size at the peak of the schedule."
    );
    assert_eq!(page("stage.layers.train.batch"), page("stage.*.train.batch").replace('*', "layers"));
    assert_eq!(page("name"), "name\n  string, required\n\nThe name.");
    assert!(page("stage.*.train.clip").contains("number, optional"));
    assert!(page("data.unit").contains("\"word\"\n      One word."));
    assert!(page("data[0].unit").contains("A whole name."));
    assert!(page("extends").contains("Recipes to start from"));
}

#[test]
fn a_table_lists_its_keys_and_a_kind_its_alternatives() {
    let hidden = page("stage.*.loss.hidden");
    for part in ["Hidden states.", "  weight (number, or table with one of", "default 1.0)", "  map (string,"]
    {
        assert!(hidden.contains(part), "{part} in\n{hidden}");
    }
    let schedule = page("stage.*.train.schedule");
    assert!(schedule.contains("Kinds:\n  constant\n      A constant rate.\n  linear\n"), "{schedule}");
    let through_either = page("stage.*.loss.logits.weight.linear.warm-up");
    assert!(through_either.contains("at least 0 and at most 1"), "{through_either}");
    let top = page("");
    for part in ["A recipe.\n\nMore about recipes.", "  name (string, required)", "  extends (", "  unset ("]
    {
        assert!(top.contains(part), "{part} in\n{top}");
    }
    assert!(page("stage").contains("  epochs (integer from 0 to 2147483647, required)"));
}

alambic_settings::settings! {
    /// Holds counts.
    pub struct Counts {
        /// One.
        #[range(1..=64)]
        pub one: Option<usize>,
        /// Several.
        #[range(2..)]
        pub several: Vec<usize> = Vec::new(),
    }
}

#[test]
fn bounds_of_counts_are_part_of_their_type() {
    let page = explain(&Counts::describe(), "", RENAMED).unwrap();
    assert!(page.contains("one (integer from 1 to 64, optional)"), "{page}");
    assert!(page.contains("several (array of (integer from 2 to 2147483647), default [])"), "{page}");
    let schema = json_schema(&Counts::describe(), "counts");
    let one = &schema["properties"]["one"];
    assert_eq!((&one["minimum"], &one["maximum"]), (&json!(1), &json!(64)));
    let items = &schema["properties"]["several"]["items"];
    assert_eq!((&items["minimum"], &items["maximum"]), (&json!(2), &json!(2_147_483_647)));
}

#[test]
fn an_unknown_key_gets_a_suggestion() {
    let help = |path: &str| explain(&Recipe::describe(), path, RENAMED).unwrap_err().help.unwrap();
    assert_eq!(help("stage.*.trian"), "did you mean `train`?");
    assert_eq!(help("stage.*.loss.hiden"), "did you mean `hidden`?");
    assert_eq!(help("stage.*.loss.logits.temprature"), "did you mean `temperature`?");
    assert_eq!(help("stage.*.zebra"), "its keys are `epochs`, `train`, `loss`");
    assert_eq!(help("name.more"), "it is a value without keys: string");
    assert_eq!(help("stage.*.train.unset"), "its keys are `batch`, `learning-rate`, `schedule`, `clip`");
    assert!(!help("..").is_empty());
}

#[test]
fn a_former_key_is_explained_by_its_present_name() {
    let help = |path: &str| explain(&Recipe::describe(), path, RENAMED).unwrap_err().help.unwrap();
    assert_eq!(help("stage.*.train.rate"), "the key is `learning-rate` now");
    assert_eq!(help("phase"), "the key is `stage` now");
    let listed = explain(&Recipe::describe(), "rate", RENAMED).unwrap();
    assert!(
        listed.starts_with("no key is called `rate` any more: the key is `learning-rate`, `weight` now\n")
    );
    assert!(listed.contains("\nstage.*.train.learning-rate\n"), "{listed}");
    // Nothing in this table took its place.
    assert_eq!(help("stage.*.rate"), "its keys are `epochs`, `train`, `loss`");
}

#[test]
fn schema_has_what_the_reader_takes() {
    let schema = json_schema(&Recipe::describe(), "recipe");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["required"], json!(["name", "stages", "stage", "data"]));
    assert_eq!(schema["additionalProperties"], json!(false));
    assert!(schema["properties"]["extends"].is_object());
    assert_eq!(
        schema["properties"]["seed"],
        json!({
            "type": "integer", "minimum": 0, "description": "The seed.", "default": 42,
        })
    );
    assert_eq!(schema["properties"]["stage"]["additionalProperties"], json!({ "$ref": "#/$defs/Stage" }));
    let definitions = &schema["$defs"];
    assert_eq!(
        definitions["Training"]["properties"]["learning-rate"],
        json!({
            "type": "number", "minimum": 0.0, "exclusiveMaximum": 1.0, "default": 0.001,
            "description": "Step size at the peak of the schedule.",
        })
    );
    assert_eq!(definitions["Logits"]["properties"]["temperature"]["exclusiveMinimum"], json!(0.0));
    assert_eq!(definitions["Logits"]["required"], json!(["temperature"]));
    let schedules = definitions["Schedule"]["oneOf"].as_array().unwrap();
    assert!(schedules.contains(&json!({ "const": "linear" })));
    // Jumps need options, so the name alone will not do.
    assert!(!schedules.contains(&json!({ "const": "jumps" })));
    assert_eq!(
        definitions["Corpus"]["properties"]["unit"]["oneOf"][1],
        json!({ "const": "name", "description": "A whole name." })
    );
    // Every reference leads somewhere.
    let text = schema.to_string();
    for reference in text.split("#/$defs/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(definitions[name].is_object(), "{name}");
    }
}

mod twin {
    alambic_settings::settings! {
        /// Shares its name with another table.
        pub struct Training {
            /// Holds one of its own type.
            pub inner: Option<Box<Training>>,
        }
    }
}

alambic_settings::settings! {
    /// Holds two tables of one name.
    pub struct Both {
        /// One.
        pub one: crate::common::Training,
        /// The other.
        pub other: twin::Training,
    }
}

#[test]
fn tables_of_one_name_and_tables_in_themselves_get_names_of_their_own() {
    let schema = json_schema(&Both::describe(), "both");
    assert_eq!(schema["properties"]["one"]["$ref"], "#/$defs/Training");
    assert_eq!(schema["properties"]["other"]["$ref"], "#/$defs/twin.Training");
    assert_eq!(schema["$defs"]["twin.Training"]["properties"]["inner"]["$ref"], "#/$defs/twin.Training");
    let page = explain(&Both::describe(), "other.inner.inner", RENAMED).unwrap();
    assert!(page.contains("Holds one of its own type."), "{page}");
}
