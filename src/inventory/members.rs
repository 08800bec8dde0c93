//! The members of a slot: the containers or processes that exist in it, and how many there should be.

use serde::{Deserialize, Serialize};

use super::{
    Address, Addresses, Digest, Instance, InstanceId, PerSlot, Probe, ReleaseId, RuntimeHealth,
    Slot, instance_name,
};

/// The members of one slot. A set with too many members, or with members of several digests, has no digest, because it
/// is not known which member answers. Only a set with the wanted number of members can be healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotMembers {
    /// How many members the slot should have: as many as it had when its version was released.
    wanted: usize,
    /// First the members with the names that Greenroom gives, by their number. The others follow by name.
    members: Vec<Instance>,
}

/// What names a member of a slot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member {
    pub id: InstanceId,
    /// The number of the member in its slot, from 1.
    pub number: usize,
    /// How many members the slot has.
    pub of: usize,
}

/// A slot without members.
impl Default for SlotMembers {
    fn default() -> Self {
        Self {
            wanted: 1,
            members: Vec::new(),
        }
    }
}

impl SlotMembers {
    pub fn new(members: impl IntoIterator<Item = Instance>) -> Self {
        let mut members: Vec<Instance> = members.into_iter().collect();
        members.sort_by_cached_key(|member| {
            let own = instance_name(&member.target, member.slot, member.number);
            let has_other_name = member.name != own;
            (
                has_other_name,
                member.number,
                member.name.clone(),
                member.id.clone(),
            )
        });
        let wanted = members.first().map_or(1, |first| first.of.max(1));
        Self { wanted, members }
    }

    /// The same members. If there are none, this many are wanted.
    #[must_use]
    pub fn or_empty_with(mut self, wanted: usize) -> Self {
        if self.members.is_empty() {
            self.wanted = wanted;
        }
        self
    }

    /// Sorts the instances of one target into its slots. Several instances may have the labels of one slot, because
    /// `docker commit` copies labels into an image, and every container of that image gets them.
    pub fn by_slot(instances: Vec<Instance>) -> PerSlot<Self> {
        let (blue, green) = instances
            .into_iter()
            .partition::<Vec<_>, _>(|instance| instance.slot == Slot::Blue);
        PerSlot {
            blue: Self::new(blue),
            green: Self::new(green),
        }
    }

    /// How many members the slot should have.
    pub fn wanted(&self) -> usize {
        self.wanted
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Instance> {
        self.members.iter()
    }

    pub fn iter_mut(&mut self) -> std::slice::IterMut<'_, Instance> {
        self.members.iter_mut()
    }

