//! The document describes everything there is, and every part it refers to is in it.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test that cannot go on fails the test"
)]

mod support;

use std::collections::BTreeSet;

use serde_json::Value;
use support::{Bed, shop};

fn document() -> Value {
    jangbu_http::openapi(&shop())
}

fn visit<'d>(value: &'d Value, seen: &mut impl FnMut(&'d str, &'d Value)) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                seen(name, value);
                visit(value, seen);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| visit(item, seen)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut count = 0;
    visit(&document, &mut |name, value| {
        if let ("$ref", Some(reference)) = (name, value.as_str()) {
            count += 1;
            let pointer = reference
                .strip_prefix('#')
                .expect("all references are local");
            assert!(
                document.pointer(pointer).is_some(),
                "{reference} leads nowhere"
            );
        }
    });
    assert!(count > 100, "only {count} references");
}

#[test]
fn every_command_has_its_own_body_and_every_view_its_document() {
    let document = document();
    let body = |path: &str| {
        let pointer = "/post/requestBody/content/application~1json/schema";
        let path = &document["paths"][path];
        assert!(path.is_object(), "not described");
        path.pointer(pointer).unwrap().clone()
    };
    let receive = body("/commands/stock/{id}/receive");
    assert!(receive["properties"]["quantity"].is_object());
    assert_eq!(receive["additionalProperties"], false);
    let place = body("/commands/order/{id}/place");
    assert!(place["properties"]["lines"].is_object());
    let only = &document["paths"]["/commands/order/{id}/record-stock-held"]["post"];
    assert_eq!(only["x-policy-only"], true);

    let view = &document["paths"]["/views/stock_levels"]["get"]["parameters"];
    let names: Vec<_> = view
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|p| p["name"].as_str())
        .collect();
    assert!(names.contains(&"available.gte"), "{names:?}");
}

#[test]
fn every_kind_of_problem_is_named() {
    let text = document().to_string();
    for kind in jangbu_http::PROBLEM_KINDS {
        assert!(
            text.contains(&format!("\"{}\"", kind.name)),
            "{}",
            kind.name
        );
    }
    for rejection in ["already_shipped", "quantity_too_large"] {
        assert!(text.contains(&format!("\"{rejection}\"")), "{rejection}");
    }
}

#[test]
fn operations_have_names_of_their_own_and_addresses_declare_their_parameters() {
    let document = document();
    let mut names = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for operation in methods.as_object().unwrap().values() {
            let name = operation["operationId"].as_str().unwrap();
            assert!(names.insert(name.to_owned()), "{name} is there twice");
            let declared: BTreeSet<_> = operation["parameters"]
                .as_array()
                .into_iter()
                .flatten()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| parameter["name"].as_str().unwrap())
                .collect();
            let used: BTreeSet<_> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(declared, used, "{path}");
            assert!(
                operation["responses"]
                    .as_object()
                    .is_some_and(|r| !r.is_empty())
            );
        }
    }
}

#[tokio::test]
async fn it_is_served() {
    let bed = Bed::new().await;
    let served: Value = bed
        .get("/openapi.json")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!(served, document());
    // What the index lists is described, and the other way round, but for the concrete addresses.
    let index: Value = bed.get("/").send().await.unwrap().json().await.unwrap();
    for address in index["addresses"].as_object().unwrap().keys() {
        let path = address.split(' ').nth(1).unwrap();
        let concrete = path.contains("{aggregate}") || path.contains("{view}");
        assert!(
            concrete || served["paths"][path].is_object(),
            "{path} is not described"
        );
    }
}
