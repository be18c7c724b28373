//! The JSON Schema of what `lab` writes: as a file, and as tables for people.

use std::path::PathBuf;

use anyhow::Result;
use course::checkout;
use serde_json::Value;

/// Of more words than this, what a field means says where they are.
const LISTED: usize = 12;

/// Where the schema is, and what is to be in that file.
///
/// # Errors
///
/// Where there is no checkout.
pub fn file() -> Result<(PathBuf, String)> {
    let path = checkout::find()?.join("docs/json.schema.json");
    Ok((path, format!("{:#}\n", course::schema())))
}

/// A table for each object that is written: first what stands in no other, and after each what stands in it.
pub fn tables() -> String {
    let schema = course::schema();
    let mut names = Vec::new();
    name_objects(&schema, &schema, &mut names);
    names.iter().map(|name| table(name, &schema["$defs"][name])).collect()
}

/// The names of the objects in a schema, each once.
fn name_objects<'s>(of: &'s Value, schema: &'s Value, names: &mut Vec<&'s str>) {
    if let Some(name) = reference(of).filter(|name| !names.contains(name)) {
        names.push(name);
        name_objects(&schema["$defs"][name], schema, names);
    }
    let fields = fields(of).into_iter().map(|(_, field)| field);
    let inside = ["items", "additionalProperties"]
        .iter()
        .filter_map(|items| of.get(items));
    for part in fields.chain(inside).chain(kinds(of)) {
        name_objects(part, schema, names);
    }
}

fn table(name: &str, object: &Value) -> String {
    let mut table = format!("\n### {name}\n\n{}\n\n", text(&object["description"]));
    let fields = fields(object);
    if !fields.is_empty() {
        table += "| field | type | meaning |\n|---|---|---|\n";
    }
    for (name, field) in fields {
        let absent = match list(&object["required"]).contains(&name.into()) {
            true => "",
            false => ", or absent",
        };
        let meaning = text(&field["description"]);
        table += &format!("| `{name}` | {}{absent} | {meaning} |\n", type_of(field));
    }
    if kinds(object).next().is_some() {
        table += "\n| `kind` | its fields |\n|---|---|\n";
    }
    for kind in kinds(object) {
        let word = match text(&kind["properties"]["kind"]["const"]) {
            "" => "another",
            word => &format!("`{word}`"),
        };
        table += &format!("| {word} | {} |\n", type_of(kind));
    }
    table.replace("\n\n\n", "\n\n")
}

/// The fields as they are written, those last that are not always there.
fn fields(object: &Value) -> Vec<(&str, &Value)> {
    let required: Vec<&str> = list(&object["required"]).iter().map(text).collect();
    let place = |name: &str| required.iter().position(|required| *required == name);
    let fields = object["properties"].as_object().into_iter().flatten();
    let mut fields: Vec<(&str, &Value)> = fields.map(|(name, field)| (name.as_str(), field)).collect();
    fields.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    fields
}

/// What else an object may be, but null.
fn kinds(object: &Value) -> impl Iterator<Item = &Value> {
    let kinds = list(&object["oneOf"]).iter().chain(list(&object["anyOf"]));
    kinds.filter(|kind| kind["type"] != "null")
}

fn type_of(schema: &Value) -> String {
    if let Some(name) = reference(schema) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    // `null` comes last where there are several.
    let types = match &schema["type"] {
        Value::Array(types) => types,
        one => std::slice::from_ref(one),
    };
    let words = list(&schema["enum"]).iter().filter(|word| !word.is_null());
    let words: Vec<String> = words.map(|word| format!("`{}`", text(word))).collect();
    let name = match text(&types[0]) {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "object" => format!("for each name {}", type_of(&schema["additionalProperties"])),
        _ if !words.is_empty() && words.len() <= LISTED => words.join(", "),
        name => kinds(schema).map(type_of).collect::<String>() + name,
    };
    let is_null = types.len() > 1 || list(&schema["anyOf"]).iter().any(|kind| kind["type"] == "null");
    name + if is_null { " or null" } else { "" }
}

/// The name of the object that a schema refers to.
fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
