//! Builds the stores of registrations, journals and locks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Builder, WireError};
use crate::adapters::{etcd, sqlite};
use crate::inventory::{EnvironmentName, ServiceName};
use crate::ports::{
    Holds, JournalReader, JournalWriter, Locks, Password, PeerApprovals, PresenceStore,
    RegistryReader, RegistryWriter, Seals,
};
use crate::settings::{EnvironmentSettings, EtcdConfig, SqliteConfig, StoreConfig};

/// The parts of an etcd that environments share. The presence is shared too, so that a console appears once.
type BuiltEtcd = (
    EtcdConfig,
    etcd::Store,
    Arc<etcd::EtcdReader>,
    Arc<dyn PresenceStore>,
);

/// The stores that have been built. Environments with equal settings share them.
#[derive(Default)]
pub(super) struct Stores {
    etcd: Vec<BuiltEtcd>,
    sqlite: Vec<(SqliteConfig, Arc<sqlite::Store>, Arc<dyn PresenceStore>)>,
    /// The password of the store of each environment that has one.
    pub(super) passwords: Vec<(EnvironmentName, Password)>,
}

/// The ports of the store of one environment.
pub(super) struct Store {
    pub(super) read_registry: Arc<dyn RegistryReader>,
    pub(super) read_journal: Arc<dyn JournalReader>,
    pub(super) write_registry: Arc<dyn RegistryWriter>,
    pub(super) write_journal: Arc<dyn JournalWriter>,
    pub(super) locks: Arc<dyn Locks>,
    pub(super) presence: Arc<dyn PresenceStore>,
    pub(super) holds: Arc<dyn Holds>,
    pub(super) peer_approvals: Arc<dyn PeerApprovals>,
    pub(super) seals: Arc<dyn Seals>,
}

impl Builder<'_> {
    pub(super) fn store(&mut self, environment: &EnvironmentSettings) -> Result<Store, WireError> {
        match &environment.store {
            StoreConfig::Etcd(place) => self.etcd(environment, place),
            StoreConfig::Sqlite(place) => self.sqlite(environment, place),
        }
    }

    fn etcd(
        &mut self,
        environment: &EnvironmentSettings,
        place: &EtcdConfig,
    ) -> Result<Store, WireError> {
        let existing = self.stores.etcd.iter().find(|(other, ..)| other == place);
        let (store, reader, presence) = if let Some((_, store, reader, presence)) = existing {
            (store.clone(), Arc::clone(reader), Arc::clone(presence))
        } else {
            let store = etcd::Store::open(&self.etcd_options(place))?;
            let reader = Arc::new(etcd::EtcdReader::new(&store));
            let presence: Arc<dyn PresenceStore> = Arc::new(etcd::EtcdPresence::new(&store));
            let built = (
                place.clone(),
                store.clone(),
                Arc::clone(&reader),
                Arc::clone(&presence),
            );
            self.stores.etcd.push(built);
            (store, reader, presence)
        };
        let writer = Arc::new(etcd::EtcdWriter::new(
            &store,
            &self.extra_keys(environment),
        )?);
        let times = etcd::LockTimes {
            lease: environment.lock_lease,
            heartbeat: environment.lock_heartbeat,
        };
        Ok(Store {
            read_registry: Arc::clone(&reader) as Arc<dyn RegistryReader>,
            read_journal: reader,
            write_registry: Arc::clone(&writer) as Arc<dyn RegistryWriter>,
            write_journal: writer,
            locks: Arc::new(etcd::EtcdLocks::new(&store, times)),
            presence,
            holds: Arc::new(etcd::EtcdHolds::new(&store)),
            peer_approvals: Arc::new(etcd::EtcdPeerApprovals::new(&store)),
            seals: Arc::new(etcd::EtcdSeals::new(&store)),
        })
    }

    fn etcd_options(&mut self, place: &EtcdConfig) -> etcd::Options {
        let mut options = etcd::Options::new(place.endpoints.clone());
        options.prefix.clone_from(&place.prefix);
        options.tls = place.tls.as_ref().map(|tls| etcd::Tls {
            ca: tls.ca.clone(),
            identity: tls.cert.clone().zip(tls.key.clone()),
        });
        if let Some(login) = &place.login {
            let sharing = self
                .settings
                .environments
                .iter()
                .filter(|other| matches!(&other.store, StoreConfig::Etcd(its) if its == place));
            let sharing: Vec<&EnvironmentSettings> = sharing.collect();
            let named: Vec<String> = sharing
                .iter()
                .map(|environment| environment.setting("etcd.password"))
                .collect();
            let password = self.password(&login.password, named.join(" and "));
            for environment in sharing {
                let name = environment.name.clone();
                self.stores.passwords.push((name, password.clone()));
            }
            options.credentials = Some(etcd::Credentials {
                user: login.user.clone(),
                password,
            });
        }
        options
    }

    fn extra_keys(
        &self,
        environment: &EnvironmentSettings,
    ) -> BTreeMap<ServiceName, Vec<etcd::ExtraKey>> {
        self.targets_of(environment)
            .filter_map(|target| {
                let extra = target.extra_key.as_ref()?;
                let key = etcd::ExtraKey {
                    key: extra.key.clone(),
                    value: extra.value.clone(),
                };
                Some((target.definition.target.service.clone(), vec![key]))
            })
            .collect()
    }

    fn sqlite(
        &mut self,
        environment: &EnvironmentSettings,
        place: &SqliteConfig,
    ) -> Result<Store, WireError> {
        let lease = environment.lock_lease;
        let heartbeat = environment.lock_heartbeat.min(lease / 3);
        let existing = self.stores.sqlite.iter().find(|(other, ..)| other == place);
        let (store, presence) = if let Some((_, store, presence)) = existing {
            (Arc::clone(store), Arc::clone(presence))
        } else {
            let store = sqlite::Store::unopened(place.path.clone(), lease, heartbeat)?;
            let store = Arc::new(store);
            let presence: Arc<dyn PresenceStore> = Arc::new(sqlite::SqlitePresence::new(&store));
            let built = (place.clone(), Arc::clone(&store), Arc::clone(&presence));
            self.stores.sqlite.push(built);
            (store, presence)
        };
        Ok(Store {
            read_registry: Arc::clone(&store) as Arc<dyn RegistryReader>,
            read_journal: Arc::clone(&store) as Arc<dyn JournalReader>,
            write_registry: Arc::clone(&store) as Arc<dyn RegistryWriter>,
            write_journal: Arc::clone(&store) as Arc<dyn JournalWriter>,
            locks: Arc::new(store.leasing(lease, heartbeat)?),
            presence,
            holds: Arc::clone(&store) as Arc<dyn Holds>,
            peer_approvals: Arc::clone(&store) as Arc<dyn PeerApprovals>,
            seals: store,
        })
    }
}
