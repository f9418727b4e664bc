//! Servers that are silent, endless, or answer another question. The clock is simulated.

use super::*;
use crate::fetch::FetchError;
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream;

/// Answers each request with what a function makes.
struct Says<F>(F);

impl<F> std::fmt::Debug for Says<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Says")
    }
}

#[async_trait]
impl<F: Fn(u64) -> Answer + Send + Sync> Fetch for Says<F> {
    async fn get(&self, _: &Url, from: u64) -> Result<Answer, FetchError> {
        Ok((self.0)(from))
    }
}

fn answer(status: u16, start: Option<u64>, length: Option<u64>, body: Body) -> Answer {
    Answer { status, location: None, start, length, body }
}

fn courier(says: impl Fn(u64) -> Answer + Send + Sync + 'static) -> Courier {
    Courier::to_folder(Arc::new(Says(says))).unwrap()
}

fn some(bytes: &'static [u8]) -> Body {
    Box::pin(stream::iter([Ok(Bytes::from_static(bytes))]))
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_left_after_a_while() {
    let silent = courier(|_| answer(200, None, None, Box::pin(stream::pending())));
    assert!(matches!(silent.bytes("x", 10).await, Err(CourierError::Broken(why)) if why.contains("nothing for too long")));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drips_for_ever_is_left_in_the_end() {
    let drip = || {
        stream::unfold((), |()| async {
            tokio::time::sleep(IDLE_TIMEOUT / 2).await;
            Some((Ok(Bytes::from_static(b"x")), ()))
        })
    };
    let slow = courier(move |_| answer(200, None, None, Box::pin(drip())));
    let began = Instant::now();
    assert!(matches!(slow.bytes("x", 1 << 30).await, Err(CourierError::Broken(_))));
    assert!(began.elapsed() <= DOCUMENT_TIMEOUT + IDLE_TIMEOUT);
}

/// So many bytes each second.
fn paced(bytes: usize) -> Body {
    Box::pin(stream::unfold((), move |()| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        Some((Ok(Bytes::from(vec![0; bytes])), ()))
    }))
}

#[tokio::test(start_paused = true)]
async fn a_server_that_drips_is_left_within_minutes_and_a_slow_line_is_not() {
    let opened = |bytes: usize| async move {
        let server = courier(move |_| answer(200, None, None, paced(bytes)));
        server.open("x", 0, Duration::from_secs(4 * 3600)).await.unwrap()
    };
    let (mut drips, began) = (opened(1000).await, Instant::now());
    let why = loop {
        if let Err(CourierError::Broken(why)) = drips.next().await {
            break why;
        }
    };
    assert!(began.elapsed() <= SPEED_WINDOW, "{:?}", began.elapsed());
    assert!(why.contains("60000 bytes came in 60 s") && why.contains(&SPEED_BYTES.to_string()), "{why}");
    let mut slow = opened(1100).await;
    for _ in 0..3600 {
        slow.next().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn time_in_which_nothing_is_waited_for_is_not_the_servers() {
    let server = courier(move |_| answer(200, None, None, paced(2000)));
    let mut stream = server.open("x", 0, Duration::from_secs(4 * 3600)).await.unwrap();
    for _ in 0..200 {
        stream.next().await.unwrap();
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

#[tokio::test]
async fn an_endless_file_is_cut_at_its_bound() {
    let endless = courier(|_| answer(200, None, None, Box::pin(stream::repeat_with(|| Ok(Bytes::from_static(&[0; 100]))))));
    assert!(matches!(endless.bytes("x", 1000).await, Err(CourierError::Refused(why)) if why.contains("1000")));
    let announced = courier(|_| answer(200, None, Some(1001), Box::pin(stream::pending())));
    assert!(matches!(announced.bytes("x", 1000).await, Err(CourierError::Refused(_))));
}

#[tokio::test]
async fn less_than_was_announced_is_no_file() {
    let short = courier(|_| answer(200, None, Some(5), some(b"four")));
    assert!(matches!(short.bytes("x", 1000).await, Err(CourierError::Broken(_))));
    assert_eq!(courier(|_| answer(200, None, Some(4), some(b"four"))).bytes("x", 4).await.unwrap(), b"four");
}

#[tokio::test]
async fn only_the_part_that_was_asked_for_is_taken() {
    let open = async |status, start, from| {
        let server = courier(move |_| answer(status, start, None, some(b"x")));
        server.open("x", from, DOCUMENT_TIMEOUT).await.map(|stream| stream.start)
    };
    assert_eq!(open(206, Some(7), 7).await, Ok(7));
    assert_eq!(open(200, None, 7).await, Ok(0), "a server without ranges begins anew");
    for (status, start) in [(206, Some(6)), (206, None), (416, None), (500, None), (204, None)] {
        assert!(matches!(open(status, start, 7).await, Err(CourierError::Broken(_))), "{status}");
    }
    assert_eq!(open(404, None, 0).await, Err(CourierError::NotFound));
}

#[tokio::test]
async fn a_name_that_leads_out_of_the_registry_is_refused() {
    let all = Says(|_| answer(200, None, None, some(b"x")));
    let courier = Courier::to_url(Arc::new(all), "https://x.example/registry").unwrap();
    for evil in ["../other", "/etc/passwd", "https://y.example/", "//y.example/x", "a/../../b"] {
        assert!(matches!(courier.bytes(evil, 10).await, Err(CourierError::Refused(_))), "{evil}");
    }
    courier.bytes("metadata/x", 10).await.unwrap();
}

#[test]
fn plain_http_is_for_literal_loopback_alone() {
    let check = |url: &str| Courier::to_url(Arc::new(Says(|_| answer(200, None, None, some(b"x")))), url).is_ok();
    assert!(check("https://x.example") && check("http://127.0.0.1:8080/") && check("http://[::1]/r"));
    for evil in [
        "http://x.example/",
        "http://localhost/",
        "http://127.0.0.1.x.example/",
        "http://[::ffff:127.0.0.1]/",
        "https://u@x.example/",
        "https://x.example/?q",
        "gopher://x",
    ] {
        assert!(!check(evil), "{evil}");
    }
}
