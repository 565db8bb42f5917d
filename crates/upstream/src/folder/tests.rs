//! What a folder serves, and what it does not.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use http::{HeaderMap, Method, Request, Response, StatusCode, header};

use crate::{
    Body, Endpoint, Limits, SendErrorKind, Target, body,
    testing::{endpoint_with, get, text},
};

struct Site {
    // Kept for its drop.
    _outer: tempfile::TempDir,
    folder: std::path::PathBuf,
    endpoint: Arc<Endpoint>,
}

/// `public` with some files, and a secret beside it.
fn site() -> Site {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("public");
    let write = |path: &str, content: &str| {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    };
    write("index.html", "<h1>home</h1>");
    write("docs/index.html", "<h1>docs</h1>");
    write("bare/a.txt", "a");
    write("app.js", "0");
    write("style.css", "0");
    write("logo.svg", "0");
    write("ten", "0123456789");
    write("empty", "");
    write("sp ace/ü.txt", "umlaut");
    write(".env", "secret");
    write(".git/config", "secret");
    write("docs/.htpasswd", "secret");
    write(".well-known/security.txt", "contact");
    write("../secret.txt", "secret");
    let endpoint = endpoint_with(Target::Folder(folder.clone()), Limits::default());
    Site {
        _outer: outer,
        folder,
        endpoint,
    }
}

impl Site {
    async fn get(&self, path: &str) -> Response<Body> {
        self.endpoint.send(get(path)).await.unwrap()
    }

    async fn get_with(&self, path: &str, fields: &[(header::HeaderName, &str)]) -> Response<Body> {
        let mut request = get(path);
        for (name, value) in fields {
            let value = value.parse().unwrap();
            request.headers_mut().insert(name.clone(), value);
        }
        self.endpoint.send(request).await.unwrap()
    }

    /// Without its folder.
    async fn only_fails(&self, case: &str) {
        let folder = self.folder.display().to_string();
        for path in ["/", "/ten", "/.env", "/none"] {
            let sent = self.endpoint.send(get_part(path)).await;
            let error = sent.expect_err(case);
            assert_eq!(error.kind, SendErrorKind::Connect, "{case} {path}");
            assert!(error.detail.contains(&folder), "{case} {path}: {error}");
        }
    }

    async fn status(&self, path: &str) -> StatusCode {
        self.get(path).await.status()
    }
}

