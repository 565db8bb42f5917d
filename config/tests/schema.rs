//! The schema and the reference in docs/ tell what the types tell.

use std::{fs, path::PathBuf};

use serde_json::Value;

fn docs(name: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs")).join(name)
}

#[test]
fn the_schema_in_docs_is_up_to_date() {
    let path = docs("cdn.schema.json");
    let schema = perigee_config::schema();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &schema).expect("written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == schema,
        "docs/cdn.schema.json is not up to date; write it with:\n\n    \
         UPDATE_SCHEMA=1 cargo test -p perigee-config --test schema\n"
    );
}

/// A key that is misspelled is told, and not passed over, wherever it stands.
#[test]
fn no_table_takes_keys_that_it_does_not_know() {
    fn tables<'v>(schema: &'v Value, found: &mut Vec<&'v Value>) {
        match schema {
            Value::Object(inside) => {
                if inside.contains_key("properties") {
                    found.push(schema);
                }
                inside.values().for_each(|inside| tables(inside, found));
            }
            Value::Array(all) => all.iter().for_each(|one| tables(one, found)),
            _ => {}
        }
    }
    let schema = serde_json::from_str(&perigee_config::schema()).expect("JSON");
    let mut found = Vec::new();
    tables(&schema, &mut found);
    assert!(found.len() > 20, "{}", found.len());
    for table in found {
        assert_eq!(table["additionalProperties"], false, "{table:#}");
    }
}

/// A key of the file: the heading of its table, its name, and what the schema says of it.
struct Key {
    table: String,
    name: String,
    about: Value,
    required: bool,
}

/// All keys of a table and of the tables in it.
fn keys(root: &Value, table: &str, schema: &Value, found: &mut Vec<Key>) {
    let properties = schema["properties"].as_object().expect("a table has keys");
    for (name, about) in properties {
        let prefix = table.trim_matches(['[', ']']);
        let inner = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if let Some(inside) = resolved(root, about) {
            keys(root, &format!("[{inner}]"), inside, found);
        } else if let Some(inside) = resolved(root, &about["items"]) {
            keys(root, &format!("[[{inner}]]"), inside, found);
        } else {
            found.push(Key {
                table: table.to_owned(),
                name: name.clone(),
                about: about.clone(),
                required: schema["required"]
                    .as_array()
                    .is_some_and(|all| all.contains(&Value::from(name.as_str()))),
            });
        }
    }
}

/// The table that a schema is, or refers to.
fn resolved<'v>(root: &'v Value, schema: &'v Value) -> Option<&'v Value> {
    let schema = match schema["$ref"].as_str() {
        Some(reference) => root.pointer(reference.strip_prefix('#')?)?,
        None => schema,
    };
    schema["properties"].is_object().then_some(schema)
}

fn all_keys() -> Vec<Key> {
    let root: Value = serde_json::from_str(&perigee_config::schema()).expect("JSON");
    let mut found = Vec::new();
    keys(&root, "", &root, &mut found);
    found
}

/// The default as the reference writes it, if the schema knows it.
fn default(key: &Key) -> Option<String> {
    if key.required {
        return Some("required".to_owned());
    }
    match &key.about["default"] {
        Value::Null => None,
        Value::String(text) => Some(format!("`\"{text}\"`")),
        other => Some(format!("`{other}`")),
    }
}

/// The row of a key in the reference: under the heading of its table.
fn row<'t>(text: &'t str, key: &Key) -> Option<&'t str> {
    let heading = format!("## `{}`", key.table);
    let section = text.split("\n## ").find(|section| {
        format!("## {section}")
            .lines()
            .next()
            .is_some_and(|line| line.starts_with(&heading))
    })?;
    let start = format!("| `{}` |", key.name);
    section.lines().find(|line| line.starts_with(&start))
}

#[test]
fn the_reference_has_every_key_and_its_default() {
    let text = fs::read_to_string(docs("configuration.md")).expect("docs/configuration.md");
    let found = all_keys();
    assert!(found.len() > 80, "only {} keys", found.len());
    for key in found {
        let place = format!(
            "docs/configuration.md, section ## `{}`, key `{}`",
            key.table, key.name
        );
        let row = row(&text, &key).unwrap_or_else(|| panic!("{place}: is missing"));
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(
            cells.len(),
            6,
            "{place}: key, type, default and meaning: {row}"
        );
        if let Some(default) = default(&key) {
            assert_eq!(cells[3], default, "{place}: the default");
        }
        assert!(!cells[4].is_empty(), "{place}: the meaning");
    }
}

/// What is in the reference and not in the file would be an unknown key to who tries it.
#[test]
fn the_reference_has_no_other_keys() {
    let text = fs::read_to_string(docs("configuration.md")).expect("docs/configuration.md");
    let keys = all_keys();
    let rows = text.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(rows, keys.len());
}
