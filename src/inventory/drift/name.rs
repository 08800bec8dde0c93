//! The differences there are, each by a name that stays, with what it means and what mends it.

use std::fmt;

use serde::{Serialize, Serializer};

/// One kind of difference. Scripts and runbooks know it by its word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// Registered, and nothing of ours is there.
    InstanceGone,
    /// Registered, and not running.
    InstanceStopped,
    /// An old version runs again, and nobody is releasing.
    InstanceStarted,
    /// Another instance than the one that was registered.
    InstanceReplaced,
    /// Another digest than the one that was registered.
    VersionDiffers,
    /// The right digest under another tag.
    TagDiffers,
    /// Registered with another address than the slot's.
    AddressDiffers,
    /// It has the traffic, and is not registered.
    LiveNotRegistered,
    /// A key of ours holds what is not ours to read.
    KeyUnreadable,
    /// The proxy sends traffic somewhere, and there is no route.
    RouteMissing,
    /// The proxy names another slot than the route.
    ProxyElsewhere,
    /// The right slot, by another switch than the route tells of.
    GenerationDiffers,
    /// The proxy carries a token that no lock of this store had yet.
    StoreWentBack,
    /// There is a route, and the proxy's configuration is gone.
    ProxyNotInstalled,
    /// The proxy's configuration is not what it should be, or not what it has loaded.
    ProxyEdited,
    /// The proxy's configuration comes from a newer file of settings than the one that is read here.
    ProxyNewer,
    /// What is in the place of the proxy's configuration belongs to another target, or to no target of Greenroom's.
    ProxyForeign,
    /// The route names another address than that of its slot.
    RouteAddressDiffers,
    /// The route names another digest than the one that runs in its slot.
    RouteVersionDiffers,
    /// The public address is answered by another slot than the one the proxy names.
    PublicElsewhere,
    /// The public address is answered by something that is not this proxy, or by nothing.
    PublicNotOurs,
    /// The right slot answers the public, and something is wrong with its answer.
    PublicUnwell,
    /// Both slots get requests of the public, and nobody is releasing.
    TwoLive,
}

impl Name {
    /// All of them, from what runs to what the world gets.
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

