//! The kinds of difference, each with a stable name, a meaning and a repair.

use std::fmt;

use serde::{Serialize, Serializer};

/// One kind of difference. Scripts and runbooks use the stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Name {
    /// The slot has too many or too few members, or members that run several digests.
    MembersDiffer,
    /// The slot is registered, but Greenroom has no instance in it.
    InstanceGone,
    /// The registered instance is not running.
    InstanceStopped,
    /// An old version is running without a registration, although no release is running.
    InstanceStarted,
    /// The running instance is not the registered one.
    InstanceReplaced,
    /// The running digest is not the registered one.
    VersionDiffers,
    /// The registered digest is running, but under another tag.
    TagDiffers,
    /// The slot is registered with an address that is not the address of the slot.
    AddressDiffers,
    /// The slot has the traffic, but is not registered.
    LiveNotRegistered,
    /// A key on which releases depend has a value that this Greenroom cannot read.
    KeyUnreadable,
    /// The proxy sends traffic to a slot, or a background service is running, but the store has no route.
    RouteMissing,
    /// The proxy and the route name different slots.
    ProxyElsewhere,
    /// The proxy and the route name the same slot, but different generations.
    GenerationDiffers,
    /// The proxy has a token that is higher than the revision of the store. So the store was probably wiped, restored
    /// or replaced.
    StoreWentBack,
    /// The store has a route, but the proxy has no configuration for the target, or its file is missing.
    ProxyNotInstalled,
    /// The proxy's configuration on disk is wrong, or the proxy has not loaded it.
    ProxyEdited,
    /// The proxy's configuration was installed from settings that are newer than the settings file that this console
    /// reads.
    ProxyNewer,
    /// The file in the place of the proxy's configuration belongs to another target, or Greenroom did not write it.
    ProxyForeign,
    /// The route has an address that is not the address of its slot.
    RouteAddressDiffers,
    /// The route has a digest that does not run in its slot.
    RouteVersionDiffers,
    /// The proxy names one slot, but the other slot answers the public address.
    PublicElsewhere,
    /// The answer on the public address does not come from this proxy, or there is no answer.
    PublicNotOurs,
    /// The right slot answers the public address, but with a wrong answer.
    PublicUnwell,
    /// Both slots get public requests, although no release is running.
    TwoLive,
}

impl Name {
    /// Every kind: first of instances, then of the route, then of the public address.
    pub const ALL: [Self; 24] = [
        Self::MembersDiffer,
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

    /// The name for scripts and runbooks. It never changes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MembersDiffer => "members-differ",
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

    /// One line that says what the difference means.
    pub fn means(self) -> &'static str {
        match self {
            Self::MembersDiffer => {
                "a second container with the labels of the slot was started, by hand or from an image that `docker commit` made: it is not known which one answers"
            }
            Self::InstanceGone => {
                "the registered container or process was removed; other programs that read the store still send requests to its address"
            }
            Self::InstanceStopped => {
                "the registered container or process was stopped or paused, or has ended; other programs that read the store still send requests to it"
            }
            Self::InstanceStarted => {
                "an old version was started again by hand, or a release was interrupted before it stopped this version"
            }
            Self::InstanceReplaced => {
                "the container or process was removed and created again by hand: the version is the same, but the configuration may differ"
            }
            Self::VersionDiffers => {
                "another version was started in the slot by hand, or the key was edited: the store does not name the version that is running"
            }
            Self::TagDiffers => {
                "the container or process was created again by hand, under another tag of the same image"
            }
            Self::AddressDiffers => {
                "the key was edited by hand, or the slot's address was changed in the configuration"
            }
            Self::LiveNotRegistered => {
                "the key was deleted by hand, or the container or process was started by hand: other programs that read the store do not find it"
            }
            Self::KeyUnreadable => {
                "the key was edited by hand, or another program or a newer Greenroom wrote it"
            }
            Self::RouteMissing => {
                "the route's key was deleted, or the store was wiped or replaced: other programs cannot read which slot is live, nor can Greenroom if there is no proxy"
            }
            Self::ProxyElsewhere => {
                "normal for a moment during a switch; otherwise a release was interrupted, the store was restored, or the pointer or the route was changed by hand"
            }
            Self::GenerationDiffers => {
                "normal for a moment during a switch; otherwise the store was restored, or the live pointer or the route's key was edited by hand"
            }
            Self::StoreWentBack => {
                "the store was probably wiped, restored from a backup or replaced: the proxy refuses every switch until the pointer is repaired"
            }
            Self::ProxyNotInstalled => {
                "the proxy configuration of this target was removed by hand: the proxy no longer serves this target, or will not after its next restart"
            }
            Self::ProxyEdited => {
                "the proxy's files were edited by hand, the settings were changed but not installed, or the proxy has not loaded its files"
            }
            Self::ProxyForeign => {
                "the file of this target belongs to another target, or was written by hand: when the proxy restarts, it will not serve this target"
            }
            Self::ProxyNewer => {
                "another operator installed a newer configuration: the greenroom.toml that this console reads is out of date"
            }
            Self::RouteAddressDiffers => {
                "the route's key was edited by hand, or the slot's address was changed in the configuration"
            }
            Self::RouteVersionDiffers => {
                "the route's key was edited by hand, or another version was started in the live slot by hand"
            }
            Self::PublicElsewhere => {
                "another proxy, a cache or a load balancer is in front of the proxy, or the proxy still uses an old configuration"
            }
            Self::PublicNotOurs => {
                "something other than this proxy answers the public address, or nothing answers"
            }
            Self::PublicUnwell => "requests reach the right slot, but its answers are wrong",
            Self::TwoLive => {
                "something bypasses the live pointer: an old worker of the proxy, or a configuration that was edited by hand"
            }
        }
    }