    pub fn len(&self) -> usize {
        self.members.len()
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Whether the slot has each wanted member, and all of them run the same digest.
    pub fn is_whole(&self) -> bool {
        self.members.len() == self.wanted && self.digest().is_some()
    }

    /// The digest that runs in the slot. None if the slot is empty, or if a member does not belong to it
    /// ([`Self::odd_ones`]).
    pub fn digest(&self) -> Option<&Digest> {
        self.representative().map(|member| &member.digest)
    }

    /// Any member, if all run the same digest. None if the slot has no digest.
    pub fn representative(&self) -> Option<&Instance> {
        let first = self.members.first()?;
        self.odd_ones().next().is_none().then_some(first)
    }

    /// The members that do not belong to the slot: those with a number above the wanted one, those with the number of a
    /// member before them, and those that run another digest than the first member.
    pub fn odd_ones(&self) -> impl Iterator<Item = &Instance> {
        let is_odd = |index: usize, member: &Instance| {
            let mut before = self.members[..index].iter();
            !(1..=self.wanted).contains(&member.number)
                || before.any(|other| other.number == member.number)
                || self.members[0].digest != member.digest
        };
        let members = self.members.iter().enumerate();
        members.filter_map(move |(index, member)| is_odd(index, member).then_some(member))
    }

    /// What is wrong with the set, as the end of a sentence about the slot: `has 2 containers or processes instead of
    /// 1: greenroom-web.qa.blue, debugging`. None if the slot is empty or whole.
    pub fn difference(&self) -> Option<String> {
        if self.is_empty() || self.is_whole() {
            return None;
        }
        let (count, wanted) = (self.members.len(), self.wanted);
        let several_digests = self
            .members
            .iter()
            .any(|it| it.digest != self.members[0].digest);
        if count == wanted && several_digests {
            let named = self.members.iter();
            let named = named.map(|member| format!("{} in {}", member.digest.short(), member.name));
            return Some(format!("runs several versions: {}", list(named)));
        }
        if count == wanted {
            let odd = list(self.odd_ones().map(|member| member.name.clone()));
            return Some(format!("has {odd} instead of another member"));
        }
        let noun = if count == 1 {
            "container or process"
        } else {
            "containers or processes"
        };
        Some(format!(
            "has {count} {noun} instead of {wanted}: {}",
            self.names()
        ))
    }

    /// The names of the members.
    pub fn names(&self) -> String {
        list(self.members.iter().map(|member| member.name.clone()))
    }

    /// The digests of the members, shortened, each once.
    pub fn short_digests(&self) -> String {
        let mut digests: Vec<String> = Vec::new();
        for member in &self.members {
            let digest = member.digest.short().to_owned();
            if !digests.contains(&digest) {
                digests.push(digest);
            }
        }
        list(digests.into_iter())
    }

    /// The addresses that these members use. These are the first addresses of the slot, if the version was released with
    /// fewer members than the slot has addresses. If the slot has too few, a member has the address that it got when it
    /// was created. All addresses of the slot if it is empty.
    pub fn addresses(&self, of_slot: &Addresses) -> Addresses {
        if self.is_empty() {
            return of_slot.clone();
        }
        if of_slot.is_empty() {
            return Addresses::counted(self.wanted);
        }
        if self.wanted <= of_slot.members() {
            return of_slot.first_members(self.wanted);
        }
        let mut addresses: Vec<Address> = of_slot.iter().cloned().collect();
        for number in addresses.len() + 1..=self.wanted {
            let mut members = self.members.iter();
            let member = members.find(|member| member.number == number);
            addresses.extend(member.and_then(|member| member.address(of_slot)));
        }
        Addresses::new(addresses).unwrap_or_else(|_| of_slot.clone())
    }

    /// The members by number and id, in their order.
    pub fn listed(&self) -> Vec<Member> {
        let listed = self.members.iter().map(|member| Member {
            id: member.id.clone(),
            number: member.number,
            of: self.wanted,
        });
        listed.collect()
    }

    pub fn ids(&self) -> impl Iterator<Item = &InstanceId> {
        self.members.iter().map(|member| &member.id)
    }

    pub fn get(&self, id: &InstanceId) -> Option<&Instance> {
        self.members.iter().find(|member| member.id == *id)
    }

    #[must_use]
    pub fn without(&self, id: &InstanceId) -> Self {
        let mut rest = self.clone();
        rest.members.retain(|member| member.id != *id);
        rest
    }

    /// The tag under which all members were released; none if they do not agree.
    pub fn tag(&self) -> Option<&str> {
        self.agreed(|member| member.tag.as_deref())
    }

    /// The release that started all members; none if they do not agree.
    pub fn release(&self) -> Option<ReleaseId> {
        self.agreed(|member| member.release)
    }

    fn agreed<'a, T: PartialEq>(&'a self, value: impl Fn(&'a Instance) -> Option<T>) -> Option<T> {
        let mut values = self.members.iter().map(value);
        let first = values.next()??;
        let others = |other: Option<T>| other.as_ref() == Some(&first);
        values.all(others).then_some(first)
    }

    /// Whether the slot is whole and all members are running.
    pub fn are_running(&self) -> bool {
        self.is_whole() && self.members.iter().all(Instance::is_running)
    }

    /// Whether all members are running, and none is known to be unhealthy, but the HEALTHCHECK of at least one has no
    /// result yet.
    pub fn are_only_starting(&self) -> bool {
        let is = |health: RuntimeHealth| self.members.iter().any(|member| member.health == health);
        self.are_running() && is(RuntimeHealth::Starting) && !is(RuntimeHealth::Unhealthy)
    }

    /// Whether at least one member is running.
    pub fn is_any_running(&self) -> bool {
        self.members.iter().any(Instance::is_running)
    }

    /// Why the members are not healthy: the set is not whole, or a member or the probe of the slot is not healthy.
    /// None if all members are healthy, or if the slot is empty.
    pub fn unhealthy(&self, probe: Option<&Probe>) -> Option<String> {
        if let Some(difference) = self.difference() {
            return Some(difference);
        }
        let first = self.members.iter().find_map(|member| {
            let why = member.unhealthy_by_runtime()?;
            Some((member, why))
        });
        match first {
            Some((member, why)) => Some(self.of_member(member, why)),
            None if self.is_empty() => None,
            None => Probe::failure(probe),
        }
    }

    /// The name of one member in a message: `green`, or `member 2 of green` if there are several.
    pub fn name_of_member(&self, slot: Slot, member: &Instance) -> String {
        match self.wanted {
            1 => slot.to_string(),
            _ => format!("member {} of {slot}", member.number),
        }
    }

    /// A text about one member. If there are several, it names the member: `member 2 of 3: not running`.
    pub fn of_member(&self, member: &Instance, text: &str) -> String {
        match self.wanted {
            1 => text.to_owned(),
            wanted => format!("member {} of {wanted}: {text}", member.number),
        }
    }
}

impl<'a> IntoIterator for &'a mut SlotMembers {
    type Item = &'a mut Instance;
    type IntoIter = std::slice::IterMut<'a, Instance>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter_mut()
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}

impl<'a> IntoIterator for &'a SlotMembers {
    type Item = &'a Instance;
    type IntoIter = std::slice::Iter<'a, Instance>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::super::InstanceState;
    use super::super::drift::world_tests::{digest, instance};
    use super::*;

