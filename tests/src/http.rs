//! Requests to peers' HTTP interfaces, from tests that are not async.

use std::time::Duration;

/// Sends one request, its body JSON; status and body, or why there is no reply.
///
/// # Errors
/// If there is no reply.
pub fn send(
    method: &str,
    url: &str,
    header: Option<(&'static str, &str)>,
    body: Option<String>,
    root_pem: Option<&str>,
) -> Result<(u16, String), reqwest::Error> {
    send_as("application/json", method, url, header, body, root_pem)
}

/// The same with a body of another content type.
///
/// # Errors
/// If there is no reply.
pub fn send_as(
    content_type: &'static str,
    method: &str,
    url: &str,
    header: Option<(&'static str, &str)>,
    body: Option<String>,
    root_pem: Option<&str>,
) -> Result<(u16, String), reqwest::Error> {
    let work = async {
        let mut builder =
            reqwest::Client::builder().no_proxy().user_agent("acmite-tests").timeout(Duration::from_secs(30));
        if let Some(pem) = root_pem {
            builder = builder.tls_certs_only([reqwest::Certificate::from_pem(pem.as_bytes())?]);
        }
        let method = method.parse().expect("a method");
        let mut request = builder.build()?.request(method, url);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.header("content-type", content_type).body(body);
        }
        let reply = request.send().await?;
        Ok((reply.status().as_u16(), reply.text().await?))
    };
    // In a thread of its own, as a test may have a runtime already.
    std::thread::scope(|scope| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        scope.spawn(move || runtime.block_on(work)).join().expect("a request")
    })
}

/// Whether a GET is answered with 200, and what happens instead.
///
/// # Errors
/// If it is not.
pub fn is_up(url: &str, header: Option<(&'static str, &str)>, root_pem: Option<&str>) -> Result<(), String> {
    match send("GET", url, header, None, root_pem) {
        Ok((200, _)) => Ok(()),
        Ok((status, body)) => Err(format!("{url}: {status}, {body}")),
        Err(error) => Err(format!("{error:?}")),
    }
}
