//! Builds the stores of registrations, journals and locks.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Builder, WireError};
use crate::adapters::etcd::{self, Cluster};
use crate::adapters::sqlite::Database;
use crate::inventory::servers::EtcdConfig;
use crate::inventory::{EnvironmentName, ExtraKey, ServiceName};
use crate::ports::kv::Kv;
use crate::ports::{Password, PresenceStore, StoreWriting};
use crate::settings::{EnvironmentSettings, StoreConfig};
use crate::store::{self, LockTimes, StoreReader, StoreWriter, StoredPresence};

/// What environments with the same store share. They share the presence too, so that a console is shown only once.
#[derive(Clone)]
struct Shared {
    store: store::Store,
    reader: Arc<StoreReader>,
    presence: Arc<dyn PresenceStore>,
}

/// The stores that have been built. Environments with equal settings share one store.
#[derive(Default)]
pub(super) struct Stores {
    shared: Vec<(StoreConfig, Shared)>,
    /// The password of the store of each environment that has one.
    pub(super) passwords: Vec<(EnvironmentName, Password)>,
}

/// The ports of the store of one environment.
pub(super) struct Store {
    pub(super) read: Arc<StoreReader>,
    pub(super) write: StoreWriting,
}

impl Builder<'_> {
    pub(super) fn store(&mut self, environment: &EnvironmentSettings) -> Result<Store, WireError> {
        let Shared {
            store,
            reader,
            presence,
        } = self.shared_store(&environment.store)?;
        let extra = match &environment.store {
            StoreConfig::Etcd(_) => self.extra_keys(environment),
            StoreConfig::Sqlite(_) => BTreeMap::new(),
        };
        let writer = StoreWriter::new(&store, &extra)?;
        let times = LockTimes {
            lease: environment.lock_lease,
            heartbeat: environment.lock_heartbeat,
        };
        Ok(Store {
            read: reader,
            write: store.writing(writer, times, presence),
        })
    }

    fn shared_store(&mut self, config: &StoreConfig) -> Result<Shared, WireError> {
        let mut built = self.stores.shared.iter();
        if let Some((_, shared)) = built.find(|(other, _)| other == config) {
            return Ok(shared.clone());
        }
        let kv: Arc<dyn Kv> = match config {
            StoreConfig::Etcd(etcd) => Arc::new(Cluster::new(&self.etcd_options(etcd))?),
            StoreConfig::Sqlite(path) => Arc::new(Database::new(path.clone())),
        };
        let store = store::Store::new(kv);
        let shared = Shared {
            reader: Arc::new(StoreReader::new(&store)),
            presence: Arc::new(StoredPresence::new(&store)),
            store,
        };
        self.stores.shared.push((config.clone(), shared.clone()));
        Ok(shared)
    }

    fn etcd_options(&mut self, config: &EtcdConfig) -> etcd::Options {
        let mut options = etcd::Options::new(config.endpoints.clone());
        options.prefix.clone_from(&config.prefix);
        options.tls.clone_from(&config.tls);
        if let Some((user, password)) = config.user.as_ref().zip(config.password.as_ref()) {
            let sharing =
                self.settings.environments.iter().filter(
                    |other| matches!(&other.store, StoreConfig::Etcd(its) if its == config),
                );
            let sharing: Vec<&EnvironmentSettings> = sharing.collect();
            let named: Vec<String> = sharing
                .iter()
                .map(|environment| environment.setting("etcd.password"))
                .collect();
            let password = self.password(password, named.join(" and "));
            for environment in sharing {
                let name = environment.name.clone();
                self.stores.passwords.push((name, password.clone()));
            }
            options.credentials = Some(etcd::Credentials {
                user: user.clone(),
                password,
            });
        }
        options
    }

    fn extra_keys(
        &self,
        environment: &EnvironmentSettings,
    ) -> BTreeMap<ServiceName, Vec<ExtraKey>> {
        self.targets_of(environment)
            .filter_map(|target| {
                let extra = target.extra_key.clone()?;
                Some((target.definition.target.service.clone(), vec![extra]))
            })
            .collect()
    }
}
