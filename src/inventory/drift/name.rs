//! The kinds of difference, each with a stable name, a meaning and a repair.

use std::fmt;

use serde::{Serialize, Serializer};

/// One kind of difference. Scripts and runbooks use its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// Registered, but Greenroom has no instance there.
    InstanceGone,
    /// Registered, but not running.
    InstanceStopped,
    /// An old version is running again, and no release is running.
    InstanceStarted,
    /// Another instance is running than the registered one.
    InstanceReplaced,
    /// Another digest is running than the registered one.
    VersionDiffers,
    /// The right digest is running under another tag.
    TagDiffers,
    /// Registered with another address than the slot's.
    AddressDiffers,
    /// It has the traffic, but is not registered.
    LiveNotRegistered,
    /// A Greenroom key holds a value that Greenroom cannot read.
    KeyUnreadable,
    /// The proxy sends traffic to a slot, but there is no route.
    RouteMissing,
    /// The proxy names another slot than the route.
    ProxyElsewhere,
    /// The slot is right, but the proxy and the route name different switches.
    GenerationDiffers,
    /// The proxy carries a token that no lock of this store can have had yet.
    StoreWentBack,
    /// There is a route, but the proxy's configuration is gone.
    ProxyNotInstalled,
    /// The proxy's configuration is not what it should be, or the proxy has not loaded it.
    ProxyEdited,
    /// The proxy's configuration was installed from a newer settings file than the one that this console reads.
    ProxyNewer,
    /// The file in the place of the proxy's configuration belongs to another target, or Greenroom did not write it.
    ProxyForeign,
    /// The route names another address than that of its slot.
    RouteAddressDiffers,
    /// The route names another digest than the one that runs in its slot.
    RouteVersionDiffers,
    /// Another slot answers the public address than the one that the proxy names.
    PublicElsewhere,
    /// Something other than this proxy answers the public address, or nothing does.
    PublicNotOurs,
    /// The right slot answers the public, but its answer is not what it should be.
    PublicUnwell,
    /// Both slots get public requests, and no release is running.
    TwoLive,
}

impl Name {
    /// All of them, from what is running to what the public gets.
    pub const ALL: [Self; 23] = [
        Self::InstanceGone,
        Self::InstanceStopped,
        Self::InstanceStarted,
        Self::InstanceReplaced,
        Self::VersionDiffers,
        Self::TagDiffers,
        Self::AddressDiffers,
        Self::LiveNotRegistered,
        Self::KeyUnreadable,
        Self::RouteMissing,
        Self::ProxyElsewhere,
        Self::GenerationDiffers,
        Self::StoreWentBack,
        Self::ProxyNotInstalled,
        Self::ProxyEdited,
        Self::ProxyNewer,
        Self::ProxyForeign,
        Self::RouteAddressDiffers,
        Self::RouteVersionDiffers,
        Self::PublicElsewhere,
        Self::PublicNotOurs,
        Self::PublicUnwell,
        Self::TwoLive,
    ];

