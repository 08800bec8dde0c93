//! A webhook of Docker Hub. It names no delivery, so its content, which has the time of the push, is the name. Docker
//! Hub would take a result at `callback_url`; Greenroom never calls it.
//!
//! Source: <https://docs.docker.com/docker-hub/repos/manage/webhooks/>.

use hyper::HeaderMap;
use serde::Deserialize;

use super::{BadPayload, Reported, json, tag};

#[derive(Deserialize)]
struct Payload {
    push_data: PushData,
    repository: Repository,
}

#[derive(Deserialize)]
struct PushData {
    #[serde(default)]
    tag: Option<String>,
    #[serde(default)]
    pusher: Option<String>,
}

#[derive(Deserialize)]
struct Repository {
    repo_name: String,
}

pub(super) fn pushes(_: &HeaderMap, body: &[u8]) -> Result<Vec<Reported>, BadPayload> {
    let Payload {
        push_data,
        repository,
    } = json(body)?;
    let reported = tag(push_data.tag).map(|tag| Reported {
        repository: repository.repo_name,
        tag,
        by: push_data.pusher,
        ..Reported::default()
    });
    Ok(reported.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the documentation, shortened.
    const EXAMPLE: &str = r##"{
      "callback_url": "https://registry.hub.docker.com/u/svendowideit/testhook/hook/2141b5bi5i5b02bec211i4eeih0242eg11000a/",
      "push_data": { "pushed_at": 1417566161, "pusher": "trustedbuilder", "tag": "latest" },
      "repository": {
        "comment_count": 0, "date_created": 1417494799, "description": "",
        "dockerfile": "#\n# BUILD\u0009\u0009docker build -t svendowideit/apt-cacher .\n",
        "full_description": "Docker Hub based automated build from a GitHub repo",
        "is_official": false, "is_private": true, "is_trusted": true, "name": "testhook",
        "namespace": "svendowideit", "owner": "svendowideit", "repo_name": "svendowideit/testhook",
        "repo_url": "https://registry.hub.docker.com/u/svendowideit/testhook/", "star_count": 0, "status": "Active"
      }
    }"##;

    #[test]
    fn the_documented_example_is_read() {
        let reported = pushes(&HeaderMap::new(), EXAMPLE.as_bytes());
        let wanted = Reported {
            repository: "svendowideit/testhook".into(),
            tag: "latest".into(),
            by: Some("trustedbuilder".into()),
            ..Reported::default()
        };
        assert_eq!(reported, Ok(vec![wanted]));
    }

    #[test]
    fn a_push_without_a_tag_is_no_push() {
        let body = EXAMPLE.replace(r#""latest""#, "null");
        assert_eq!(pushes(&HeaderMap::new(), body.as_bytes()), Ok(vec![]));
    }
}