    /// One line that says what a repair does about the difference, or what an operator must do.
    pub fn mend(self) -> &'static str {
        match self {
            Self::MembersDiffer => {
                "an operator must remove the container that does not belong to the slot; a promote removes both from a slot without traffic"
            }
            Self::InstanceGone => {
                "a slot with traffic gets the registered container or process again, if a release proves that version; a slot without traffic is deregistered"
            }
            Self::InstanceStopped => {
                "a container or process with traffic is started again; a container or process without traffic is deregistered"
            }
            Self::InstanceStarted => {
                "the container or process is stopped, because it gets no traffic and is not registered"
            }
            Self::InstanceReplaced | Self::TagDiffers => {
                "the version that is running is registered once it is healthy; the next promote replaces it"
            }
            Self::VersionDiffers => {
                "an edited key is corrected to match the running version; a version that was never released stays unregistered: promote the right one"
            }
            Self::AddressDiffers => {
                "the version that is running is registered at the slot's own address once it is healthy"
            }
            Self::LiveNotRegistered => {
                "the version that is running is registered if it is healthy and the route names its version"
            }
            Self::KeyUnreadable => {
                "a registration or the route is corrected to match what is running; an operator must inspect a lock, a hold or a release"
            }
            Self::RouteMissing => {
                "the route is written to match the proxy, if the proxy's slot is healthy and registered; without a proxy, an operator must find out which version is live"
            }
            Self::ProxyElsewhere => {
                "the proxy is set to the route's slot once healthy; but the route is changed if it is unproven, if only the proxy's slot is running, or if the proxy is newer"
            }
            Self::GenerationDiffers => {
                "the lower generation is raised to the higher one; a generation that no switch can make is lowered; no traffic moves"
            }
            Self::StoreWentBack => {
                "the store is changed to match the proxy, and the pointer gets a token of this store; no traffic moves"
            }
            Self::ProxyNotInstalled | Self::ProxyEdited => {
                "the configuration is installed again, which reloads the proxy; edits of the installed file are lost: make them in the template"
            }
            Self::ProxyForeign => {
                "an operator must restore the file for the target that it names, or move it away; a repair never replaces it"
            }
            Self::ProxyNewer => {
                "an operator must get the newer greenroom.toml and restart Greenroom; if this file is right, save it again, which makes it newer"
            }
            Self::RouteAddressDiffers => {
                "the route is written with the slot's own address once the slot is healthy there"
            }
            Self::RouteVersionDiffers => {
                "an edited route is corrected to match the running version; a version that was never released is not accepted: promote the right one"
            }
            Self::PublicElsewhere | Self::PublicNotOurs => {
                "an operator must find what listens on the public address and what is in front of it; this proxy adds the header X-Greenroom-Slot"
            }
            Self::PublicUnwell => {
                "an operator must read the log of the live slot; roll back while the old version is warm"
            }
            Self::TwoLive => {
                "an edited configuration of the proxy is replaced; if it is not edited, an operator must check `nginx -T` and the proxy's old workers"
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
        let names: BTreeSet<&str> = Name::ALL.into_iter().map(Name::as_str).collect();
        assert_eq!(names.len(), Name::ALL.len());
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
