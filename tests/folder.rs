//! `--origin ./public`: a folder as the origin.

use std::path::Path;

use http::StatusCode;
use tempfile::TempDir;

use crate::{
    harness::{cdn::OneEdge, client::get},
    one_proxy::Proxy,
};

fn site() -> TempDir {
    let folder = TempDir::new().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join("public").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("index.html", "<h1>home</h1>");
    write("docs/index.html", "<h1>docs</h1>");
    write("style.css", "body {}");
    write(".env", "SECRET=1");
    write("../outside.txt", "not yours");
    folder
}

async fn proxy(site: &Path) -> Proxy {
    Proxy::start(site.join("public").to_str().unwrap(), &[]).await
}

#[tokio::test]
async fn files_come_with_type_validator_and_range() {
    let site = site();
    let proxy = proxy(site.path()).await;
    let home = get(proxy.address, "localhost", "/").send().await;
    assert_eq!(home.text(), "<h1>home</h1>");
    assert!(
        home.field("content-type").starts_with("text/html"),
        "{home:?}"
    );
    assert!(!home.field("etag").is_empty() && !home.field("last-modified").is_empty());

    let css = get(proxy.address, "localhost", "/style.css")
        .with("range", "bytes=0-3")
        .send()
        .await;
    assert_eq!(
        (css.status, css.text()),
        (StatusCode::PARTIAL_CONTENT, "body")
    );
    assert_eq!(css.field("content-type"), "text/css");
    let unchanged = get(proxy.address, "localhost", "/style.css")
        .with("if-none-match", &css.field("etag"))
        .send()
        .await;
    assert_eq!(unchanged.status, StatusCode::NOT_MODIFIED);
    assert_eq!(
        get(proxy.address, "localhost", "/docs/")
            .send()
            .await
            .text(),
        "<h1>docs</h1>"
    );
    assert_eq!(
        get(proxy.address, "localhost", "/no").send().await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn nothing_outside_and_nothing_hidden_is_served() {
    let site = site();
    let proxy = proxy(site.path()).await;
    for path in [
        "/../outside.txt",
        "/%2e%2e/outside.txt",
        "/..%2foutside.txt",
        "/docs/../../outside.txt",
        "/.env",
        "//etc/passwd",
    ] {
        let answer = get(proxy.address, "localhost", path).send().await;
        assert!(!answer.status.is_success(), "{path}: {answer:?}");
    }
}

#[tokio::test]
async fn a_file_is_fresh_for_seconds_however_old_it_is() {
    let site = site();
    let css = std::fs::File::options()
        .append(true)
        .open(site.path().join("public/style.css"))
        .unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(100 * 86_400);
    css.set_modified(long_ago).unwrap();
    let proxy = proxy(site.path()).await;
    for path in ["/style.css", "/index.html"] {
        get(proxy.address, "localhost", path).send().await;
        let again = get(proxy.address, "localhost", path).send().await;
        let status = again.cache_status();
        let ttl: i64 = status.rsplit_once("hit; ttl=").unwrap().1.parse().unwrap();
        assert!((1..=10).contains(&ttl), "{path}: {status}");
    }
}

#[tokio::test]
async fn while_the_folder_is_gone_what_was_stored_is_served() {
    let site = site();
    let (folder, aside) = (site.path().join("public"), site.path().join("aside"));
    let lines = "[services.cache]\ndefault_ttl = \"0s\"\n";
    let edge = OneEdge::before(folder.to_str().unwrap(), lines).await;
    assert_eq!(edge.get("/").await.text(), "<h1>home</h1>");
    std::fs::rename(&folder, &aside).unwrap();
    for _ in 0..5 {
        let home = edge.get("/").await;
        assert_eq!(
            (home.status, home.text()),
            (StatusCode::OK, "<h1>home</h1>")
        );
        let status = home.cache_status();
        assert!(status.contains("detail=stale-if-error"), "{status}");
        assert!(edge.get("/new").await.status.is_server_error());
    }
    let log = edge.process.stderr();
    let warnings = || log.lines().filter(|line| line.contains("WARN"));
    let named = |line: &str| line.contains(&format!("(folder {})", folder.display()));
    assert!(warnings().any(named), "{log}");
    assert!(warnings().count() < 5, "not one for each request: {log}");
}
