//! Checks values against a JSON Schema, as far as ours goes: a keyword that it does not have is an error. Stricter than
//! others: a field of which the schema says nothing is an error too. For tests.

use std::collections::BTreeSet;

use serde_json::Value;

/// Says where a value is not as the schema describes those of this name.
pub fn check(value: &Value, schema: &Value, name: &str) -> Result<(), String> {
    let definitions = &schema["$defs"];
    Checker { definitions }.whole(value, &definitions[name], name)
}

struct Checker<'a> {
    definitions: &'a Value,
}

impl Checker<'_> {
    /// A value all of whose fields are described.
    fn whole(&self, value: &Value, schema: &Value, at: &str) -> Result<(), String> {
        let known = self.described(value, schema, at)?;
        let mut fields = value.as_object().into_iter().flat_map(|object| object.keys());
        match fields.find(|field| !known.contains(*field)) {
            Some(field) => Err(format!("{at}: the schema does not describe {field:?}")),
            None => Ok(()),
        }
    }

    /// The fields that the schema describes.
    fn described(&self, value: &Value, schema: &Value, at: &str) -> Result<BTreeSet<String>, String> {
        let mut known = BTreeSet::new();
        let wrong = |wanted: &Value| Err(format!("{at}: {value} is not {wanted}"));
        for (keyword, wanted) in schema.as_object().ok_or(format!("{at}: there is no schema"))? {
            match keyword.as_str() {
                "title" | "description" | "format" | "default" => {}
                "type" if !has_type(value, wanted) => return wrong(wanted),
                "const" if value != wanted => return wrong(wanted),
                "enum" if !list(wanted).contains(value) => return wrong(wanted),
                "minimum" if value.as_f64() < wanted.as_f64() && value.is_number() => return wrong(wanted),
                "maximum" if value.as_f64() > wanted.as_f64() => return wrong(wanted),
                "type" | "const" | "enum" | "minimum" | "maximum" => {}
                "$ref" => {
                    let name = wanted.as_str().and_then(|path| path.strip_prefix("#/$defs/"));
                    known.extend(self.described(value, &self.definitions[name.unwrap_or_default()], at)?);
                }
                "required" => {
                    if let Some(missing) = list(wanted)
                        .iter()
                        .find(|field| value.get(field.as_str().unwrap_or("")).is_none())
                    {
                        return Err(format!("{at}: {missing} is missing in {value}"));
                    }
                }
                "properties" => {
                    for (field, schema) in wanted.as_object().into_iter().flatten() {
                        known.insert(field.clone());
                        value
                            .get(field)
                            .map_or(Ok(()), |value| self.whole(value, schema, &format!("{at}.{field}")))?;
                    }
                }
                "additionalProperties" => {
                    for (field, value) in value.as_object().into_iter().flatten() {
                        known.insert(field.clone());
                        self.whole(value, wanted, &format!("{at}.{field}"))?;
                    }
                }
                "items" => {
                    for item in list(value) {
                        self.whole(item, wanted, &format!("{at}[]"))?;
                    }
                }
                "anyOf" | "oneOf" => {
                    let tried: Vec<_> = list(wanted)
                        .iter()
                        .map(|schema| self.described(value, schema, at))
                        .collect();
                    match tried.iter().find_map(|tried| tried.as_ref().ok()) {
                        Some(fields) => known.extend(fields.iter().cloned()),
                        None => return Err(format!("{at}: nothing fits: {tried:?}")),
                    }
                }
                other => return Err(format!("{at}: {other:?} is a keyword that is not checked")),
            }
        }
        Ok(known)
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn has_type(value: &Value, wanted: &Value) -> bool {
    let name = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    wanted == name || list(wanted).iter().any(|wanted| wanted == name)
}
