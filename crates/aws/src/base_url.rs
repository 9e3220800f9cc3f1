//! Where another service is that is asked over HTTP.

/// The URL of a service without the slash at its end, such as `http://127.0.0.1:5000`.
///
/// # Errors
/// What is wrong with it.
pub fn base_url(text: &str) -> Result<&str, String> {
    let url = text.trim_end_matches('/');
    let parsed: http::Uri = url.parse().map_err(|e| format!("{url} isn't a URL: {e}"))?;
    if parsed.scheme_str() != Some("http") || parsed.host().is_none() {
        return Err(format!("{url} isn't of the form http://HOST:PORT"));
    }
    Ok(url)
}
