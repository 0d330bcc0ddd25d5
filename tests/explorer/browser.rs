//! Chromium, driven by WebDriver.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use tempfile::TempDir;

pub type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// How long the page may take for anything: much longer than it needs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a driver is started that ends at once.
const DRIVER_STARTS_MAX: usize = 8;

/// How wide the window is, in pixels.
const WIDTH: u32 = 1600;

/// The browser and its driver, installed.
#[derive(Clone)]
pub struct Tools {
    browser: PathBuf,
    driver: PathBuf,
}

impl Tools {
    /// Finds them, or returns what is missing.
    pub fn find() -> std::result::Result<Self, &'static str> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let find = |name: &str| {
            let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(name));
            candidates.find(|candidate| candidate.is_file())
        };
        Ok(Self {
            browser: find("chromium").ok_or("chromium")?,
            driver: find("chromedriver").ok_or("chromedriver")?,
        })
    }
}

/// A running driver; it ends with the value.
struct Driver {
    process: Child,
    url: String,
}

impl Driver {
    /// A driver takes a free port in two steps, between which another may come first: then it ends, and is
    /// started again.
    fn start(program: &Path) -> Result<Self> {
        for _ in 0..DRIVER_STARTS_MAX {
            if let Some(driver) = Self::try_start(program)? {
                return Ok(driver);
            }
        }
        Err("the driver ended before it was ready, each time that it was started".into())
    }

    /// A driver, or nothing if it has ended.
    fn try_start(program: &Path) -> Result<Option<Self>> {
        let mut process = Command::new(program)
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let output = process.stdout.take().ok_or("the driver has an output")?;
        let mut driver = Self {
            process,
            url: String::new(),
        };
        for line in BufReader::new(output).lines() {
            if let Some((_, port)) = line?.split_once("started successfully on port ") {
                driver.url = format!("http://127.0.0.1:{}", port.trim_end_matches('.'));
                return Ok(Some(driver));
            }
        }
        Ok(None)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A browser with a profile of its own. It ends when its session is [closed](Browser::close).
pub struct Browser {
    pub client: Client,
    _driver: Driver,
    _profile: TempDir,
}

impl Browser {
    pub async fn start(tools: &Tools) -> Result<Self> {
        let driver = Driver::start(&tools.driver)?;
        let profile = tempfile::tempdir()?;
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ];
        let mut arguments: Vec<String> = arguments.map(str::to_owned).to_vec();
        arguments.push(format!("--window-size={WIDTH},1200"));
        arguments.push(format!("--user-data-dir={}", profile.path().display()));
        let capabilities = json!({
            "goog:chromeOptions": { "args": arguments, "binary": tools.browser },
        });
        let capabilities = capabilities.as_object().expect("an object").clone();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities(capabilities);
        Ok(Self {
            client: builder.connect(&driver.url).await?,
            _driver: driver,
            _profile: profile,
        })
    }

    /// Ends the browser.
    pub async fn close(self) -> Result {
        Ok(self.client.close().await?)
    }

    /// Waits for an element.
    pub async fn wait_for(&self, xpath: &str) -> Result<Element> {
        let wait = self.client.wait().at_most(PATIENCE);
        Ok(wait.for_element(Locator::XPath(xpath)).await?)
    }

    /// Waits until the page has this text somewhere.
    pub async fn see(&self, text: &str) -> Result {
        let anywhere = format!("//body//*[contains(normalize-space(.), \"{text}\")]");
        self.wait_for(&anywhere).await?;
        Ok(())
    }

    /// Waits for a link or button of this text and clicks it.
    pub async fn click(&self, text: &str) -> Result {
        let xpath = format!("//*[self::a or self::button][normalize-space(.)=\"{text}\"]");
        Ok(self.wait_for(&xpath).await?.click().await?)
    }

    /// How many elements a CSS selector selects.
    pub async fn count(&self, selector: &str) -> Result<usize> {
        Ok(self.client.find_all(Locator::Css(selector)).await?.len())
    }

    /// The texts of the elements that a CSS selector selects.
    pub async fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for element in self.client.find_all(Locator::Css(selector)).await? {
            texts.push(element.text().await?);
        }
        Ok(texts)
    }

    /// Leaves a picture of all of the page for people.
    pub async fn picture(&self, name: &str) -> Result {
        let height = "return document.documentElement.scrollHeight";
        let height = self.client.execute(height, Vec::new()).await?;
        let height = u32::try_from(height.as_u64().ok_or("a height")?)?;
        let frame = 150;
        let window = (WIDTH, height.max(1000) + frame);
        self.client.set_window_size(window.0, window.1).await?;
        let picture = self.client.screenshot().await?;
        let pictures = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("explorer");
        std::fs::create_dir_all(&pictures)?;
        Ok(std::fs::write(
            pictures.join(format!("{name}.png")),
            picture,
        )?)
    }
}
