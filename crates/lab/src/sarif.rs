//! SARIF 2.1.0, as those who collect findings of many tools take it:
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>.

use serde_json::{Value, json};

use crate::junit::{Case, Outcome};

/// A log of one run: each case is a rule, and what has something to say is a result of it. What kept the run from proving
/// all is a notification.
pub fn log<'c>(name: &str, cases: impl Iterator<Item = Case<'c>>, errors: &[String]) -> String {
    let (mut rules, mut results): (Vec<Value>, Vec<Value>) = (Vec::new(), Vec::new());
    for Case { name: case, outcome } in cases {
        let result = |kind: &str, level: &str, text: String| {
            json!({
                "ruleId": case,
                "ruleIndex": rules.len(),
                "kind": kind,
                "level": level,
                "message": { "text": text },
                "locations": [{ "logicalLocations": [{ "fullyQualifiedName": format!("lab.{name}.{case}") }] }],
            })
        };
        match outcome {
            Outcome::Passed => {}
            Outcome::Noted(text) => results.push(result("fail", "note", text)),
            Outcome::Failed { message, text } => results.push(result("fail", "error", format!("{message}: {text}"))),
            Outcome::Skipped(why) => results.push(result("open", "none", why)),
        }
        rules.push(json!({ "id": case }));
    }
    let notifications: Vec<Value> = errors
        .iter()
        .map(|why| json!({ "level": "error", "message": { "text": why } }))
        .collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "lab", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "invocations": [{ "executionSuccessful": errors.is_empty(), "toolExecutionNotifications": notifications }],
            "results": results,
        }],
    });
    format!("{log:#}\n")
}
