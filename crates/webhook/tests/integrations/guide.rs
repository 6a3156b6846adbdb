//! The examples of OpenAI's guide, run as programs: a signed call goes in, the response is fetched from a
//! server that stands in for OpenAI's API, and its text comes out on stdout.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ringback_webhook::{SigningSecret, UnixSeconds};

use crate::call::Call;

/// How long to wait for a program's next line.
const PATIENCE: Duration = Duration::from_secs(20);

const API_KEY: &str = "sk-of-this-test";

/// `GET /v1/responses/{id}` of a finished background response, with the fields that OpenAI always sends.
const RESPONSE: &str = r#"{"id":"resp_1","object":"response","created_at":1750287010,"status":"completed","background":true,"model":"gpt-5","parallel_tool_calls":true,"tool_choice":"auto","tools":[],"output":[{"type":"message","id":"msg_1","role":"assistant","status":"completed","content":[{"type":"output_text","text":"Otters hold ","annotations":[],"logprobs":[]},{"type":"output_text","text":"hands.","annotations":[],"logprobs":[]}]}]}"#;

#[test]
fn the_axum_example_does_what_the_guide_says() {
    run("axum_guide");
}

#[test]
fn the_actix_example_does_what_the_guide_says() {
    run("actix_guide");
}

fn run(example: &str) {
    let secret = SigningSecret::from_key_bytes(&[9; 32]).unwrap();
    let (api, asked) = openai();
    let program = Program::start(example, api, &secret);

    let call = |kind: &str| {
        let body = format!(r#"{{"object":"event","type":"{kind}","data":{{"id":"resp_1"}}}}"#);
        Call::signed(&secret, now(), body)
    };
    assert_eq!(call("response.completed").send(program.address).status, 200);
    assert_eq!(asked.recv_timeout(PATIENCE).unwrap(), "GET /v1/responses/resp_1 HTTP/1.1");
    assert_eq!(asked.recv_timeout(PATIENCE).unwrap(), format!("Bearer {API_KEY}"));
    assert_eq!(program.line(), "Response output: Otters hold hands.");

    assert_eq!(call("batch.completed").send(program.address).status, 200);
    assert_eq!(program.line(), "nothing to do for batch.completed");

    let forged = call("response.completed").with_body(RESPONSE).send(program.address);
    assert_eq!((forged.status, forged.body.as_str()), (400, "Invalid signature"));
    assert_eq!(program.line(), "turned away: signature_mismatch (no signature matches)");
    assert!(asked.try_recv().is_err(), "only the completed response is fetched, and only once");
}

#[expect(clippy::disallowed_methods, reason = "the programs go by the system's clock, so the calls must")]
fn now() -> UnixSeconds {
    UnixSeconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap())
}

/// An example, running. Dropping it ends it.
struct Program {
    child: Child,
    lines: Receiver<String>,
    address: SocketAddr,
}

impl Program {
    fn start(example: &str, api: SocketAddr, secret: &SigningSecret) -> Self {
        let mut child = Command::new(built(example))
            .arg("127.0.0.1:0")
            .env("OPENAI_BASE_URL", format!("http://{api}/v1"))
            .env("OPENAI_API_KEY", API_KEY)
            .env("OPENAI_WEBHOOK_SECRET", secret.reveal().as_str())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let unbound = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut program = Self { child, lines, address: unbound };
        let said = program.line();
        let address =
            said.strip_prefix("listening on http://").and_then(|rest| rest.strip_suffix("/webhook"));
        program.address = address.expect("the first line says where it listens").parse().unwrap();
        program
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).expect("the program says something")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended on its own, which the test has noticed by then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Cargo builds the examples beside the tests, but tells only the paths of binaries.
fn built(example: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).expect("tests are in PROFILE/deps");
    let path = profile.join("examples").join(format!("{example}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        path.exists(),
        "{} is not built: run `cargo test --all-features` without `--test`",
        path.display()
    );
    path
}

fn lines_of(stdout: ChildStdout) -> Receiver<String> {
    let (sender, lines) = mpsc::channel();
    thread::spawn(move || {
        BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
    });
    lines
}

/// Stands in for OpenAI's API; tells the request line and the `authorization` of what it was asked.
fn openai() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, asked) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (request, authorization) = answer(stream.unwrap());
            sender.send(request).unwrap();
            sender.send(authorization).unwrap();
        }
    });
    (address, asked)
}

fn answer(mut stream: TcpStream) -> (String, String) {
    let mut lines = BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty());
    let request = lines.next().unwrap();
    let head: Vec<_> = lines.collect();
    let authorization = head.iter().find_map(|line| {
        line.split_once(": ").filter(|(name, _)| name.eq_ignore_ascii_case("authorization"))
    });
    let authorization = authorization.map(|(_, value)| value.to_owned()).unwrap_or_default();
    let length = RESPONSE.len();
    write!(
        stream,
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{RESPONSE}"
    )
    .unwrap();
    (request, authorization)
}
