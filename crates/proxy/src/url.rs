//! The URLs that a person writes.

use http::Uri;

/// An absolute URL of http or https, and its host with the port that it names.
///
/// # Errors
/// A text that says what is wrong with the URL.
pub(crate) fn absolute(url: &str) -> Result<(Uri, String), String> {
    let uri: Uri = url
        .parse()
        .map_err(|e| format!("{url:?} is not a URL: {e}"))?;
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let (Some("http" | "https"), Some(host)) = (uri.scheme_str(), authority) else {
        return Err(format!(
            "{url:?} is not an absolute URL: write it like http://www.example.com/path?query"
        ));
    };
    if host.contains('@') {
        return Err(format!("{url:?}: leave the user name out"));
    }
    let host = host.to_owned();
    Ok((uri, host))
}
