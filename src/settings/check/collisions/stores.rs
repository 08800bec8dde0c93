//! Checks the keys of a shared etcd: finds a prefix that contains another prefix, an extra key that two targets would
//! write, and an extra key below a prefix of Greenroom.

use std::collections::HashMap;

use super::super::super::model::{Root, StoreKind};
use super::super::Checker;
use super::{Key, key};
use crate::inventory::extra_key::is_within;
use crate::inventory::servers::EtcdConfig;
use crate::inventory::{ExtraKeys, Target};

/// The etcd of an environment.
struct Cluster<'a> {
    environment: &'a str,
    etcd: &'a EtcdConfig,
    /// The same number for environments that have a member in common.
    number: usize,
}

impl Checker<'_> {
    pub(super) fn stores(&mut self, root: &Root) {
        let clusters = clusters(root);
        self.prefixes(&clusters);
        self.extra_keys(root, &clusters);
    }

    fn prefixes(&mut self, clusters: &[Cluster<'_>]) {
        for (index, one) in clusters.iter().enumerate() {
            let other = clusters[..index].iter().find(|other| {
                let (a, b) = (&one.etcd.prefix, &other.etcd.prefix);
                one.number == other.number && a != b && (is_within(a, b) || is_within(b, a))
            });
            if let Some(other) = other {
                let (mine, theirs) = (&one.etcd.prefix, &other.etcd.prefix);
                let other_place = self.place_of(&prefix_key(other.environment));
                self.error_at(
                    &prefix_key(one.environment),
                    format!("`{mine}` and `{theirs}` ({other_place}) overlap in the same etcd, and the keys of two stores would mix: use separate prefixes"),
                );
            }
        }
    }

    fn extra_keys(&mut self, root: &Root, clusters: &[Cluster<'_>]) {
        let mut taken: HashMap<(usize, String), (Target, Key)> = HashMap::new();
        for (name, service) in root.services.iter() {
            let Some(extra) = &service.etcd_key else {
                continue;
            };
            let at = key(&["services", name, "etcd_key"]);
            for cluster in clusters {
                let (Some(in_environment), Ok(service), Ok(environment)) = (
                    service.environments.get(cluster.environment),
                    name.parse(),
                    cluster.environment.parse(),
                ) else {
                    continue;
                };
                let target = Target::new(service, environment);
                let keys =
                    ExtraKeys::compile(&cluster.etcd.prefix, name, std::slice::from_ref(extra))
                        .and_then(|keys| keys.possible_keys(&target, &in_environment.slots()));
                let keys = match keys {
                    Ok(keys) => keys,
                    Err(error) => {
                        self.error_at(&at, error.to_string());
                        break;
                    }
                };
                let sharing = clusters
                    .iter()
                    .filter(|other| other.number == cluster.number);
                let own = sharing.map(|other| (other, &other.etcd.prefix));
                let own = own.collect::<Vec<_>>();
                for written in keys {
                    let among = own.iter().find(|(_, prefix)| is_within(&written, prefix));
                    if let Some((other, _)) = among {
                        let other_place = self.place_of(&prefix_key(other.environment));
                        self.error_at(
                            &at,
                            format!("{target} would write `{written}`, but the keys below {other_place} are Greenroom's own: use another key"),
                        );
                        continue;
                    }
                    let spot = (cluster.number, written);
                    match taken.get(&spot) {
                        Some((other, other_place)) if *other != target => {
                            let other_place = self.place_of(other_place);
                            self.error_at(
                                &at,
                                format!("{target} would write `{}`, and so would {other} ({other_place}): use {{{{ service }}}} and {{{{ environment }}}} in the key", spot.1),
                            );
                        }
                        _ => {
                            taken.insert(spot, (target.clone(), at.clone()));
                        }
                    }
                }
            }
        }
    }
}

fn prefix_key(environment: &str) -> Key {
    key(&["environments", environment, "etcd", "prefix"])
}

fn clusters(root: &Root) -> Vec<Cluster<'_>> {
    let mut clusters: Vec<Cluster<'_>> = Vec::new();
    for (environment, section) in root.environments.iter() {
        let Some(etcd) = section
            .etcd
            .as_ref()
            .filter(|_| section.store_kind() == StoreKind::Etcd)
        else {
            continue;
        };
        let member = |endpoint: &String| endpoint.trim_end_matches('/').to_ascii_lowercase();
        let shares = |other: &&Cluster<'_>| {
            let members: Vec<String> = other.etcd.endpoints.iter().map(member).collect();
            etcd.endpoints
                .iter()
                .any(|endpoint| members.contains(&member(endpoint)))
        };
        let number = clusters
            .iter()
            .find(shares)
            .map_or(clusters.len(), |other| other.number);
        clusters.push(Cluster {
            environment,
            etcd,
            number,
        });
    }
    clusters
}
