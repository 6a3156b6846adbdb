//! The crate against `vectors.json`: calls whose signatures were made with Python's `hmac` module, each with
//! the verdict it must get. Run the example `vectors` on the same file to see the verdicts.

#[path = "../examples/vectors/cases.rs"]
mod cases;

use serde_json::Value;

#[test]
fn every_case_gets_its_verdict() {
    let text = include_str!("vectors.json");
    let file: Value = serde_json::from_str(text).expect("the file is JSON");
    let cases = cases::read(text).expect("the file holds vectors");
    assert!(cases.len() > 100, "only {} cases", cases.len());
    for (index, case) in cases.iter().enumerate() {
        let expected = file["vectors"][index]["expect"].as_str().expect("each case has its verdict");
        assert_eq!(case.verdict().err().unwrap_or("accept"), expected, "{}", case.name);
    }
}

#[test]
fn a_file_of_another_form_is_refused() {
    let case = |rest: &str| format!(r#"{{"vectors":[{{"name":"x","secret":"s","now":1,{rest}}}]}}"#);
    for (text, message) in [
        ("[]".to_owned(), "it is not of the form expected"),
        (case(r#""headers":{}"#), "x must have either body or body_base64"),
        (case(r#""headers":{},"body":"","body_base64":"""#), "x must have either body or body_base64"),
        (case(r#""headers":{},"body_base64":"?""#), "the body of x is not base64"),
        (case(r#""headers":{"a":1},"body":"""#), "the header a of x is neither a text nor a list of texts"),
        (
            case(r#""headers":{"a":[null]},"body":"""#),
            "the header a of x is neither a text nor a list of texts",
        ),
    ] {
        let error = cases::read(&text).err().map(|error| error.to_string());
        assert_eq!(error.as_deref(), Some(message));
    }
}
