//! Generated files are committed and fresh.

use jangbu::mall::mall;

#[test]
fn the_openapi_document_is_the_one_the_code_makes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../http/openapi.json");
    let made = serde_json::to_string_pretty(&jangbu_http::openapi(&mall()))
        .expect("a document is JSON")
        + "\n";
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    assert!(
        committed == made,
        "infra/http/openapi.json is stale: run `cargo run -- schemas > infra/http/openapi.json` and commit it"
    );
}
