//! A headless Chromium and one tab of it, spoken to over a pair of pipes (`--remote-debugging-pipe`): messages of JSON that end with a zero byte.
//!
//! The browser reads file descriptor 3 and writes 4; a shell between the two puts its standard input and output there.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};

/// Longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Most pixels of a picture's side that the browser draws.
const TALLEST: f64 = 16_000.0;

const FLAGS: [&str; 12] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
];

/// A running browser; it ends with this value.
pub struct Browser {
    child: Child,
    to: ChildStdin,
    from: Receiver<Value>,
    _profile: tempfile::TempDir,
    session: Option<String>,
    sent: u64,
    events: Vec<Value>,
}

impl Browser {
    /// Starts the program with an empty profile and opens a tab.
    pub fn start(program: &Path) -> Browser {
        let profile = tempfile::tempdir().expect("a folder for the profile");
        let mut child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<&0 4>&1 </dev/null >/dev/null 2>&1"])
            .arg(program)
            .args(FLAGS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let to = child.stdin.take().expect("piped");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, from) = channel();
        std::thread::spawn(move || {
            let messages = out.split(0).map_while(Result::ok).filter_map(|bytes| serde_json::from_slice(&bytes).ok());
            messages.for_each(|message| drop(sender.send(message)));
        });
        let mut browser = Browser { child, to, from, _profile: profile, session: None, sent: 0, events: Vec::new() };
        browser.open_tab();
        browser
    }

    fn open_tab(&mut self) {
        let target = self.call("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = self.call("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        self.session = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            self.call(&format!("{domain}.enable"), json!({}));
        }
    }

    /// Sends a command and waits for its result; events in between are kept.
    pub fn call(&mut self, method: &str, parameters: Value) -> Value {
        self.sent += 1;
        let mut message = json!({ "id": self.sent, "method": method, "params": parameters });
        if let Some(session) = &self.session {
            message["sessionId"] = json!(session);
        }
        self.to.write_all(format!("{message}\0").as_bytes()).expect("the browser reads");
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let answer =
                self.from.recv_timeout(left).unwrap_or_else(|_| panic!("{method}: no answer from the browser"));
            if answer["id"] == json!(self.sent) {
                assert!(answer.get("error").is_none(), "{method}: {}", answer["error"]);
                return answer["result"].clone();
            }
            self.events.push(answer);
        }
    }

    /// The value of an expression in the page; a promise is awaited.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true, "awaitPromise": true });
        let answer = self.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {}", answer["exceptionDetails"]);
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true.
    pub fn wait(&mut self, expression: &str) {
        let end = Instant::now() + PATIENCE;
        while self.evaluate(expression) != json!(true) {
            assert!(Instant::now() < end, "never true: {expression}; events: {:#?}", self.complaints());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Sets size and colours of the screen and opens an address.
    pub fn open(&mut self, address: &str, (width, height): (u32, u32), colours: &str) {
        self.events.clear();
        self.call(
            "Emulation.setDeviceMetricsOverride",
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false }),
        );
        let scheme = json!([{ "name": "prefers-color-scheme", "value": colours }]);
        self.call("Emulation.setEmulatedMedia", json!({ "features": scheme }));
        self.call("Page.navigate", json!({ "url": address }));
    }

    /// Errors, warnings and requests for anything outside the page since it was opened.
    pub fn complaints(&self) -> Vec<String> {
        self.events.iter().filter_map(complaint).collect()
    }

    /// The screen, or with `whole` all of the page, as a PNG.
    pub fn picture(&mut self, whole: bool) -> Vec<u8> {
        let mut asked = json!({ "format": "png" });
        if whole {
            let size = self.call("Page.getLayoutMetrics", json!({}))["cssContentSize"].clone();
            let height = size["height"].as_f64().unwrap_or(0.0).min(TALLEST);
            asked["clip"] = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
            asked["captureBeyondViewport"] = json!(true);
        }
        let answer = self.call("Page.captureScreenshot", asked);
        decode(&answer["data"])
    }

    /// The page as it is printed, a PDF.
    pub fn print(&mut self) -> Vec<u8> {
        let answer =
            self.call("Page.printToPDF", json!({ "printBackground": true, "paperWidth": 8.27, "paperHeight": 11.69 }));
        decode(&answer["data"])
    }

    /// Moves the pointer.
    pub fn point(&mut self, x: f64, y: f64) {
        self.call("Input.dispatchMouseEvent", json!({ "type": "mouseMoved", "x": x, "y": y }));
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let close = json!({ "id": 0, "method": "Browser.close" });
        let asked = self.to.write_all(format!("{close}\0").as_bytes());
        let end = Instant::now() + Duration::from_secs(10);
        while asked.is_ok() && Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn decode(data: &Value) -> Vec<u8> {
    let bytes = BASE64_STANDARD.decode(data.as_str().unwrap_or_default()).expect("base64");
    assert!(!bytes.is_empty(), "the browser drew nothing");
    bytes
}

fn complaint(event: &Value) -> Option<String> {
    let parameters = &event["params"];
    match event["method"].as_str()? {
        "Runtime.exceptionThrown" => Some(format!("exception: {}", parameters["exceptionDetails"])),
        "Runtime.consoleAPICalled" => {
            let kind = parameters["type"].as_str()?;
            ["error", "warning", "assert"].contains(&kind).then(|| format!("console {kind}: {}", parameters["args"]))
        }
        "Log.entryAdded" => {
            let entry = &parameters["entry"];
            (entry["level"] != json!("info") && entry["level"] != json!("verbose")).then(|| format!("log: {entry}"))
        }
        "Network.requestWillBeSent" => {
            let address = parameters["request"]["url"].as_str()?;
            (!address.starts_with("file:") && !address.starts_with("data:")).then(|| format!("request: {address}"))
        }
        _ => None,
    }
}