    /// The stable name; it never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InstanceGone => "instance-gone",
            Self::InstanceStopped => "instance-stopped",
            Self::InstanceStarted => "instance-started",
            Self::InstanceReplaced => "instance-replaced",
            Self::VersionDiffers => "version-differs",
            Self::TagDiffers => "tag-differs",
            Self::AddressDiffers => "address-differs",
            Self::LiveNotRegistered => "live-not-registered",
            Self::KeyUnreadable => "key-unreadable",
            Self::RouteMissing => "route-missing",
            Self::ProxyElsewhere => "proxy-elsewhere",
            Self::GenerationDiffers => "generation-differs",
            Self::StoreWentBack => "store-went-back",
            Self::ProxyNotInstalled => "proxy-not-installed",
            Self::ProxyEdited => "proxy-edited",
            Self::ProxyNewer => "proxy-newer",
            Self::ProxyForeign => "proxy-foreign",
            Self::RouteAddressDiffers => "route-address-differs",
            Self::RouteVersionDiffers => "route-version-differs",
            Self::PublicElsewhere => "public-elsewhere",
            Self::PublicNotOurs => "public-not-ours",
            Self::PublicUnwell => "public-unwell",
            Self::TwoLive => "two-live",
        }
    }

    /// What it means, in one line.
    pub fn means(self) -> &'static str {
        match self {
            Self::InstanceGone => {
                "the registered version was removed, and other readers of the store still send requests there"
            }
            Self::InstanceStopped => {
                "the registered version was stopped or paused, or has ended, and other readers of the store still send requests there"
            }
            Self::InstanceStarted => {
                "an old version was started again by hand, or a release was interrupted before it stopped it"
            }
            Self::InstanceReplaced => {
                "it was removed and created again by hand: the version is the same, its configuration may not be"
            }
            Self::VersionDiffers => {
                "another version was put there by hand: the store and its readers name the wrong one"
            }
            Self::TagDiffers => {
                "it was created again by hand under another tag: the same content under another name"
            }
            Self::AddressDiffers => {
                "the key was edited by hand, or the slot's address was changed in the configuration"
            }
            Self::LiveNotRegistered => {
                "the key was deleted by hand, or it was started by hand: readers of the store do not find it"
            }
            Self::KeyUnreadable => {
                "the key was edited by hand, or another program wrote it: its old value is lost"
            }
            Self::RouteMissing => {
                "the route's key was deleted or edited by hand: the proxy still sends the traffic, but no other reader knows where to"
            }
            Self::ProxyElsewhere => {
                "during a switch this lasts a moment; if it stays, a release was interrupted, the store was restored, or the pointer or the route was changed by hand"
            }
            Self::GenerationDiffers => {
                "during a switch this lasts a moment; if it stays, the live pointer or the route's key was set back to an older state"
            }
            Self::StoreWentBack => {
                "the store was wiped, restored from a backup or replaced: the proxy refuses every switch until the pointer is repaired"
            }
            Self::ProxyNotInstalled => {
                "this target's proxy configuration was removed by hand: the proxy no longer serves it, or will not after its next start"
            }
            Self::ProxyEdited => {
                "the proxy's files were edited by hand, or the configuration was changed but not installed"
            }
            Self::ProxyForeign => {
                "a file of another target, or one written by hand, has replaced this target's configuration: after its next start the proxy no longer serves this target"
            }
            Self::ProxyNewer => {
                "another operator installed a newer configuration: the file that this console reads is out of date"
            }
            Self::RouteAddressDiffers => {
                "the route's key was edited by hand, or the slot's address was changed in the configuration"
            }
            Self::RouteVersionDiffers => {
                "the route's key was edited by hand, or another version was put into the live slot by hand"
            }
            Self::PublicElsewhere => {
                "another proxy, a cache or a balancer is in front, or the proxy still uses an old configuration"
            }
            Self::PublicNotOurs => "the answer does not come through this proxy, or there is none",
            Self::PublicUnwell => "requests reach the right slot, but its answers are wrong",
            Self::TwoLive => {
                "something bypasses the live pointer: an old worker of the proxy, or a configuration edited by hand"
            }
        }
    }

    /// What a repair does about it, or what an operator must do, in one line.
    pub fn mend(self) -> &'static str {
        match self {
            Self::InstanceGone => {
                "if it has the traffic and a release proves it, it is created again as registered; if it has none, it is deregistered"
            }
            Self::InstanceStopped => {
                "if it has the traffic, it is started again; otherwise it is deregistered"
            }
            Self::InstanceStarted => {
                "it is stopped: it has no traffic, and no reader is sent there"
            }
            Self::InstanceReplaced | Self::TagDiffers => {
                "what runs is registered once it is healthy; the next promote replaces it"
            }
            Self::VersionDiffers => {
                "an edited key is corrected to what runs; a version that was never released is not: promote the right one (P)"
            }
            Self::AddressDiffers => {
                "what runs is registered at the slot's own address once it is healthy"
            }
            Self::LiveNotRegistered => {
                "what runs is registered if it is healthy and is what the route names"
            }
            Self::KeyUnreadable => {
                "a registration or the route is corrected to what runs; an operator must look at a lock, a hold or a release"
            }
            Self::RouteMissing => {
                "the route is written as the proxy has it, if that slot is healthy and registered"
            }
            Self::ProxyElsewhere => {
                "the proxy is set to the slot in the route once healthy; if that does not run or is not proven, or the proxy's generation is higher, the route is changed"
            }
            Self::GenerationDiffers => {
                "the lower of the two is raised to the higher; no traffic moves"
            }
            Self::StoreWentBack => {
                "the store follows what the proxy sends traffic to, and the pointer gets a token of this store; no traffic moves"
            }
            Self::ProxyNotInstalled | Self::ProxyEdited => {
                "it is installed again, which reloads the proxy; put edits that must stay into the template"
            }
            Self::ProxyForeign => {
                "an operator must give the file back to the target it names, or move it away; a repair never replaces it"
            }
            Self::ProxyNewer => {
                "an operator must get the newer greenroom.toml and restart; if this file is right, save it again, which makes it newer"
            }
            Self::RouteAddressDiffers => {
                "the route is written with the slot's own address once it is healthy there"
            }
            Self::RouteVersionDiffers => {
                "an edited route is corrected to what runs; a version that was never released is not: promote the right one (P)"
            }
            Self::PublicElsewhere | Self::PublicNotOurs => {
                "an operator must find what listens on the public address, and what is in front of it; this proxy sends X-Greenroom-Slot"
            }
            Self::PublicUnwell => {
                "an operator must read the log of the live slot; roll back while the old version is warm"
            }
            Self::TwoLive => {
                "an edited configuration is installed again; otherwise an operator must check `nginx -T` and the proxy's old workers"
            }
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_a_name_a_meaning_and_a_repair() {
        let words: BTreeSet<&str> = Name::ALL.into_iter().map(Name::as_str).collect();
        assert_eq!(words.len(), Name::ALL.len());
        for name in Name::ALL {
            let is_kebab = |c: char| c.is_ascii_lowercase() || c == '-';
            assert!(name.as_str().chars().all(is_kebab), "{name}");
            for line in [name.means(), name.mend()] {
                assert!(
                    (20..=160).contains(&line.len()),
                    "{name}: {} bytes",
                    line.len()
                );
                assert!(
                    !line.contains('\n') && !line.ends_with('.'),
                    "{name}: {line}"
                );
            }
        }
    }
}