    const OWN: &str = "greenroom-web.qa.blue";

    fn member(name: &str, fill: char) -> Instance {
        Instance {
            id: InstanceId(format!("id of {name}")),
            name: name.into(),
            ..instance(Slot::Blue, fill, 7)
        }
    }

    fn healthy() -> Probe {
        Probe {
            healthy: true,
            detail: "200".into(),
            took: std::time::Duration::ZERO,
        }
    }

    #[test]
    fn one_running_member_is_a_version() {
        let slot = SlotMembers::new([member(OWN, 'a')]);
        assert!(slot.is_whole() && slot.are_running() && !slot.is_empty());
        assert_eq!(slot.digest(), Some(&digest('a')));
        assert_eq!(slot.difference(), None);
        assert_eq!(slot.unhealthy(Some(&healthy())), None);
        assert!(slot.unhealthy(None).is_some());
    }

    #[test]
    fn an_empty_slot_has_no_digest_and_no_difference() {
        let slot = SlotMembers::default();
        assert!(slot.is_empty() && !slot.is_whole() && !slot.are_running());
        assert_eq!((slot.digest(), slot.difference()), (None, None));
    }

    #[test]
    fn two_members_are_no_version_even_with_one_digest() {
        for fill in ['a', 'b'] {
            let slot = SlotMembers::new([member("debugging", fill), member(OWN, 'a')]);
            assert!(!slot.is_whole() && !slot.are_running());
            assert_eq!((slot.digest(), slot.representative()), (None, None));
            let difference = slot.difference().expect("a difference");
            assert_eq!(
                difference,
                "has 2 containers or processes instead of 1: greenroom-web.qa.blue, debugging"
            );
            assert_eq!(slot.unhealthy(Some(&healthy())), Some(difference));
        }
    }

    #[test]
    fn the_odd_one_out_is_the_member_with_another_name() {
        let mut copy = member("debugging", 'a');
        for state in [InstanceState::Running, InstanceState::Created] {
            copy.state = state;
            for members in [
                [copy.clone(), member(OWN, 'a')],
                [member(OWN, 'a'), copy.clone()],
            ] {
                let slot = SlotMembers::new(members);
                let odd: Vec<&str> = slot.odd_ones().map(|it| it.name.as_str()).collect();
                assert_eq!(odd, ["debugging"]);
            }
        }
    }

