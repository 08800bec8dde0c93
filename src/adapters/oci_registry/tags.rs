//! The list of a repository's tags, page by page. A registry with pages names the next page in a `Link` header.

use std::collections::BTreeSet;

use reqwest::Url;
use reqwest::header::{HeaderMap, LINK};
use serde::Deserialize;

use super::get::{Kind, Permit};
use super::{Lookup, is_tag};
use crate::inventory::ImageTag;
use crate::ports::{FailureKind, Result};

/// The number of tags that one request asks for.
const PAGE: usize = 1000;
/// The most pages of one list that are read.
const PAGES: usize = 1000;
/// The most tags that are read from all pages together.
const MOST: usize = 100_000;

pub(super) const TAGS: Kind = Kind {
    name: "list of tags",
    accept: "application/json",
    largest: 16 * 1024 * 1024,
};

#[derive(Deserialize)]
struct Body {
    // Some registries write null for a repository without tags.
    #[serde(default)]
    tags: Option<Vec<String>>,
}

struct Page {
    tags: Vec<String>,
    next: Option<Url>,
}

impl Lookup<'_> {
    /// All tags, in the registry's order.
    pub(super) async fn tags(&self) -> Result<Vec<ImageTag>> {
        let permit = self.within(self.permit()).await?;
        let first = self.url("tags/list")?;
        let mut url = with_query(&first, None);
        let mut requested = BTreeSet::new();
        let mut listed = BTreeSet::new();
        let mut tags: Vec<ImageTag> = Vec::new();
        for number in 0..PAGES {
            requested.insert(url.clone());
            let asking = self.page(&url, &permit);
            let page = match self.within(asking).await {
                // Some registries answer that the page after the last one does not exist.
                Err(failure) if number > 0 && failure.kind == FailureKind::Missing => {
                    return Ok(tags);
                }
                page => page?,
            };
            if tags.len() + page.tags.len() > MOST {
                let message =
                    format!("the list has more than {MOST} tags, the most that Greenroom reads");
                return Err(self.failure(FailureKind::Unsupported, &message));
            }
            let before = tags.len();
            let known = page.tags.into_iter().filter(|name| is_tag(name));
            tags.extend(
                known
                    .filter(|name| listed.insert(name.clone()))
                    .map(|name| ImageTag { name }),
            );
            url = match page.next {
                Some(next) if requested.contains(&next) => return Ok(tags),
                Some(next) => next,
                // Some registries shorten a list and name no next page. The list ends when a page has nothing new.
                None if tags.len() == before => return Ok(tags),
                None => with_query(&first, tags.last().map(|tag| tag.name.as_str())),
            };
        }
        let message = format!("the list of tags did not end after {PAGES} pages");
        Err(self.failure(FailureKind::Unsupported, &message))
    }

    async fn page(&self, url: &Url, permit: &Permit) -> Result<Page> {
        let answer = self.get(url, permit, &TAGS).await?;
        let next = next_page(url, &answer.headers);
        let body = self.successful_body(answer)?;
        let body: Body = serde_json::from_slice(&body).map_err(|error| {
            let message = format!("the list of tags cannot be read: {error}");
            self.failure(FailureKind::Garbled, &message)
        })?;
        Ok(Page {
            tags: body.tags.unwrap_or_default(),
            next,
        })
    }
}

fn with_query(first: &Url, last: Option<&str>) -> Url {
    let mut url = first.clone();
    // Names that `is_tag` accepts need no escaping.
    let last = last.map(|last| format!("&last={last}")).unwrap_or_default();
    url.set_query(Some(&format!("n={PAGE}{last}")));
    url
}

/// The next page in a `Link` header (RFC 8288). The page is requested from the same host, because a registry behind a
/// proxy often names an internal scheme or host, and because no other host may get the credentials.
fn next_page(url: &Url, headers: &HeaderMap) -> Option<Url> {
    let links = headers.get_all(LINK).iter();
    let text = links.filter_map(|link| link.to_str().ok());
    let next = text.flat_map(links_in).find(|(_, is_next)| *is_next)?.0;
    let mut next = url.join(next).ok()?;
    next.set_scheme(url.scheme()).ok()?;
    next.set_host(url.host_str()).ok()?;
    next.set_port(url.port()).ok()?;
    next.set_username("").ok()?;
    next.set_password(None).ok()?;
    next.set_fragment(None);
    Some(next)
}

/// The targets of a `Link` header, and whether each is the next page.
fn links_in(text: &str) -> Vec<(&str, bool)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('<') {
        let Some((target, after)) = after.split_once('>') else {
            break;
        };
        let parameters = after.split('<').next().unwrap_or_default();
        let is_next = parameters.split([';', ',']).any(|parameter| {
            let Some((name, value)) = parameter.split_once('=') else {
                return false;
            };
            let mut relations = value.trim().trim_matches('"').split_ascii_whitespace();
            name.trim().eq_ignore_ascii_case("rel")
                && relations.any(|relation| relation.eq_ignore_ascii_case("next"))
        });
        found.push((target, is_next));
        rest = after;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(link: &str) -> Option<String> {
        let url = Url::parse("https://registry.example:5000/v2/team/web/tags/list?n=1000")
            .expect("a URL");
        let headers = HeaderMap::from_iter([(LINK, link.parse().expect("a header"))]);
        next_page(&url, &headers).map(Into::into)
    }

    #[test]
    fn the_next_page_is_requested_from_the_same_registry() {
        let wanted = "https://registry.example:5000/v2/team/web/tags/list?last=b&n=2";
        for link in [
            "</v2/team/web/tags/list?last=b&n=2>; rel=\"next\"",
            "<https://registry.example:5000/v2/team/web/tags/list?last=b&n=2>;rel=next",
            "<http://inner.lan/v2/team/web/tags/list?last=b&n=2>; rel=\"next\"",
            "<http://ana:x@inner.lan:80/v2/team/web/tags/list?last=b&n=2#x>; rel=\"next\"",
            "<?last=b&n=2>; rel=\"next\"",
            "</first>; rel=\"first\", </v2/team/web/tags/list?last=b&n=2>; title=\"a\"; REL=\"last Next\"",
        ] {
            assert_eq!(next(link).as_deref(), Some(wanted), "{link}");
        }
        for other in [
            "</a>; rel=\"prev\"",
            "</a>",
            "</a; rel=next",
            "rel=next",
            "",
        ] {
            assert_eq!(next(other), None, "{other}");
        }
    }
}
