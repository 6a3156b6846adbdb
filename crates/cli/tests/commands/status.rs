//! How the server is, in numbers.

use http::Method;
use ringback_testkit::{Gateway, until};

use crate::{BINARY, json_of, run, text};

#[tokio::test]
async fn calls_that_were_refused_are_counted_also_those_that_left_no_receipt() {
    let gateway = Gateway::start(BINARY).await;
    let source = json_of(&gateway, &["sources", "create", "--name", "openai"]).await;
    let path = text(&source, "url").strip_prefix(gateway.url()).unwrap().to_owned();
    assert_eq!(gateway.api(Method::GET, &path, None).await.status, 405);
    assert_eq!(gateway.api(Method::POST, "/in/nobody", None).await.status, 404);
    let counted = || async {
        let status = json_of(&gateway, &["status"]).await;
        (status["refused"]["method_not_allowed"] == 1).then_some(status)
    };
    let status = until("the call to be counted", counted).await;
    assert_eq!(status["unknown_sources"], 1);
    let shown = run(&gateway, &["status"]).await.stdout;
    assert!(shown.contains("calls refused         1 (1 method_not_allowed)\n"), "{shown}");
    assert!(shown.contains("calls to no source    1\n"), "{shown}");
    let receipts = json_of(&gateway, &["receipts", "list"]).await;
    assert!(receipts["data"].as_array().unwrap().is_empty(), "{receipts}");
    gateway.terminate().await;
}
