//! A person's message as a client sends it: text and attachments.
//!
//! Takes images and text files; refuses what no model here could read, by name,
//! instead of dropping it.

use crate::refusal::Refusal;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use skynet_core::{Blob, Message, Part, Role};

/// Attachments of one message.
const ATTACHMENTS: usize = 32;

/// Makes the message.
pub(crate) fn message(text: &str, attachments: Option<&Value>) -> Result<Message, Refusal> {
    let attachments = attachments.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    if text.trim().is_empty() && attachments.is_empty() {
        return Err(Refusal::invalid("message or attachment required"));
    }
    if attachments.len() > ATTACHMENTS {
        return Err(Refusal::invalid(format!("too many attachments: {ATTACHMENTS} fit in one message")));
    }
    let mut parts = Vec::new();
    if !text.trim().is_empty() {
        parts.push(Part::text(text));
    }
    for attachment in attachments {
        parts.push(part(attachment)?);
    }
    Ok(Message { role: Role::User, parts })
}

fn part(attachment: &Value) -> Result<Part, Refusal> {
    let text = |value: &Value, key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let name = text(attachment, "fileName").unwrap_or_else(|| "attachment".into());
    let name = crate::schema::shown(&name);
    let source = attachment.get("source").unwrap_or(&Value::Null);
    let content = text(attachment, "content").or_else(|| text(source, "data"));
    let Some(content) = content else { return Err(Refusal::invalid(format!("{name}: content must be base64 text"))) };
    let mime = text(attachment, "mimeType").or_else(|| text(source, "media_type"));
    let (mime, encoded) = match data_url(&content) {
        Some((own, encoded)) => (mime.or(Some(own.to_owned())), encoded),
        None => (mime, content.as_str()),
    };
    let data = STANDARD.decode(encoded.trim()).map_err(|_| Refusal::invalid(format!("{name}: content is not base64")))?;
    let mime = mime.unwrap_or_default().to_ascii_lowercase();
    if is_image(&mime) {
        return Ok(Part::Image { image: Blob { mime, data } });
    }
    if mime.starts_with("text/") || mime == "application/json" {
        let body = String::from_utf8(data).map_err(|_| Refusal::invalid(format!("{name}: text must be UTF-8")))?;
        return Ok(Part::text(format!("[file {name}]\n{body}")));
    }
    let mime = crate::schema::shown(&mime);
    Err(Refusal::invalid(format!("{name}: attachments of type `{mime}` cannot be read here; send an image or a text file")))
}

/// The type and the base64 text of a data URL.
pub(crate) fn data_url(text: &str) -> Option<(&str, &str)> {
    let (head, data) = text.strip_prefix("data:")?.split_once(',')?;
    let mime = head.strip_suffix(";base64")?;
    Some((mime.split(';').next().unwrap_or(mime), data))
}

/// Whether models read images of this type.
pub(crate) fn is_image(mime: &str) -> bool {
    matches!(mime, "image/png" | "image/jpeg" | "image/gif" | "image/webp")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(attachment: Value, expected: &str) {
        let got = match message("look", Some(&json!([attachment]))) {
            Ok(message) => match message.parts.get(1) {
                Some(Part::Image { image }) => format!("{} of {} bytes", image.mime, image.data.len()),
                Some(Part::Text { text }) => text.clone(),
                other => format!("{other:?}"),
            },
            Err(refusal) => refusal.message,
        };
        assert_eq!(got, expected);
    }

    #[test]
    fn images_and_text_files_come_in_every_form_that_clients_send() {
        check(json!({"type": "image", "mimeType": "image/PNG", "content": "AQID"}), "image/png of 3 bytes");
        check(json!({"content": "data:image/jpeg;base64,AQID"}), "image/jpeg of 3 bytes");
        check(json!({"source": {"type": "base64", "media_type": "image/webp", "data": "AQID"}}), "image/webp of 3 bytes");
        check(json!({"fileName": "a.txt", "mimeType": "text/plain", "content": "aGk="}), "[file a.txt]\nhi");
    }

    #[test]
    fn what_cannot_be_read_is_refused_by_name() {
        check(json!({"fileName": "a.zip", "mimeType": "application/zip", "content": "AQID"}), {
            "a.zip: attachments of type `application/zip` cannot be read here; send an image or a text file"
        });
        check(json!({"mimeType": "image/png", "content": "not base64!"}), "attachment: content is not base64");
        check(json!("text"), "attachment: content must be base64 text");
        check(json!({"mimeType": "text/plain", "content": "/w=="}), "attachment: text must be UTF-8");
    }

    #[test]
    fn nothing_at_all_is_refused() {
        assert_eq!(message("  ", None).unwrap_err().message, "message or attachment required");
    }
}