    /// The word for it; it never changes.
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
                "what is registered was removed, and whoever reads the store still sends requests there"
            }
            Self::InstanceStopped => {
                "what is registered was stopped, paused or has ended, and whoever reads the store still sends requests there"
            }
            Self::InstanceStarted => {
                "an old version was started again by hand, or a release was cut off before it stopped it"
            }
            Self::InstanceReplaced => {
                "it was removed and made again by hand: the same version, and nobody knows made how"
            }
            Self::VersionDiffers => {
                "another version was put there by hand: the store, and whoever reads it, believe the wrong one"
            }
            Self::TagDiffers => {
                "it was made again by hand under another tag: the same content under another name"
            }
            Self::AddressDiffers => {
                "the key was edited by hand, or the slot's address was changed in the configuration"
            }
            Self::LiveNotRegistered => {
                "its key was deleted by hand, or it was started by hand: whoever reads the store does not find it"
            }
            Self::KeyUnreadable => {
                "the key was edited by hand, or written by something else: what it said is lost"
            }
            Self::RouteMissing => {
                "the route's key was deleted or edited by hand: the proxy goes on, and nobody else knows where to"
            }
            Self::ProxyElsewhere => {
                "during a switch this lasts a moment; if it stays, a release was cut off, the store was restored, or the pointer or the route was changed by hand"
            }
            Self::GenerationDiffers => {
                "during a switch this lasts a moment; if it stays, the live pointer or the route's key was put back to an older state"
            }
            Self::StoreWentBack => {
                "the store was wiped, restored from a backup or replaced: the proxy refuses every switch until the pointer is repaired"
            }
            Self::ProxyNotInstalled => {
                "the proxy's configuration of this target was removed by hand: it answers nobody, or will not after its next start"
            }
            Self::ProxyEdited => {
                "the proxy's files were edited by hand, or the configuration was changed and not installed since"
            }
            Self::ProxyForeign => {
                "another target's file, or one that was made by hand, is in the place of this target's configuration: the next start of the proxy no longer serves this target"
            }
            Self::ProxyNewer => {
                "another operator installed a newer configuration: the one that is read here is the one that is out of date"
            }
            Self::RouteAddressDiffers => {
                "the route's key was edited by hand, or the slot's address was changed in the configuration"
            }
            Self::RouteVersionDiffers => {
                "the route's key was edited by hand, or another version was put into the live slot by hand"
            }
            Self::PublicElsewhere => {
                "another proxy, a cache or a balancer stands in front, or the proxy has not let go of an old configuration"
            }
            Self::PublicNotOurs => {
                "what answers there has not come through this proxy, or does not answer at all"
            }
            Self::PublicUnwell => {
                "requests arrive where they should, and are not answered as they should be"
            }
            Self::TwoLive => {
                "something sends requests around the live pointer: an old worker of the proxy, or a configuration edited by hand"
            }
        }
    }

    /// What a repair does about it, in one line; or what a person has to.
    pub fn mend(self) -> &'static str {
        match self {
            Self::InstanceGone => {
                "where it has the traffic it is made again as it is registered; else it is deregistered"
            }
            Self::InstanceStopped => {
                "where it has the traffic it is started again; else it is deregistered"
            }
            Self::InstanceStarted => "it is stopped: it has no traffic and nobody is sent there",
            Self::InstanceReplaced | Self::TagDiffers => {
                "what runs there is registered, once it is healthy; the next promote replaces it"
            }
            Self::VersionDiffers => {
                "an edited key is written as what runs; a version nobody released is not: promote the one that should run (P)"
            }
            Self::AddressDiffers => {
                "what runs there is registered at the slot's own address, once it is healthy"
            }
            Self::LiveNotRegistered => {
                "what runs there is registered, if it is healthy and what the route says"
            }
            Self::KeyUnreadable => {
                "an entry or the route is written as what runs; a lock, a hold or a release is for a person to look at"
            }
            Self::RouteMissing => {
                "the route is written as the proxy has it, if what it names is healthy and registered"
            }
            Self::ProxyElsewhere => {
                "the proxy is pointed at the slot the route names, once healthy; if nothing runs there, or the proxy's generation is higher, the route follows"
            }
            Self::GenerationDiffers => {
                "the lower of the two is raised to the higher; no traffic moves"
            }
            Self::StoreWentBack => {
                "the store follows what the proxy sends traffic to, and the pointer gets a token of this store; no traffic moves"
            }
            Self::ProxyNotInstalled | Self::ProxyEdited => {
                "it is installed anew, which reloads the proxy; an edit that is to stay belongs into the template"
            }
            Self::ProxyForeign => {
                "a person: give the file back to the target it names, or move it away; a repair never replaces it"
            }
            Self::ProxyNewer => {
                "a person: get the newer greenroom.toml and start again; if this one is right, save it again, which makes it newer"
            }
            Self::RouteAddressDiffers => {
                "the route is written with the slot's own address, once it is healthy there"
            }
            Self::RouteVersionDiffers => {
                "an edited route is written as what runs; a version nobody released is not: promote the one that should run (P)"
            }
            Self::PublicElsewhere | Self::PublicNotOurs => {
                "a person: see what listens on the public address and what stands between; ours has the header X-Greenroom-Slot"
            }
            Self::PublicUnwell => {
                "a person: see the log of the live slot; roll back while the old version is warm"
            }
            Self::TwoLive => {
                "an edited configuration is installed anew; else a person: see `nginx -T` and the proxy's old workers"
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
    fn each_has_a_word_of_its_own_and_a_line_of_meaning_and_of_mending() {
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