    #[test]
    fn members_of_several_digests_are_no_version_even_in_the_wanted_number() {
        let mut slot = SlotMembers::new([numbered(1, 2, 'a'), numbered(2, 2, 'b')]);
        assert_eq!((slot.is_whole(), slot.digest()), (false, None));
        let difference = slot.difference().expect("a difference");
        assert!(difference.starts_with("runs several versions: "));
        assert!(
            difference.contains("in greenroom-web.qa.blue.2"),
            "{difference}"
        );

        slot.iter_mut()
            .for_each(|member| member.digest = digest('a'));
        assert!(slot.is_whole() && slot.difference().is_none());
    }

    #[test]
    fn a_member_with_the_number_of_another_does_not_belong_to_the_slot() {
        let copy = Instance {
            name: "debugging".into(),
            ..numbered(1, 2, 'a')
        };
        let slot = SlotMembers::new([copy, numbered(1, 2, 'a')]);
        let odd: Vec<&str> = slot.odd_ones().map(|it| it.name.as_str()).collect();
        assert_eq!(odd, ["debugging"]);
        assert_eq!((slot.is_whole(), slot.digest()), (false, None));
        let difference = slot.difference().expect("a difference");
        assert_eq!(difference, "has debugging instead of another member");
        let forged = SlotMembers::new([numbered(1, 2, 'a'), numbered(7, 2, 'a')]);
        assert_eq!(forged.odd_ones().count(), 1);
    }

    #[test]
    fn a_missing_member_is_counted_and_the_others_still_run_one_version() {
        let slot = SlotMembers::new([numbered(3, 3, 'a'), numbered(1, 3, 'a')]);
        assert!(!slot.is_whole() && slot.digest().is_some());
        let difference = slot.difference().expect("a difference");
        assert!(difference.starts_with("has 2 containers or processes instead of 3"));
        assert_eq!(slot.listed()[1].number, 3);
    }

    #[test]
    fn members_use_the_first_addresses_and_their_own_if_there_are_too_few() {
        let mut third = numbered(3, 3, 'a');
        third.endpoint = "127.0.0.1:9".parse().ok();
        let slot = SlotMembers::new([numbered(1, 3, 'a'), numbered(2, 3, 'a'), third]);
        let of = |text: &str| {
            slot.addresses(&text.parse().expect("addresses"))
                .to_string()
        };
        assert_eq!(of("127.0.0.1:1-5"), "127.0.0.1:1-3");
        assert_eq!(of("127.0.0.1:1-2"), "127.0.0.1:1, 127.0.0.1:2, 127.0.0.1:9");
        let empty = SlotMembers::default();
        let all = "127.0.0.1:1-5".parse().expect("addresses");
        assert_eq!(empty.addresses(&all), all);
    }

    #[test]
    fn members_agree_on_a_release_only_if_all_have_it() {
        let mut other = member("z", 'a');
        let both = |other: &Instance| SlotMembers::new([member(OWN, 'a'), other.clone()]);
        assert_eq!(both(&other).release(), member(OWN, 'a').release);
        assert_eq!(both(&other).tag(), Some("1.9.0"));
        (other.release, other.tag) = (None, None);
        assert_eq!((both(&other).release(), both(&other).tag()), (None, None));
        assert_eq!(both(&other).without(&other.id).tag(), Some("1.9.0"));
    }

    /// A member with the name that Greenroom gives.
    fn numbered(number: usize, of: usize, fill: char) -> Instance {
        let one = member(OWN, fill);
        Instance {
            name: instance_name(&one.target, one.slot, number),
            number,
            of,
            ..one
        }
    }

    #[test]
    fn instances_are_sorted_into_their_slots() {
        let green = instance(Slot::Green, 'b', 8);
        let slots = SlotMembers::by_slot(vec![green, member("z", 'a'), member(OWN, 'a')]);
        assert_eq!(slots.blue.names(), "greenroom-web.qa.blue, z");
        assert_eq!(slots.green.names(), "greenroom-web.qa.green");
    }
}
