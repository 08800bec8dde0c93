//! Builds the SQL query for a filter. A query reads an index in the order of the list, so the database does not sort.
//! The exception is a filter with only the beginning of a digest: the database reads a range of digests and sorts the
//! result.

use std::fmt::Write as _;

use jiff::Timestamp;
use rusqlite::types::Value;

use crate::history::{Filter, Outcomes};
use crate::inventory::ReleaseId;

/// The number of low bits of a key that are bits of the release id. The high bits are the time in milliseconds.
const ID_BITS: u32 = 15;

/// The key of a release: the time at which the release was opened, and the highest random bits of its id.
pub(super) fn number(opened_at: Timestamp, id: ReleaseId) -> i64 {
    let mask = (1u128 << ID_BITS) - 1;
    let id_bits = (id.0.random() >> (80 - ID_BITS)) & mask;
    first_number(opened_at) | i64::try_from(id_bits).unwrap_or_default()
}

/// The lowest key of a release that was opened at `at`.
fn first_number(at: Timestamp) -> i64 {
    at.as_millisecond().clamp(0, i64::MAX >> ID_BITS) << ID_BITS
}

#[derive(Debug, Default)]
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

impl Query {
    /// Selects the key, the record and the number of differences of each matching release, newest first.
    pub(super) fn list(filter: &Filter, before: Option<ReleaseId>, limit: usize) -> Self {
        let mut query = Self::default();
        let full_text = full_text_query(filter);
        // The join order is fixed, because the database has no statistics from which its planner could choose the
        // order.
        query.sql.push_str(match full_text {
            None => {
                "SELECT r.number, h.head, r.differences FROM releases r \
                 CROSS JOIN heads h ON h.number = r.number WHERE 1"
            }
            Some(_) => {
                "SELECT r.number, h.head, r.differences FROM words w \
                 CROSS JOIN releases r ON r.number = w.rowid \
                 CROSS JOIN heads h ON h.number = r.number WHERE 1"
            }
        });
        let key = if full_text.is_some() {
            "w.rowid"
        } else {
            "r.number"
        };
        if let Some(full_text) = full_text {
            query.and("words MATCH", full_text);
        }
        query.fields(filter);
        if let Some(since) = filter.since {
            query.and(&format!("{key} >="), first_number(since));
        }
        if let Some(until) = filter.until {
            query.and(&format!("{key} <"), first_number(until));
        }
        if let Some(before) = before {
            query.values.push(before.to_string().into());
            let _ = write!(
                query.sql,
                " AND {key} < (SELECT number FROM releases WHERE id = ?{})",
                query.values.len()
            );
        }
        let _ = write!(query.sql, " ORDER BY {key} DESC LIMIT {limit}");
        query
    }

    fn fields(&mut self, filter: &Filter) {
        if let Some(service) = &filter.service {
            self.and("r.service =", service.clone());
        }
        if let Some(environment) = &filter.environment {
            self.and("r.environment =", environment.clone());
        }
        match &filter.version {
            Some(version) if version.starts_with("sha256:") => {
                self.and("r.digest >=", version.clone());
                // `g` sorts after every hexadecimal digit.
                self.and("r.digest <", format!("{version}g"));
            }
            Some(version) => self.and("r.version =", version.clone()),
            None => {}
        }
        if let Some(operator) = &filter.operator {
            let (name, host) = match operator.rsplit_once('@') {
                Some((name, host)) => (name, Some(host)),
                None => (operator.as_str(), None),
            };
            self.and("r.operator =", name.to_owned());
            if let Some(host) = host {
                self.and("r.host =", host.to_owned());
            }
        }
        match filter.outcome {
            Some(Outcomes::One(state)) => self.and("r.standing =", state.as_str().to_owned()),
            Some(Outcomes::Group(group)) => self.and("r.among =", group.as_str().to_owned()),
            None => {}
        }
    }

    fn and(&mut self, condition: &str, value: impl Into<Value>) {
        self.values.push(value.into());
        let _ = write!(self.sql, " AND {condition} ?{}", self.values.len());
    }
}

/// The query for the full-text index: every word of the filter that has a letter or a digit, and the filter columns
/// that the index contains. None if the filter has no such word.
fn full_text_query(filter: &Filter) -> Option<String> {
    let mut terms: Vec<String> = filter
        .words
        .iter()
        .filter(|word| has_token(word))
        .map(|word| format!("{} *", quoted(word)))
        .collect();
    if terms.is_empty() {
        return None;
    }
    let operator = filter.operator.as_ref();
    let name = operator.map(|name| {
        name.rsplit_once('@')
            .map_or(name.as_str(), |(name, _)| name)
    });
    let group = filter.outcome.map(|outcome| match outcome {
        Outcomes::One(state) => state.group().as_str(),
        Outcomes::Group(group) => group.as_str(),
    });
    let version = filter.version.as_deref();
    let fields = [
        ("service", filter.service.as_deref()),
        ("environment", filter.environment.as_deref()),
        ("version", version.filter(|v| !v.starts_with("sha256:"))),
        ("operator", name),
        ("among", group),
    ];
    for (field, value) in fields {
        if let Some(value) = value.filter(|value| has_token(value)) {
            terms.push(format!("{field} : {}", quoted(value)));
        }
    }
    Some(terms.join(" AND "))
}

/// Whether the tokenizer of the index finds a token in `word`.
fn has_token(word: &str) -> bool {
    word.chars().any(char::is_alphanumeric)
}

fn quoted(word: &str) -> String {
    // A quote inside a string is doubled. A zero byte would end the query, so a space replaces it.
    format!("\"{}\"", word.replace('\0', " ").replace('"', "\"\""))
}