fn field(headers: &HeaderMap, name: header::HeaderName) -> String {
    headers[name].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn content_types() {
    let site = site();
    for (path, content_type) in [
        ("/", "text/html"),
        ("/app.js", "text/javascript"),
        ("/style.css", "text/css"),
        ("/logo.svg", "image/svg+xml"),
        ("/ten", "application/octet-stream"),
    ] {
        let response = site.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(response.headers()[header::CONTENT_TYPE], content_type);
        assert!(!response.headers().contains_key(header::CACHE_CONTROL));
    }
}

#[tokio::test]
async fn index_files_and_their_folders() {
    let site = site();
    assert_eq!(text(site.get("/").await).await, "<h1>home</h1>");
    assert_eq!(text(site.get("/docs/").await).await, "<h1>docs</h1>");
    let redirect = site.get("/docs?a=b").await;
    assert_eq!(redirect.status(), StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(redirect.headers()[header::LOCATION], "/docs/?a=b");
    assert_eq!(site.status("/bare/").await, StatusCode::NOT_FOUND);
    assert_eq!(site.status("/ten/").await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_redirect_stays_on_the_host() {
    let site = site();
    for path in ["//docs", "///docs", "/%2fdocs"] {
        let response = site.get(path).await;
        if let Some(location) = response.headers().get(header::LOCATION) {
            let location = location.to_str().unwrap();
            assert!(!location.starts_with("//"), "{path}: {location}");
        }
    }
    assert_eq!(
        site.get("//docs").await.headers()[header::LOCATION],
        "/docs/"
    );
}

#[tokio::test]
async fn names_are_decoded_once() {
    let site = site();
    let found = site.get("/sp%20ace/%C3%BC.txt").await;
    assert_eq!(text(found).await, "umlaut");
    assert_eq!(site.status("/sp%2520ace/%C3%BC.txt").await, 404);
}

#[tokio::test]
async fn no_way_out() {
    let site = site();
    for path in [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E%2Fsecret.txt",
        "/..%2fsecret.txt",
        "/docs/../../secret.txt",
        "/docs/%2e%2e/%2e%2e/secret.txt",
        "/..%5csecret.txt",
        "/%252e%252e/secret.txt",
        "//../secret.txt",
        "/./../secret.txt",
        "/secret.txt",
        "/ten%00.txt",
        "/%00",
        "/%ff",
    ] {
        let response = site.get(path).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert_eq!(text(response).await, "Not found\n");
    }
    let long = format!("/{}", "a".repeat(5000));
    assert_eq!(site.status(&long).await, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn hidden_files_do_not_exist() {
    let site = site();
    for path in [
        "/.env",
        "/%2eenv",
        "/.git/config",
        "/.git/",
        "/.git",
        "/docs/.htpasswd",
        "/docs%2f.htpasswd",
    ] {
        assert_eq!(site.status(path).await, StatusCode::NOT_FOUND, "{path}");
    }
    let public = site.get("/.well-known/security.txt").await;
    assert_eq!(text(public).await, "contact");
}

#[cfg(unix)]
#[tokio::test]
async fn links_are_followed_wherever_they_lead() {
    let site = site();
    let secret = site.folder.parent().unwrap().join("secret.txt");
    std::os::unix::fs::symlink(secret, site.folder.join("link")).unwrap();
    assert_eq!(text(site.get("/link").await).await, "secret");
    std::os::unix::fs::symlink("loop", site.folder.join("loop")).unwrap();
    let looped = site.endpoint.send(get("/loop")).await;
    assert!(looped.is_err() || looped.unwrap().status() == 404);
}

#[cfg(unix)]
#[tokio::test]
async fn a_pipe_is_no_file() {
    let site = site();
    let made = std::process::Command::new("mkfifo")
        .arg(site.folder.join("pipe"))
        .status();
    assert!(made.unwrap().success());
    let answer = tokio::time::timeout(Duration::from_secs(5), site.get("/pipe"));
    let answer = answer.await.expect("it does not wait for a writer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_missing_file_in_words() {
    let site = site();
    let response = site.get("/none").await;
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    let headers = response.headers();
    assert_eq!(headers[header::CONTENT_TYPE], "text/plain; charset=utf-8");
    assert_eq!(headers[header::CONTENT_LENGTH], "10");
    assert!(headers.contains_key(header::DATE));
    assert_eq!(text(response).await, "Not found\n");
    let mut request = get("/none");
    *request.method_mut() = Method::HEAD;
    let response = site.endpoint.send(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(text(response).await, "");
}

#[tokio::test]
async fn other_methods_are_not_allowed() {
    let site = site();
    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let request = Request::builder().method(method).uri("/ten");
        let request = request.body(body::full("body")).unwrap();
        let response = site.endpoint.send(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(response.headers()[header::ALLOW], "GET, HEAD");
    }
}

#[tokio::test]
async fn ranges() {
    let site = site();
    let with = |range: &'static str| {
        let site = &site;
        async move { site.get_with("/ten", &[(header::RANGE, range)]).await }
    };
    for (range, content_range, content) in [
        ("bytes=0-0", "bytes 0-0/10", "0"),
        ("bytes=8-", "bytes 8-9/10", "89"),
        ("bytes=-2", "bytes 8-9/10", "89"),
        ("bytes=8-99", "bytes 8-9/10", "89"),
        ("BYTES=1-2", "bytes 1-2/10", "12"),
    ] {
        let response = with(range).await;
        assert_eq!(response.status(), StatusCode::PARTIAL_CONTENT, "{range}");
        assert_eq!(response.headers()[header::CONTENT_RANGE], content_range);
        assert_eq!(text(response).await, content);
    }
    let beyond = with("bytes=10-").await;
    assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.headers()[header::CONTENT_RANGE], "bytes */10");
    for ignored in ["items=0-1", "bytes=0-1,3-4"] {
        let response = with(ignored).await;
        assert_eq!(response.status(), StatusCode::OK, "{ignored}");
        assert_eq!(text(response).await, "0123456789");
    }
}

#[tokio::test]
async fn a_range_means_nothing_with_head_or_an_empty_file() {
    let site = site();
    let mut request = get("/ten");
    *request.method_mut() = Method::HEAD;
    let range = "bytes=0-1".parse().unwrap();
    request.headers_mut().insert(header::RANGE, range);
    let response = site.endpoint.send(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()[header::CONTENT_LENGTH], "10");
    let empty = site
        .get_with("/empty", &[(header::RANGE, "bytes=0-1")])
        .await;
    assert_eq!(empty.status(), StatusCode::OK);
    assert_eq!(empty.headers()[header::CONTENT_LENGTH], "0");
    assert_eq!(text(empty).await, "");
}

#[tokio::test]
async fn if_range_guards_against_mixed_versions() {
    let site = site();
    let whole = site.get("/ten").await;
    let etag = field(whole.headers(), header::ETAG);
    let modified = field(whole.headers(), header::LAST_MODIFIED);
    let part = (header::RANGE, "bytes=2-4");
    for current in [&etag, &modified] {
        let fields = [part.clone(), (header::IF_RANGE, current.as_str())];
        let response = site.get_with("/ten", &fields).await;
        assert_eq!(text(response).await, "234", "{current}");
    }
    let weak = format!("W/{etag}");
    let old = "Sun, 06 Nov 1994 08:49:37 GMT";
    for other in ["\"other\"", &weak, old] {
        for range in ["bytes=2-4", "bytes=99-"] {
            let fields = [(header::RANGE, range), (header::IF_RANGE, other)];
            let response = site.get_with("/ten", &fields).await;
            assert_eq!(response.status(), StatusCode::OK, "{other}");
            assert_eq!(text(response).await, "0123456789");
        }
    }
}

#[tokio::test]
async fn conditions() {
    let site = site();
    let whole = site.get("/ten").await;
    let etag = field(whole.headers(), header::ETAG);
    let modified = field(whole.headers(), header::LAST_MODIFIED);
    let weak = format!("W/{etag}");
    let several = format!("\"a\", {etag}");
    for (name, value, status) in [
        (header::IF_NONE_MATCH, etag.as_str(), 304),
        (header::IF_NONE_MATCH, &weak, 304),
        (header::IF_NONE_MATCH, &several, 304),
        (header::IF_NONE_MATCH, "*", 304),
        (header::IF_NONE_MATCH, "\"a\"", 200),
        (header::IF_MODIFIED_SINCE, &modified, 304),
        (
            header::IF_MODIFIED_SINCE,
            "Sun, 06 Nov 1994 08:49:37 GMT",
            200,
        ),
        (header::IF_MATCH, "\"a\"", 412),
        (header::IF_MATCH, &etag, 200),
    ] {
        let response = site.get_with("/ten", &[(name.clone(), value)]).await;
        assert_eq!(response.status().as_u16(), status, "{name}: {value}");
        assert!(response.headers().contains_key(header::DATE));
    }
}

#[tokio::test]
async fn no_last_modified_in_the_future() {
    let site = site();
    let file = fs::File::options()
        .write(true)
        .open(site.folder.join("ten"));
    let tomorrow = SystemTime::now() + Duration::from_secs(86_400);
    file.unwrap().set_modified(tomorrow).unwrap();
    let response = site.get("/ten").await;
    let headers = response.headers();
    assert_eq!(headers[header::LAST_MODIFIED], headers[header::DATE]);
}

#[tokio::test]
async fn a_new_file_is_seen_at_once() {
    let site = site();
    let before = field(site.get("/ten").await.headers(), header::ETAG);
    fs::write(site.folder.join("ten"), "new").unwrap();
    let response = site.get("/ten").await;
    assert_ne!(field(response.headers(), header::ETAG), before);
    assert_eq!(text(response).await, "new");
}

#[tokio::test]
async fn a_folder_swapped_by_a_link_is_seen_at_once() {
    let outer = tempfile::tempdir().unwrap();
    let release = |name: &str| {
        let folder = outer.path().join(name);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("v"), name).unwrap();
        point(&outer.path().join("current"), &folder);
    };
    release("one");
    let current = Target::Folder(outer.path().join("current"));
    let endpoint = endpoint_with(current, Limits::default());
    assert_eq!(text(endpoint.send(get("/v")).await.unwrap()).await, "one");
    release("two");
    assert_eq!(text(endpoint.send(get("/v")).await.unwrap()).await, "two");
}

#[tokio::test]
async fn a_folder_that_is_gone_is_a_failure_and_no_404() {
    let site = site();
    let aside = site.folder.with_file_name("aside");
    fs::rename(&site.folder, &aside).unwrap();
    site.only_fails("gone").await;
    fs::write(&site.folder, "a file").unwrap();
    site.only_fails("a file in its place").await;
    fs::remove_file(&site.folder).unwrap();
    point(&site.folder, &aside.join("none"));
    site.only_fails("a link to nowhere").await;
    fs::remove_file(&site.folder).unwrap();
    fs::rename(&aside, &site.folder).unwrap();
    assert_eq!(site.status("/ten").await, StatusCode::OK);
    assert_eq!(site.status("/none").await, StatusCode::NOT_FOUND);
}

/// Whenever a request looks: the page, or a failure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_comes_and_goes_answers_no_404() {
    let site = site();
    let (folder, aside) = (site.folder.clone(), site.folder.with_file_name("aside"));
    let asked = Arc::new(AtomicBool::new(false));
    let moving = tokio::task::spawn_blocking({
        let asked = Arc::clone(&asked);
        move || {
            while !asked.load(Relaxed) {
                fs::rename(&folder, &aside).unwrap();
                fs::rename(&aside, &folder).unwrap();
            }
        }
    });
    for _ in 0..2_000 {
        match site.endpoint.send(get("/ten")).await {
            Ok(response) => assert_eq!(response.status(), StatusCode::OK),
            Err(error) => assert_eq!(error.kind, SendErrorKind::Connect, "{error}"),
        }
    }
    asked.store(true, Relaxed);
    moving.await.unwrap();
}

fn get_part(path: &str) -> Request<Body> {
    let mut request = get(path);
    let range = "bytes=0-1".parse().unwrap();
    request.headers_mut().insert(header::RANGE, range);
    request
}

fn point(link: &Path, to: &Path) {
    let _ = fs::remove_file(link);
    std::os::unix::fs::symlink(to, link).unwrap();
}
